"""The formulas of quality and pixel quality as pages explain them: name, formula, words and source."""

from __future__ import annotations

__all__ = ["PAPER", "PER_CONTRAST", "PIXEL_QUALITY", "QUALITY"]

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
