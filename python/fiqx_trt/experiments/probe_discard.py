"""Error-versus-discard curves of degraded probes against untouched pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.evaluate.comparisons import Comparisons
from fiqx_trt.evaluate.method_curves import EdcOptions, EdcResult, compare_methods
from fiqx_trt.evaluate.score_tables import MethodScores
from fiqx_trt.experiments.degraded_scores import DegradedScores

__all__ = ["discard_curves", "relative_area"]

Doubles = NDArray[np.float64]


def discard_curves(
    scored: DegradedScores,
    codes: NDArray[np.intp],
    usable: NDArray[np.bool_],
    options: EdcOptions,
    *,
    probes: int,
) -> tuple[EdcResult | None, EdcResult | None]:
    """Return the discard curves of degraded probes, and of the untouched pictures among each other.

    A probe is compared with the untouched pictures of all faces but its own.

    Parameters
    ----------
    scored
        Scores and embeddings of N faces and their copies.
    codes
        ``(N,)`` integer code of the person on each face.
    usable
        ``(N, K, L)`` which copies may be probes.
    options
        Threshold, limit and bands of the curves.
    probes
        Copies of each face that are drawn as probes, with the seed of ``options``.

    Returns
    -------
    tuple
        Degraded and untouched; ``None`` where there is no genuine or no impostor comparison.
    """
    whole = np.isfinite(scored.embeddings).all(axis=1)
    kept = np.flatnonzero(np.all([whole, *(np.isfinite(v) for v in scored.clean.values())], axis=0))
    gallery = _Pictures(kept, scored.embeddings[kept], {name: v[kept] for name, v in scored.clean.items()})
    drawn = _drawn(scored, kept, usable, probes, options.seed)
    directions = scored.higher_is_better
    return _compare(drawn, gallery, codes, directions, options), _compare(
        None, gallery, codes, directions, options
    )


def relative_area(result: EdcResult, position: int = 0) -> Mapping[str, tuple[float, float, float]]:
    """Return the area under each curve relative to no discard, with its band: method → (value, low, high).

    A value of 1 says that discarding by this quality helps no more than discarding nothing (*normalised pAUC* in other
    programs); the bounds are NaN without bands.

    Parameters
    ----------
    result
        The curves.
    position
        Which of the discard limits.
    """
    areas = {}
    for one in result.methods:
        low = high = float("nan")
        if one.bands is not None:
            with np.errstate(divide="ignore", invalid="ignore"):
                share = one.bands.areas[:, position] / (one.bands.limits[position] * one.bands.start)
            share = share[np.isfinite(share)]
            if len(share):
                tail = 0.5 * (1.0 - one.bands.level)
                low, high = (float(bound) for bound in np.quantile(share, [tail, 1.0 - tail]))
        areas[one.name] = (one.areas[position].relative, low, high)
    return areas


@dataclass(frozen=True)
class _Pictures:
    """Pictures of faces: which face each is made from, its embedding and its qualities."""

    source: NDArray[np.intp]
    vectors: NDArray[np.float32]
    scores: Mapping[str, Doubles]


def _drawn(
    scored: DegradedScores, kept: NDArray[np.intp], usable: NDArray[np.bool_], count: int, seed: int
) -> _Pictures:
    """Draw copies of every kept face."""
    flat = usable.reshape(len(scored), -1)
    rng = np.random.default_rng(seed)
    chosen = [(i, c) for i in kept for c in np.sort(rng.permutation(np.flatnonzero(flat[i]))[:count])]
    source, copy = np.array(chosen, np.intp).reshape(-1, 2).T
    vectors = scored.copies.reshape(*flat.shape, -1)[source, copy]
    return _Pictures(
        source, vectors, {name: v.reshape(flat.shape)[source, copy] for name, v in scored.degraded.items()}
    )


def _compare(
    probes: _Pictures | None,
    gallery: _Pictures,
    codes: NDArray[np.intp],
    directions: Mapping[str, bool],
    options: EdcOptions,
) -> EdcResult | None:
    """Compare probes with the gallery, or the gallery with itself, each pair once."""
    if probes is None:
        pictures, offset, probes = gallery, 0, gallery
        first, second = np.nonzero(gallery.source[:, np.newaxis] < gallery.source)
    else:
        pictures, offset = _joined(gallery, probes), len(gallery.source)
        first, second = np.nonzero(probes.source[:, np.newaxis] != gallery.source)
    genuine = codes[probes.source[first]] == codes[gallery.source[second]]
    if genuine.all() or not genuine.any():
        return None
    similarity = np.einsum("pd,pd->p", probes.vectors[first], gallery.vectors[second])
    names = tuple(map(str, range(len(pictures.source))))
    pairs = Comparisons(names, first + offset, second, genuine, similarity, codes[pictures.source])
    tables = [
        MethodScores(
            name=name,
            column=name,
            source=Path(),
            higher_is_better=directions[name],
            values=dict(zip(names, values.tolist(), strict=True)),
            images=names,
        )
        for name, values in pictures.scores.items()
    ]
    return compare_methods(pairs, tables, options)


def _joined(a: _Pictures, b: _Pictures) -> _Pictures:
    return _Pictures(
        np.concatenate([a.source, b.source]),
        np.concatenate([a.vectors, b.vectors]),
        {name: np.concatenate([values, b.scores[name]]) for name, values in a.scores.items()},
    )
