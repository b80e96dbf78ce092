"""The formulas of quality and pixel quality as pages explain them: name, formula, words and source."""

from __future__ import annotations

__all__ = [
    "ACTIVATION_SAYS",
    "PAPER",
    "PER_CONTRAST",
    "PIXELS_SAY",
    "PIXEL_QUALITY",
    "QUALITY",
    "QUALITY_SAYS",
]

#: What a page shows, in the sentence that it begins with.
QUALITY_SAYS = "Quality is how much use a picture of a face is to a recogniser, not how good it looks."
PIXELS_SAY = "Pixel-level quality P says how much each pixel serves the recogniser: 0 not at all, 1 fully."
ACTIVATION_SAYS = (
    "An activation map says where the network responds to a face: 0 least, 1 most, in each face by itself."
)

PAPER = "Terhörst et al."
QUALITY = (
    "Q̂",
    "σ(α (Q − r)), Q = 2σ(−d̄)",
    "SER-FIQ: how little the embedding moves under dropout, 0 to 1",
    f"{PAPER}, Eq. 1 and 2",
)
PIXEL_QUALITY = (
    "P",
    "1 − 1/(1 + 10^γ Ŝ²)",
    "pixel quality, 0 to 1; Ŝ: how strongly the pixel moves a quality node",
    f"{PAPER}, Eq. 3 to 7",
)
PER_CONTRAST = (
    "Ŝ per contrast",
    "Ŝ · C",
    "in place of Ŝ in P; C: deviation of the grey intensity in the 9 × 9 pixels around, the effect of a change as large as that",
    "this program",
)
