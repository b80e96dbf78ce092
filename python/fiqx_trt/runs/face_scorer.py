"""A scorer for programs: picklable, opens its model at the first call in each process."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from fiqx_trt.errors import InferenceError
from fiqx_trt.faces.in_memory import given_sources
from fiqx_trt.faces.prepare import FacePreparer, FaceRecord, FaceSource
from fiqx_trt.models.model import Model
from fiqx_trt.rows import Column, Row, score_columns
from fiqx_trt.rows.schema import check_row
from fiqx_trt.runs.loop import iter_rows
from fiqx_trt.runs.options import FaceOptions, RuntimeOptions
from fiqx_trt.runs.score_rows import Scorer
from fiqx_trt.runs.settings import ScoreSettings
from fiqx_trt.zoo import DEFAULT_MODEL

if TYPE_CHECKING:
    import pyarrow as pa

    from fiqx_trt.quality import OptionsByMethod, QualityMethod

__all__ = ["FaceScorer", "OpenScorer"]


@dataclass(frozen=True)
class OpenScorer:
    """The model, methods and detector that a :class:`FaceScorer` opened in one process."""

    model: Model
    scorer: Scorer
    preparer: FacePreparer
    columns: Sequence[Column]

    def rows(self, sources: Iterator[FaceSource], *, batch: int) -> Iterator[tuple[FaceRecord, Row]]:
        """Yield each face record with its row, which has every column."""
        threads = self.preparer.threads or 2
        for record, row in iter_rows(sources, self.preparer, self.scorer, batch=batch, threads=threads):
            yield record, check_row(row, self.columns)

    def close(self) -> None:
        """Free the model and the detector."""
        self.preparer.close()
        self.model.close()


@dataclass
class _Process:
    """The state of one process; a forked process starts with an empty one."""

    lock: threading.RLock = field(default_factory=threading.RLock)
    opened: OpenScorer | None = None


class FaceScorer:
    """Scores pictures: files, bytes, arrays or PIL images.

    The object holds settings only, so it can be pickled and sent to workers. Each process opens its own model at its first
    call and keeps it for later calls. Threads may share it.

    Parameters
    ----------
    model
        Name of a known model, or an ONNX or TensorFlow Lite file.
    methods
        Names of quality methods (:func:`fiqx_trt.quality.method_names`).
    aligned
        Whether the pictures are aligned crops; they are resized if needed. Otherwise faces are detected and aligned.
    detector
        Name of a detector, such as ``"mtcnn"``, or ``"landmarks:FILE"``; ``None``: the default one.
    select
        ``"largest"``, ``"all"``, or ``"single"`` (several faces fail).
    min_face, confidence
        Side of the smallest face that the detector looks for, in pixels, and its least confidence; ``None``: its own.
    options
        Options of the methods, such as ``{"serfiq": {"dropout": 0.3}}`` (or :class:`fiqx_trt.quality.MethodOptions`).
    contract
        Fields of the model's contract that replace those of its sidecar, such as ``{"mean": 127.5, "std": 127.5}``; the
        keywords of :func:`fiqx_trt.load_model`.
    backend, precision, device, threads
        Where networks run, as in :func:`fiqx_trt.load_model`.
    batch
        Batch size; does not affect results.

    Raises
    ------
    InvalidInputError
        An argument is wrong. Errors that concern the model are raised at the first call.

    Notes
    -----
    Processes that are forked after the first call cannot use the scorer: native threads do not survive a fork. Start them
    with ``multiprocessing.get_context("spawn")``, or fork before the first call.

    Examples
    --------
    >>> import fiqx_trt as fx
    >>> scorer = fx.FaceScorer(methods=["serfiq", "magface"])
    >>> table = scorer(["a.jpg", jpeg_bytes, rgb_array])     # doctest: +SKIP
    >>> scorer.schema.names[:6]
    ['path', 'face', 'faces', 'status', 'error', 'serfiq']

    A data set of Hugging Face, whose pictures are not decoded twice (``cast_column("image", Image(decode=False))``):

    >>> scored = dataset.map(lambda rows: scorer(rows["image"]).to_pydict(), batched=True)     # doctest: +SKIP

    Spark, over a table with the bytes of the pictures (``spark.read.format("binaryFile")``):

    >>> def scores(frames):
    ...     for frame in frames:
    ...         yield scorer(frame["content"]).to_pandas()
    >>> scored = table.mapInPandas(scores, from_arrow_schema(scorer.schema))                   # doctest: +SKIP

    Workers of a torch DataLoader; a batch is a table:

    >>> loader = DataLoader(paths, batch_size=64, num_workers=4, collate_fn=scorer,            # doctest: +SKIP
    ...                     multiprocessing_context="spawn")
    """

    def __init__(
        self,
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
    ) -> None:
        faces = FaceOptions(aligned, detector, select, min_face, confidence)
        runtime = RuntimeOptions(backend, precision, device, threads)
        self.settings = ScoreSettings(
            model=model,
            faces=faces,
            runtime=runtime,
            contract=dict(contract or {}),
            methods=methods,
            options=options,
        )
        self.batch = batch
        self.settings.create_methods()  # raises here, not in a worker
        self._processes: dict[int, _Process] = {}

    def __call__(self, inputs: object) -> pa.Table:
        """Score pictures.

        Parameters
        ----------
        inputs
            A list; each element is the path of one picture, the bytes of a picture file, uint8 RGB pixels of one picture
            ``(H, W, 3)`` or of several ``(N, H, W, 3)`` (or with the colours first), a PIL image, or a dictionary of
            ``bytes`` and ``path``; see :mod:`fiqx_trt.faces.in_memory`. A single element may come without the list, a column
            of pandas or Arrow in its place, and an empty list gives a table without rows.

        Returns
        -------
        pyarrow.Table
            One row per face or failure, in the order of the inputs, with the columns of the command ``score``. The row of
            a picture without a file has a ``path`` such as ``inputs[2]``.

        Raises
        ------
        InvalidInputError
            An input is no picture in any of these forms. (A picture that cannot be read is a row.)
        InferenceError
            This process was forked from one that had called the scorer before.
        ModelError, BackendUnavailableError
            The model cannot be opened.
        """
        from fiqx_trt.rows.parquet import arrow_table

        sources = given_sources(inputs, expand=False)
        opened = self.open()
        return arrow_table(opened.columns, [row for _, row in opened.rows(sources, batch=self.batch)])

    @property
    def schema(self) -> pa.Schema:
        """The schema of the tables; no model is opened."""
        from fiqx_trt.rows.parquet import arrow_table

        return arrow_table(self._columns(self.settings.create_methods()), []).schema

    def open(self) -> OpenScorer:
        """Open the model, methods and detector of this process at the first call, and return them.

        Raises
        ------
        InferenceError, ModelError, BackendUnavailableError
            See :meth:`__call__`.
        """
        own = self._processes.setdefault(os.getpid(), _Process())
        for process, state in list(self._processes.items()):
            if process != os.getpid() and state.opened is not None:
                raise InferenceError(
                    f"this FaceScorer was called in process {process} and does not work in a fork of it. Start workers with "
                    "multiprocessing.get_context('spawn'), or before the first call"
                )
        with own.lock:
            if own.opened is None:
                own.opened = self._open()
            return own.opened

    def _open(self) -> OpenScorer:
        settings = self.settings
        methods = settings.create_methods()
        model = settings.open_model()
        try:
            scorer = Scorer(model, methods)
            preparer = settings.faces.preparer(model.spec, settings.runtime)
            return OpenScorer(model, scorer, preparer, self._columns(methods))
        except BaseException:
            model.close()
            raise

    def _columns(self, methods: Sequence[QualityMethod]) -> Sequence[Column]:
        return score_columns(Scorer(None, methods).columns, detection=not self.settings.faces.aligned)

    def close(self) -> None:
        """Close the model and detector of this process; the next call opens them again."""
        own = self._processes.pop(os.getpid(), None)
        if own is not None and own.opened is not None:
            own.opened.close()

    def __enter__(self) -> FaceScorer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        return {"settings": self.settings, "batch": self.batch}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__dict__.update(state, _processes={})

    def __repr__(self) -> str:
        settings = self.settings
        return (
            f"FaceScorer(model={str(settings.model)!r}, methods={list(settings.methods)!r}, "
            f"aligned={settings.faces.aligned})"
        )
