"""The error-versus-discard curve, written from its definition: slow, obvious, no NumPy tricks."""

from __future__ import annotations

import math


def false_match_rate(impostor, threshold):
    return sum(1 for s in impostor if s >= threshold) / len(impostor)


def false_non_match_rate(genuine, threshold):
    return sum(1 for s in genuine if s < threshold) / len(genuine)


def infimum_threshold(impostor, target):
    """Return (s, open): every threshold above s meets the target; no threshold at or below s does.

    The rate only changes at a score, so it is enough to try each score, and the gap above each score.
    """
    best = None
    for s in sorted(set(impostor), reverse=True):
        if sum(1 for other in impostor if other >= s) / len(impostor) > target:
            best = s
            break
    return -math.inf if best is None else best


def is_match(score, limit):
    """Return whether a score lies above the highest score that must not match."""
    return score > limit


def curve(first, second, genuine, similarity, quality, *, higher, fmr, fraction, recompute=False):
    """Return a list of (discard, fnmr, fmr or nan) from the definition."""
    worse = min if higher else max
    pairs = [
        (worse(quality[a], quality[b]), bool(g), s)
        for a, b, g, s in zip(first, second, genuine, similarity, strict=True)
    ]

    def counted(some):
        return sum(1 for _, g, _ in some if g or fraction == "comparisons")

    limit = infimum_threshold([s for _, g, s in pairs if not g], fmr)
    total, points = counted(pairs), []
    worst_first = sorted({q for q, _, _ in pairs}, reverse=not higher)
    for step in range(len(worst_first)):
        gone = set(worst_first[:step])
        left = [pair for pair in pairs if pair[0] not in gone]
        mated = [s for _, g, s in left if g]
        others = [s for _, g, s in left if not g]
        if not mated or (recompute and not others):
            break
        if recompute:
            limit = infimum_threshold(others, fmr)
        fnmr = sum(1 for s in mated if not is_match(s, limit)) / len(mated)
        achieved = sum(1 for s in others if is_match(s, limit)) / len(others) if others else math.nan
        points.append(((total - counted(left)) / total, fnmr, achieved))
    return points


def at(points, x):
    """Return the FNMR of the last step that is not beyond x."""
    return [fnmr for discard, fnmr, _ in points if discard <= x][-1]


def area(points, limit):
    """Return the area under the steps from 0 to the limit."""
    total = 0.0
    for i, (discard, fnmr, _) in enumerate(points):
        end = points[i + 1][0] if i + 1 < len(points) else 1.0
        total += fnmr * max(0.0, min(end, limit) - min(discard, limit))
    return total


def best(genuine, similarity, limit, total):
    """Return the FNMR after 0, 1, 2 … of ``total`` left, wrong ones first."""
    mated = [s for g, s in zip(genuine, similarity, strict=True) if g]
    left = sorted(mated, key=lambda s: is_match(s, limit))
    points = []
    while left and not is_match(left[0], limit):
        points.append(
            ((len(mated) - len(left)) / total, sum(not is_match(s, limit) for s in left) / len(left))
        )
        left = left[1:]
    return [*points, ((len(mated) - len(left)) / total, 0.0)]


def left_at(first, second, genuine, similarity, quality, *, higher, x):
    """Return the comparisons left at discard fraction x: whole levels of quality leave while at most x has left."""
    worse = min if higher else max
    pairs = [
        (worse(quality[a], quality[b]), bool(g), s)
        for a, b, g, s in zip(first, second, genuine, similarity, strict=True)
    ]
    left = pairs
    for level in sorted({q for q, _, _ in pairs}, reverse=not higher):
        fewer = [pair for pair in left if pair[0] != level]
        if not any(g for _, g, _ in fewer) or (len(pairs) - len(fewer)) / len(pairs) > x:
            break
        left = fewer
    return left


def det_point(left, target):
    """Return (fnmr, fmr) of the comparisons left at a target false match rate, from the definition."""
    mated = [s for _, g, s in left if g]
    others = [s for _, g, s in left if not g]
    limit = infimum_threshold(others, target)
    fnmr = sum(1 for s in mated if not is_match(s, limit)) / len(mated)
    return fnmr, sum(1 for s in others if is_match(s, limit)) / len(others)
