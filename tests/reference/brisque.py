"""The features of BRISQUE written from the paper: loops, and shapes found by bisection."""

from __future__ import annotations

import math


def window():
    weights = [[math.exp(-(x * x + y * y) / (2 * (7 / 6) ** 2)) for x in range(-3, 4)] for y in range(-3, 4)]
    total = sum(map(sum, weights))
    return [[weight / total for weight in row] for row in weights]


def mscn(grey):
    """Return (I - μ) / (σ + 1) with σ² = Σ w (I - μ)² around the pixel's own mean; borders are repeated."""
    height, width, weights, out = len(grey), len(grey[0]), window(), []
    for y in range(height):
        row = []
        for x in range(width):
            around = [
                (weights[j + 3][i + 3], grey[min(max(y + j, 0), height - 1)][min(max(x + i, 0), width - 1)])
                for j in range(-3, 4)
                for i in range(-3, 4)
            ]
            mean = sum(w * v for w, v in around)
            variance = sum(w * (v - mean) ** 2 for w, v in around)
            row.append((grey[y][x] - mean) / (math.sqrt(variance) + 1))
        out.append(row)
    return out


def ratio(shape):
    return math.gamma(2 / shape) ** 2 / (math.gamma(1 / shape) * math.gamma(3 / shape))


def shape_of(value):
    low, high = 0.2, 10.0
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if ratio(middle) < value else (low, middle)
    return low


def symmetric(values):
    variance = sum(v * v for v in values) / len(values)
    magnitude = sum(map(abs, values)) / len(values)
    return [shape_of(magnitude**2 / variance), variance]


def asymmetric(values):
    left, right = [v for v in values if v < 0], [v for v in values if v > 0]
    sl = math.sqrt(sum(v * v for v in left) / len(left))
    sr = math.sqrt(sum(v * v for v in right) / len(right))
    g = sl / sr
    r = (sum(map(abs, values)) / len(values)) ** 2 / (sum(v * v for v in values) / len(values))
    shape = shape_of(r * (g**3 + 1) * (g + 1) / (g**2 + 1) ** 2)
    bl, br = (s * math.sqrt(math.gamma(1 / shape) / math.gamma(3 / shape)) for s in (sl, sr))
    return [shape, (br - bl) * math.gamma(2 / shape) / math.gamma(1 / shape), sl**2, sr**2]


def features_of_one_scale(grey):
    c = mscn(grey)
    height, width = len(c), len(c[0])
    features = symmetric([v for row in c for v in row])
    for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1)):
        products = [
            c[y][x] * c[y + dy][x + dx]
            for y in range(height)
            for x in range(width)
            if 0 <= y + dy < height and 0 <= x + dx < width
        ]
        features += asymmetric(products)
    return features


def cubic(x):
    x = abs(x)
    if x <= 1:
        return 1.5 * x**3 - 2.5 * x**2 + 1
    return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x <= 2 else 0.0


def halve_line(line):
    """Halve as ``imresize(…, 0.5)``: kernel stretched by two, image mirrored at the ends, weights made to sum to 1."""
    size, mirrored = len(line), [*line, *line[::-1]]
    out = []
    for u in range(1, math.ceil(size / 2) + 1):  # MATLAB counts from 1
        centre = u / 0.5 + 0.5 * (1 - 1 / 0.5)
        taps = range(math.floor(centre - 4), math.floor(centre - 4) + 10)
        weights = [0.5 * cubic(0.5 * (centre - tap)) for tap in taps]
        values = [mirrored[(tap - 1) % (2 * size)] for tap in taps]
        out.append(sum(w * v for w, v in zip(weights, values, strict=True)) / sum(weights))
    return out


def halve(grey):
    columns = [halve_line(column) for column in zip(*grey, strict=True)]
    return [halve_line(row) for row in zip(*columns, strict=True)]


def features(rgb):
    grey = [[(299 * r + 587 * g + 114 * b + 500) // 1000 for r, g, b in row] for row in rgb]
    return features_of_one_scale(grey) + features_of_one_scale(halve(grey))
