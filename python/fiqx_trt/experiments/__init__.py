"""Experiments on faces: they compute and return results; figures and pages are drawn elsewhere."""
