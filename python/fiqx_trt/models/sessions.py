"""The runtime sessions of one model: its network, heads, other outputs and derived graphs, each opened once."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fiqx_trt import kernels
from fiqx_trt.errors import BackendError, ModelError
from fiqx_trt.models.extracted import flat
from fiqx_trt.onnx_export.graphs.affine import folded_head
from fiqx_trt.onnx_export.graphs.half import to_half
from fiqx_trt.onnx_export.graphs.split import with_outputs
from fiqx_trt.runtime import open_session, parity
from fiqx_trt.runtime.base import Feeds, Session

if TYPE_CHECKING:
    import onnx

__all__ = ["GRADIENT_ROWS", "HEAD_FACES", "ModelSessions", "RuntimeChoice"]

logger = logging.getLogger(__name__)

#: Faces whose rows one native run of a head takes on a GPU, where no limit of rows is given: one face's fill no GPU.
HEAD_FACES = 8
#: Rows of a native run of a derived graph on a GPU: gradients keep the activations of every layer.
GRADIENT_ROWS = 32
#: Dropped-out copies of each probe face that a head in half precision is compared on.
PROBE_COPIES = 4


@dataclass(frozen=True)
class RuntimeChoice:
    """Where and how a model's graphs run; see :func:`fiqx_trt.runtime.open_session`."""

    backend: str = "auto"
    precision: str = "auto"
    device: str = "auto"
    max_batch: int | None = None
    threads: int | None = None
    rows: int | None = None


class ModelSessions:
    """Open sessions of one network with one runtime choice, and close them together.

    Attributes
    ----------
    trunk
        Runs the network with its three taps as outputs. The others use its backend, device and precision.
    """

    def __init__(
        self, graph: onnx.ModelProto, taps: tuple[str, ...], probe: Feeds, choice: RuntimeChoice
    ) -> None:
        self._graph = graph
        self._taps, self._probe = taps, probe
        self.trunk = _open(with_outputs(graph, list(dict.fromkeys(taps))), choice, probe)
        self._on_gpu = self.trunk.device.startswith("cuda")
        self._opened = replace(choice, backend=self.trunk.backend, device=self.trunk.device)
        self._sessions: dict[object, Session] = {}

    def head(self, graph: onnx.ModelProto, rows: int) -> Session:
        """Return the session of the head, as one layer where that is cheaper, for rows that come together.

        On a GPU it takes the rows of several faces at once, and where the trunk runs in half precision it does too, if it
        passes the parity gate.
        """
        return self._once(("head", rows), lambda: self._open_head(folded_head(graph), rows))

    def _open_head(self, graph: onnx.ModelProto, rows: int) -> Session:
        if not self._on_gpu:
            return _open(graph, replace(self._opened, max_batch=rows))
        limit = None if self._opened.max_batch is None else rows  # of memory: one face at a time
        choice = replace(self._opened, max_batch=limit, rows=rows * HEAD_FACES, precision="fp32")
        if self.trunk.precision != "fp16":
            return _open(graph, choice)
        return self._half_head(graph, choice) or _open(graph, choice)

    def _half_head(self, graph: onnx.ModelProto, choice: RuntimeChoice) -> Session | None:
        """Return the session of a head whose linear layers are in half precision, None where its results are too far off."""
        wanted = parity.MIN_COSINE["fp16"]
        try:
            session = _open(to_half(graph, vectors=True), replace(choice, precision="fp16"))
        except (BackendError, ModelError) as error:
            logger.warning("the head runs in fp32, which is slower: %s", error)
            return None
        with _open(graph, RuntimeChoice(device="cpu", precision="fp32", max_batch=1)) as exact:
            result = parity.compare(session, exact, self._dropped_out(graph))
        if result.finite and result.cosine_min >= wanted:
            session.notes = (
                *session.notes,
                f"linear layers in fp16: passed the parity gate ({result}; wanted {wanted})",
            )
            return session
        session.close()
        logger.warning(
            "the head runs in fp32, which is slower: in fp16 it failed the parity gate (%s)", result
        )
        return None

    def _dropped_out(self, head: onnx.ModelProto) -> Feeds:
        """Return what the head reads of the probe faces, dropped out."""
        vectors = self.trunk.run(self._probe)[self._taps[1]]
        dropped = kernels.dropout_expand(flat(vectors), passes=PROBE_COPIES)
        rows: NDArray[np.float32] = np.asarray(dropped).reshape(-1, *vectors.shape[1:])
        return {head.graph.input[0].name: rows}

    def with_outputs(self, outputs: tuple[str, ...], batch: int | None) -> Session:
        """Return the session of the network with other outputs, in the trunk's precision."""
        choice = replace(self._opened, precision=self.trunk.precision, rows=batch)
        return self._once(outputs, lambda: _open(with_outputs(self._graph, list(outputs)), choice))

    def derived(self, key: str, make: Callable[[onnx.ModelProto], onnx.ModelProto | Session]) -> Session:
        """Return the session of a graph that `make` builds from the network, in float32."""

        def opened() -> Session:
            result = make(self._graph)
            return (
                result
                if isinstance(result, Session)
                else _open(result, replace(self._opened, precision="fp32", max_batch=self._gradient_rows()))
            )

        return self._once(("derived", key), opened)

    def _gradient_rows(self) -> int | None:
        return self._opened.max_batch or (GRADIENT_ROWS if self._on_gpu else None)

    def close(self) -> None:
        """Close every session."""
        for session in (self.trunk, *self._sessions.values()):
            session.close()

    def _once(self, key: object, opened: Callable[[], Session]) -> Session:
        if key not in self._sessions:
            self._sessions[key] = opened()
        return self._sessions[key]


def _open(graph: onnx.ModelProto, choice: RuntimeChoice, probe: Feeds | None = None) -> Session:
    return open_session(
        graph,
        backend=choice.backend,
        precision=choice.precision,
        device=choice.device,
        max_batch=choice.max_batch,
        threads=choice.threads,
        probe=probe,
        rows=choice.rows,
    )
