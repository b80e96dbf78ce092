"""Figures and reports, with matplotlib from the extra ``report``."""
