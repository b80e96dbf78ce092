"""Explanations: which pixels of a face a recogniser's answer rests on."""
