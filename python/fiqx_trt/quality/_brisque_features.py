"""The 36 natural-scene features of BRISQUE, in float64.

Mittal, Moorthy and Bovik, 'No-Reference Image Quality Assessment in the Spatial Domain', IEEE TIP 2012. A
grey image is divided by its local contrast (MSCN coefficients, Eq. 1 to 3); at full and at half size, a
generalised Gaussian is fitted to the coefficients (Eq. 4 to 6: shape, variance) and an asymmetric one to the
products of neighbours in four directions (Eq. 7 to 13: shape, mean, left and right variance). Both are fitted
by matching moments.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["FEATURES", "SMALLEST", "brisque_features"]

Array = NDArray[np.float64]

FEATURES = 36
#: Shortest side that leaves a whole window at half size.
SMALLEST = 14
#: Row and column step to the neighbour: horizontal, vertical, both diagonals, as the feature vector orders
#: them.
NEIGHBOURS = ((0, 1), (1, 0), (1, 1), (1, -1))
#: Shapes that a fit can give; the paper's program searches the same range.
SHAPES = np.arange(200, 10001) / 1000.0
#: Weights of red, green and blue in luminance (ITU-R BT.601).
LUMA = np.array([299, 587, 114])  # thousandths
#: What is added to the local deviation of luminance in 0..255 (C in Eq. 1).
STABILISER = 1.0
#: Differences below this are rounding: the smallest weight of the window is 1e-6, and luminance comes in
#: whole numbers.
ROUNDING = 1e-9


def brisque_features(face: NDArray[np.uint8], *, antialias: bool = True) -> Array:
    """Return the features of one image.

    Parameters
    ----------
    face
        ``(H, W, 3)`` uint8 RGB.
    antialias
        Halve the image with the bicubic kernel stretched to the smaller size, as MATLAB's ``imresize`` does
        and the paper's program with it; ``False``: with the kernel as it is, as OpenCV's ``resize`` does.

    Returns
    -------
    ndarray
        ``(36,)`` float64: for full and half size, shape and variance of the coefficients, then shape, mean,
        left and right variance for the four directions. All NaN when a side is shorter than 14 pixels; NaN
        where a fit does not exist, because the coefficients (or the products on one side of zero) are all
        zero, as in a flat image.
    """
    if min(face.shape[:2]) < SMALLEST:
        return np.full(FEATURES, np.nan)
    grey = grey_levels(face)
    return np.concatenate([_scale_features(grey), _scale_features(halve(grey, antialias=antialias))])


def grey_levels(face: NDArray[np.uint8]) -> Array:
    """Return 0.299 R + 0.587 G + 0.114 B of ``(H, W, 3)``, rounded to whole numbers, halves up."""
    # In integers: a floating-point sum that ends in one half would be rounded by the processor's order of summation.
    return np.asarray(((face.astype(np.int64) * LUMA).sum(axis=-1) + 500) // 1000, np.float64)


def _scale_features(grey: Array) -> Array:
    coefficients = mscn(grey)
    features = [*fit_symmetric(coefficients)]
    for down, right in NEIGHBOURS:
        features.extend(fit_asymmetric(neighbour_products(coefficients, down, right)))
    return np.array(features)


def mscn(grey: Array) -> Array:
    """Return the mean-subtracted, contrast-normalised coefficients (Eq. 1 to 3).

    Gaussian window of 7 by 7 with σ = 7/6; the image continues with its border values.
    """
    mean = _smooth(grey)
    # The variance may round to slightly below zero where the image is flat.
    deviation = np.sqrt(np.abs(_smooth(grey * grey) - mean * mean))
    difference = grey - mean
    difference[np.abs(difference) < ROUNDING] = 0.0
    return np.asarray(difference / (deviation + STABILISER))


@lru_cache(maxsize=1)
def _window() -> tuple[float, ...]:
    weights = [math.exp(-(x * x) / (2.0 * (7.0 / 6.0) ** 2)) for x in range(-3, 4)]
    return tuple(weight / math.fsum(weights) for weight in weights)


def _smooth(image: Array) -> Array:
    height, width = image.shape
    padded = np.pad(image, 3, mode="edge")
    rows, smooth = np.zeros((height, width + 6)), np.zeros((height, width))
    for i, weight in enumerate(_window()):
        rows += weight * padded[i : i + height]
    for i, weight in enumerate(_window()):
        smooth += weight * rows[:, i : i + width]
    return smooth


def neighbour_products(coefficients: Array, down: int, right: int) -> Array:
    """Return the products of each coefficient with its neighbour, where both exist (Eq. 7 to 10)."""
    height, width = coefficients.shape
    left = max(0, -right)
    here = coefficients[: height - down, left : width - max(0, right)]
    there = coefficients[down:, left + right : width - max(0, right) + right]
    return np.asarray(here * there)


@lru_cache(maxsize=1)
def _shape_ratios() -> Array:
    """Return Γ(2/α)² / (Γ(1/α)Γ(3/α)) of all shapes; it rises with the shape."""
    logs = [2.0 * math.lgamma(2.0 / a) - math.lgamma(1.0 / a) - math.lgamma(3.0 / a) for a in SHAPES.tolist()]
    return np.asarray(np.exp(np.array(logs)))


def _shape(ratio: float) -> float:
    """Return the shape whose ratio of squared mean magnitude to variance is ``ratio``, within 0.2 … 10."""
    return float(np.interp(ratio, _shape_ratios(), SHAPES))


def fit_symmetric(values: Array) -> tuple[float, float]:
    """Return shape and variance of a generalised Gaussian (Sharifi and Leon-Garcia 1995; Eq. 4 to 6)."""
    variance = float(np.mean(values * values))
    if variance == 0.0:
        return math.nan, math.nan
    return _shape(float(np.mean(np.abs(values))) ** 2 / variance), variance


def fit_asymmetric(values: Array) -> tuple[float, float, float, float]:
    """Return shape, mean, left and right variance of an asymmetric generalised Gaussian (Lasmar et al. 2009).

    With γ = σ_l/σ_r and r = E|x|²/E[x²], the shape solves ``Γ(2/α)²/(Γ(1/α)Γ(3/α)) = r (γ³+1)(γ+1)/(γ²+1)²``;
    the mean is ``(σ_r - σ_l) sqrt(Γ(1/α)/Γ(3/α)) Γ(2/α)/Γ(1/α)`` (Eq. 11 to 13 with β from σ).
    """
    left, right = values[values < 0.0], values[values > 0.0]
    if not (len(left) and len(right)):
        return math.nan, math.nan, math.nan, math.nan
    left_variance, right_variance = float(np.mean(left * left)), float(np.mean(right * right))
    balance = math.sqrt(left_variance / right_variance)
    ratio = float(np.mean(np.abs(values))) ** 2 / float(np.mean(values * values))
    corrected = ratio * (balance**3 + 1.0) * (balance + 1.0) / (balance**2 + 1.0) ** 2
    shape = _shape(corrected)
    one, two, three = (math.lgamma(k / shape) for k in (1, 2, 3))
    moment = math.exp(0.5 * (one - three) + two - one)
    mean = (math.sqrt(right_variance) - math.sqrt(left_variance)) * moment
    return shape, mean, left_variance, right_variance


def halve(image: Array, *, antialias: bool = True) -> Array:
    """Return an image of half the size, rounded up, by bicubic interpolation (Keys 1981).

    With ``antialias`` the kernel has a = -1/2, is stretched by two and mirrors the image at its borders;
    without, it has a = -3/4 and repeats the border values (and rounds the size down).
    """
    return _halve_columns(_halve_columns(image, antialias).T, antialias).T


def _halve_columns(image: Array, antialias: bool) -> Array:
    # A product and a sum per tap, never a matrix product: its last bit depends on the processor and on the pixel's place.
    at, weights = _halving(len(image), antialias)
    halved = np.zeros((len(at), image.shape[1]))
    for tap in range(at.shape[1]):
        halved += weights[:, tap, np.newaxis] * image[at[:, tap]]
    return halved


@lru_cache(maxsize=16)
def _halving(size: int, antialias: bool) -> tuple[NDArray[np.intp], Array]:
    """Return the places, ``(size / 2, taps)``, that each pixel of a halved column is made of, and their weights."""
    stretch, sharpness = (2.0, -0.5) if antialias else (1.0, -0.75)
    out = (size + 1) // 2 if antialias else size // 2
    # Centres of the output pixels in input coordinates; both have pixel centres at integers.
    centres = (np.arange(out) + 0.5) * (2.0 if antialias else size / out) - 0.5
    reach = math.ceil(2.0 * stretch)
    taps = np.floor(centres).astype(int)[:, np.newaxis] + np.arange(-reach, reach + 2)
    weights = np.array(
        [
            [_cubic((centre - j) / stretch, sharpness) for j in row]
            for centre, row in zip(centres, taps, strict=True)
        ]
    )
    at = np.array([[_inside(j, size, mirror=antialias) for j in row] for row in taps.tolist()], np.intp)
    return at, weights / weights.sum(axis=1, keepdims=True)


def _inside(position: int, size: int, *, mirror: bool) -> int:
    if not mirror:
        return min(max(position, 0), size - 1)
    position %= 2 * size
    return position if position < size else 2 * size - 1 - position


def _cubic(x: float, a: float) -> float:
    """Return the cubic convolution kernel at x."""
    x = abs(x)
    if x <= 1.0:
        return (a + 2.0) * x**3 - (a + 3.0) * x**2 + 1.0
    return a * (x**3 - 5.0 * x**2 + 8.0 * x - 4.0) if x < 2.0 else 0.0
