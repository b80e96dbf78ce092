"""Figures, drawn from results with matplotlib (extra ``report``); each is written as a picture and as its data."""
