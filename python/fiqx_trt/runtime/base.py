"""A session: an opened ONNX graph that runs any number of rows.

The checks, the split into native runs and the joining are here; a backend implements `Session._run`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import DeviceMismatchError, FiqxError, InferenceError, InvalidInputError, ModelError
from fiqx_trt.kernels import on_device
from fiqx_trt.runtime.turns import Turns, refuse_pickling

__all__ = ["Array", "Chunk", "Feeds", "Session", "TensorInfo", "first_line"]

Array = NDArray[Any]
Feeds = Mapping[str, Array]
Chunk = dict[str, Array]


@dataclass(frozen=True)
class TensorInfo:
    """An input or output of a graph.

    Attributes
    ----------
    name
        The tensor's name in the ONNX file.
    shape
        Its dimensions; the first is the batch and always None, another None may differ from run to run.
    dtype
        The NumPy dtype of a feed or result.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: np.dtype[Any]

    def fits(self, shape: Sequence[int]) -> bool:
        """Return whether an array of this shape can be this tensor, with any number of rows."""
        return len(shape) == len(self.shape) and all(
            want is None or have == want for have, want in zip(shape[1:], self.shape[1:], strict=True)
        )

    def __str__(self) -> str:
        """Return ``name: dtype (N, 3, 112, 112)``; ``?`` marks a free dimension."""
        dims = ["N", *("?" if d is None else str(d) for d in self.shape[1:])]
        return f"{self.name}: {self.dtype} ({', '.join(dims)})"


class Session(ABC):
    """An opened graph on one backend, device and precision.

    Every native run has a fixed number of rows, `batch` (a backend may offer other numbers that give the same bits): more
    are split into chunks, and the last chunk is padded by repeating its last row. So the bits of a row's result depend
    neither on the number of rows, nor on its position, nor on the other rows. One thread at a time runs; others wait.

    Parameters
    ----------
    backend, device, precision
        ``"openvino"``, ``"cpu"``, ``"fp32"`` …
    batch
        Rows of one native run, at least 1.
    inputs, outputs
        The graph's tensors, the batch dimension first.
    notes
        Sentences on why this backend, precision and batch were chosen.
    """

    def __init__(
        self,
        *,
        backend: str,
        device: str,
        precision: str,
        batch: int,
        inputs: Sequence[TensorInfo],
        outputs: Sequence[TensorInfo],
        notes: Sequence[str] = (),
    ) -> None:
        self.backend = backend
        self.device = device
        self.precision = precision
        self.batch = batch
        self.inputs = tuple(inputs)
        self.outputs = tuple(outputs)
        self.notes = tuple(notes)
        self._turns = Turns(f"{backend} session")
        self._closed = False

    def __repr__(self) -> str:
        """Return backend, device, precision and batch."""
        state = ", closed" if self._closed else ""
        return f"<{self.backend} session on {self.device}, {self.precision}, batch {self.batch}{state}>"

    def run(self, feeds: Feeds) -> dict[str, Array]:
        """Run the graph on any number of rows.

        Parameters
        ----------
        feeds
            One array per input, by name: the input's dtype and shape, the same number of rows N >= 0 in each.

        Returns
        -------
        dict
            One new array of N rows per output, by name.

        Raises
        ------
        InvalidInputError
            A name, dtype or shape does not fit the graph.
        DeviceMismatchError
            An array is on another device than the session.
        InferenceError
            The session is closed or of another process, or the backend failed.
        """
        with self._turns.take():
            self._require_open()
            arrays, rows = _check_feeds(self.inputs, feeds, self.device)
            if rows == 0 and all(None not in info.shape[1:] for info in self.outputs):
                return {i.name: np.empty((0, *_known(i.shape[1:])), i.dtype) for i in self.outputs}
            chunks = _split(arrays, rows, self._native_rows)
            return self._join(self._guarded(chunks), chunks, rows)

    def close(self) -> None:
        """Free the backend's memory; a second call and a call in a forked process do nothing."""
        if self._turns.foreign:
            return
        with self._turns.take():
            if not self._closed:
                self._closed = True
                self._close()

    def __reduce__(self) -> NoReturn:
        """Refuse pickling."""
        refuse_pickling(f"this {self.backend} session")

    def __enter__(self) -> Session:
        """Return the session itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the session."""
        self.close()

    def _native_rows(self, left: int) -> int:
        """Return the number of rows of the next native run, where so many rows are left."""
        return self.batch

    @abstractmethod
    def _run(self, chunks: Sequence[Chunk]) -> list[Chunk]:
        """Run chunks of as many rows as `_native_rows` says, contiguous and checked; several may be in flight.

        Returns one dict per chunk, in order, with a new array (never a view of the backend's memory) for every output.
        """

    @abstractmethod
    def _close(self) -> None:
        """Free the backend's objects; called once."""

    def _require_open(self) -> None:
        if self._closed:
            raise InferenceError(
                f"this {self.backend} session is closed; open another with fiqx_trt.runtime.open_session"
            )

    def _guarded(self, chunks: Sequence[Chunk]) -> list[Chunk]:
        try:
            return self._run(chunks)
        except FiqxError:
            raise
        except Exception as error:
            raise InferenceError(
                f"{self.backend} failed while running on {self.device}: {first_line(error)}"
            ) from error

    def _join(self, results: Sequence[Chunk], chunks: Sequence[Chunk], rows: int) -> dict[str, Array]:
        joined: dict[str, Array] = {}
        sizes = [len(next(iter(chunk.values()))) for chunk in chunks]
        for info in self.outputs:
            parts = [result[info.name] for result in results]
            for part, size in zip(parts, sizes, strict=True):
                if part.ndim == 0 or len(part) != size:
                    raise ModelError(
                        f"output '{info.name}' has shape {part.shape} for {size} input row(s): its "
                        "first dimension must be the batch, one result row per input row"
                    )
            whole = parts[0] if len(parts) == 1 else np.concatenate(parts)
            joined[info.name] = whole if len(whole) == rows else whole[:rows].copy()
        return joined


# OpenVINO's messages begin with lines that say where, not what.
_WHERE = ("Exception from ", "Check '", "FrontEnd API failed", "Model wasn't", "While validating")


def first_line(error: BaseException, limit: int = 300) -> str:
    r"""Return the first informative line of an exception's text, shortened.

    Examples
    --------
    >>> first_line(RuntimeError("shape mismatch\n  at conv.cpp:12"))
    'shape mismatch'
    """
    lines = [line.strip() for line in str(error).splitlines()]
    telling = [line for line in lines if line and not line.startswith(_WHERE) and not line.endswith(":")]
    text = telling[0].removeprefix("-- ") if telling else type(error).__name__
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _known(dims: Sequence[int | None]) -> tuple[int, ...]:
    return tuple(d for d in dims if d is not None)


def _check_feeds(inputs: Sequence[TensorInfo], feeds: Feeds, device: str) -> tuple[Chunk, int]:
    names = [info.name for info in inputs]
    if set(feeds) != set(names):
        raise InvalidInputError(
            f"the feeds are named {sorted(feeds)}, the graph's inputs {sorted(names)}: give one array each"
        )
    arrays = {info.name: _check_feed(info, feeds[info.name], device) for info in inputs}
    rows = {name: len(array) for name, array in arrays.items()}
    if len(set(rows.values())) != 1:
        counts = ", ".join(f"'{name}' {count}" for name, count in rows.items())
        raise InvalidInputError(
            f"the feeds have different numbers of rows ({counts}); give the same number in each"
        )
    return arrays, next(iter(rows.values()))


def _check_feed(info: TensorInfo, value: Any, device: str) -> Array:
    if on_device(value):
        raise DeviceMismatchError(
            f"input '{info.name}' is on a CUDA device, and this session takes arrays in host memory (it "
            f"runs on {device}): copy it first, with .cpu().numpy() in torch or .get() in CuPy and pycuda"
        )
    if not isinstance(value, np.ndarray):
        raise InvalidInputError(
            f"input '{info.name}' is a {type(value).__name__}; give a NumPy array, {info}"
        )
    if value.dtype != info.dtype:
        raise InvalidInputError(
            f"input '{info.name}' has dtype {value.dtype}, the graph expects {info.dtype}: convert it with "
            f".astype(np.{info.dtype.name})"
        )
    if not info.fits(value.shape):
        raise InvalidInputError(f"input '{info.name}' has shape {value.shape}, the graph expects {info}")
    return value


def _split(arrays: Chunk, rows: int, native_rows: Callable[[int], int]) -> list[Chunk]:
    if rows == 0:
        # Shapes that only a run can tell: run one chunk of zeros and keep none of its rows.
        return [{name: np.zeros((native_rows(1), *a.shape[1:]), a.dtype) for name, a in arrays.items()}]
    chunks: list[Chunk] = []
    start = 0
    while start < rows:
        size = native_rows(rows - start)
        chunks.append({name: _fill(array[start : start + size], size) for name, array in arrays.items()})
        start += size
    return chunks


def _fill(part: Array, batch: int) -> Array:
    if len(part) < batch:
        part = np.concatenate([part, np.repeat(part[-1:], batch - len(part), axis=0)])
    return np.ascontiguousarray(part)
