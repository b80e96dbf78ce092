"""``fx.score``: the quality of the faces in pictures, in one call."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.faces.in_memory import given_sources
from fiqx_trt.rows import Row
from fiqx_trt.runs.face_scorer import FaceScorer, OpenScorer
from fiqx_trt.runs.record import RanModel
from fiqx_trt.runs.result import Scores
from fiqx_trt.runs.show import small_jpeg
from fiqx_trt.zoo import DEFAULT_MODEL

if TYPE_CHECKING:
    from fiqx_trt.quality import OptionsByMethod

__all__ = ["score"]

#: Height of a thumbnail, in pixels.
THUMBNAIL = 80


def score(
    inputs: object,
    model: str | Path = DEFAULT_MODEL,
    methods: Sequence[str] = ("serfiq",),
    *,
    aligned: bool = False,
    detector: str | None = None,
    select: str = "largest",
    min_face: float | None = None,
    confidence: float | None = None,
    options: OptionsByMethod | None = None,
    contract: Mapping[str, Any] | None = None,
    backend: str = "auto",
    precision: str = "auto",
    device: str = "auto",
    batch: int = 32,
    threads: int | None = None,
    thumbnails: int = 12,
) -> Scores:
    """Return the quality of every face in pictures.

    The model is opened and closed in the call. Keep a :class:`fiqx_trt.FaceScorer` for many calls, and use
    :func:`fiqx_trt.score_files` for more rows than fit in memory.

    Parameters
    ----------
    inputs
        A path, a folder, a glob, an archive, the bytes of a picture file, a uint8 RGB array of one picture or several, a
        PIL image, or a list of these; see :mod:`fiqx_trt.faces.in_memory`.
    model, methods, aligned, detector, select, min_face, confidence, options, contract, backend, precision, device, batch, threads
        As for :class:`fiqx_trt.FaceScorer`.
    thumbnails
        Faces that the result shows in a notebook, those of the lowest quality.

    Returns
    -------
    Scores
        The rows, with ``to_arrow()``, ``to_pandas()`` and a summary when it is printed.

    Raises
    ------
    InvalidInputError
        There is no input, or one is of another kind, dtype or shape.
    SourceError
        An input does not exist or names no picture.
    ModelError, BackendUnavailableError
        The model cannot be opened.

    Examples
    --------
    >>> import fiqx_trt as fx
    >>> fx.score("photos/")              # doctest: +SKIP
    12 rows: 11 ok, 1 no_face; mobilefacenet on openvino, cpu, fp32
    """
    settings = FaceScorer(
        model,
        methods,
        aligned=aligned,
        detector=detector,
        select=select,
        min_face=min_face,
        confidence=confidence,
        options=options,
        contract=contract,
        backend=backend,
        precision=precision,
        device=device,
        batch=batch,
        threads=threads,
    )
    if not isinstance(inputs, (str, bytes)) and isinstance(inputs, Sequence) and not len(inputs):
        raise InvalidInputError(
            'inputs is empty; give at least one picture, such as fx.score("photo.jpg") or fx.score(["a.jpg", "b.jpg"])'
        )
    sources = given_sources(inputs, expand=True)
    with settings as scorer:
        opened = scorer.open()
        shown = _Lowest(opened, thumbnails)
        rows: list[Row] = []
        for record, row in opened.rows(sources, batch=batch):
            if record.image is not None:
                shown.add(len(rows), row, record.image)
            rows.append(row)
        return _result(opened, rows, shown.pictures())


def _result(opened: OpenScorer, rows: list[Row], thumbnails: Mapping[int, bytes]) -> Scores:
    scorer = opened.scorer
    methods = {method.columns[0]: method.higher_is_better for method in scorer.methods}
    return Scores(rows, opened.columns, methods, str(RanModel.of(opened.model)), scorer.notes(), thumbnails)


class _Lowest:
    """Collect the faces of the lowest quality by the first method."""

    def __init__(self, opened: OpenScorer, count: int) -> None:
        method = opened.scorer.methods[0]
        self._column = method.columns[0]
        self._sign = 1.0 if method.higher_is_better else -1.0
        self._count = count
        self._heap: list[tuple[float, int, NDArray[np.uint8]]] = []  # the first has the highest quality

    def add(self, index: int, row: Row, face: NDArray[np.uint8]) -> None:
        value = row[self._column]
        if not isinstance(value, float) or self._count < 1:
            return
        entry = (-self._sign * value, -index, face)
        if len(self._heap) < self._count:
            heapq.heappush(self._heap, entry)
        elif entry[:2] > self._heap[0][:2]:
            heapq.heapreplace(self._heap, entry)

    def pictures(self) -> dict[int, bytes]:
        """Return them as small JPEG pictures by their row, the lowest first."""
        return {
            -index: small_jpeg(face, height=THUMBNAIL)
            for _, index, face in sorted(self._heap, key=lambda e: e[:2], reverse=True)
        }
