"""Score faces and degraded copies of them, and compare every copy with its untouched face."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.experiments.degradations import DEGRADATIONS, LEVELS, degrade

if TYPE_CHECKING:
    from fiqx_trt.models.model import Model
    from fiqx_trt.quality.base import QualityMethod

__all__ = ["DegradedScores", "score_degraded"]

#: Pictures that are degraded and scored together; bounds the memory, never changes a number.
CHUNK = 128

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class DegradedScores:
    """Scores and embeddings of N faces and of their copies by K degradations at L strengths.

    Parameters
    ----------
    kinds, levels
        The K degradations and the L strengths in (0, 1].
    higher_is_better
        Method → direction of its quality.
    clean
        Method → ``(N,)`` float64 raw quality of the untouched faces; NaN where it is not defined.
    degraded
        Method → ``(N, K, L)`` float64 raw quality of the copies.
    embeddings
        ``(N, D)`` float32 of unit length, of the untouched faces; a row is NaN where the network gave none.
    copies
        ``(N, K, L, D)`` float32 of unit length, of the copies.
    """

    kinds: tuple[str, ...]
    levels: tuple[float, ...]
    higher_is_better: Mapping[str, bool]
    clean: Mapping[str, Doubles]
    degraded: Mapping[str, Doubles]
    embeddings: NDArray[np.float32]
    copies: NDArray[np.float32]

    def __len__(self) -> int:
        """Return the number N of faces."""
        return len(self.embeddings)

    @property
    def similarity(self) -> Doubles:
        """Return the cosine of every copy to its untouched face, ``(N, K, L)`` float64."""
        own = self.embeddings.astype(np.float64)[:, np.newaxis, np.newaxis, :]
        return np.asarray((self.copies.astype(np.float64) * own).sum(axis=-1))

    def rising(self, method: str) -> tuple[Doubles, Doubles]:
        """Return ``clean`` and ``degraded`` of a method with the sign that makes higher better."""
        sign = 1.0 if self.higher_is_better[method] else -1.0
        return sign * self.clean[method], sign * self.degraded[method]


def score_degraded(
    model: Model,
    faces: NDArray[np.uint8],
    methods: Sequence[QualityMethod],
    *,
    kinds: Sequence[str] = tuple(DEGRADATIONS),
    levels: Sequence[float] = LEVELS,
    progress: Callable[[int, int], None] | None = None,
) -> DegradedScores:
    """Degrade faces in every way and strength, and score and embed all copies.

    Parameters
    ----------
    model
        The recogniser.
    faces
        ``(N, H, W, 3)`` uint8 RGB, aligned, of the model's input size.
    methods
        Quality methods with different names.
    kinds, levels
        Degradations (:data:`fiqx_trt.experiments.degradations.DEGRADATIONS`) and strengths in (0, 1].
    progress
        Called with the number of pictures done and of all.

    Raises
    ------
    InvalidInputError
        There are no faces or methods, or a degradation or a strength is unknown.
    """
    _check(faces, methods, kinds, levels)
    tasks = [(face, kind, level) for face in range(len(faces)) for kind in kinds for level in levels]
    order: list[tuple[int, str, float]] = [(face, "", 0.0) for face in range(len(faces))] + tasks
    scores: dict[str, list[Doubles]] = {method.name: [] for method in methods}
    embeddings: list[NDArray[np.float32]] = []
    for start in range(0, len(order), CHUNK):
        pictures = np.stack(
            [degrade(faces[i], kind, level) for i, kind, level in order[start : start + CHUNK]]
        )
        extracted = model.extract(pictures)
        for method in methods:
            scores[method.name].append(method.score(model, pictures, extracted).raw)
        embeddings.append(_unit(extracted.embedding))
        if progress is not None:
            progress(min(start + CHUNK, len(order)), len(order))
    vectors = np.concatenate(embeddings)
    raw = {name: np.concatenate(parts) for name, parts in scores.items()}
    count, shape = len(faces), (len(faces), len(kinds), len(levels))
    return DegradedScores(
        kinds=tuple(kinds),
        levels=tuple(levels),
        higher_is_better={method.name: method.higher_is_better for method in methods},
        clean={name: values[:count] for name, values in raw.items()},
        degraded={name: values[count:].reshape(shape) for name, values in raw.items()},
        embeddings=vectors[:count],
        copies=vectors[count:].reshape(*shape, vectors.shape[1]),
    )


def _unit(raw: NDArray[np.float32]) -> NDArray[np.float32]:
    length = np.sqrt(np.square(raw, dtype=np.float64).sum(axis=1, keepdims=True))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(raw / length, np.float32)


def _check(
    faces: NDArray[np.uint8], methods: Sequence[QualityMethod], kinds: Sequence[str], levels: Sequence[float]
) -> None:
    if not len(faces) or not methods or not kinds or not levels:
        raise InvalidInputError(
            f"{len(faces)} faces, {len(methods)} methods, {len(kinds)} degradations and {len(levels)} strengths were given; "
            "give at least one of each"
        )
    unknown = [kind for kind in kinds if kind not in DEGRADATIONS]
    if unknown:
        raise InvalidInputError(
            f"no degradation is called {unknown[0]!r}; choose from {', '.join(DEGRADATIONS)}"
        )
    if not all(0.0 < level <= 1.0 for level in levels):
        raise InvalidInputError(f"the strengths are {tuple(levels)}; give numbers above 0 and at most 1")
