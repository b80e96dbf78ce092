"""The runtime sessions of one model: its network, heads, other outputs and derived graphs, each opened once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fiqx_trt.onnx_export.graphs.affine import folded_head
from fiqx_trt.onnx_export.graphs.split import with_outputs
from fiqx_trt.runtime import open_session
from fiqx_trt.runtime.base import Feeds, Session

if TYPE_CHECKING:
    import onnx

__all__ = ["ModelSessions", "RuntimeChoice"]


@dataclass(frozen=True)
class RuntimeChoice:
    """Where and how a model's graphs run; see :func:`fiqx_trt.runtime.open_session`."""

    backend: str = "auto"
    precision: str = "auto"
    device: str = "auto"
    max_batch: int | None = None
    threads: int | None = None


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
        self._choice = choice
        self.trunk = _open(with_outputs(graph, list(dict.fromkeys(taps))), choice, probe)
        self._opened = replace(choice, backend=self.trunk.backend, device=self.trunk.device)
        self._sessions: dict[object, Session] = {}

    def head(self, graph: onnx.ModelProto, rows: int) -> Session:
        """Return the session of the head, as one layer where that is cheaper, for rows that come together."""
        return self._once(
            ("head", rows), lambda: _open(folded_head(graph), replace(self._opened, max_batch=rows))
        )

    def with_outputs(self, outputs: tuple[str, ...], batch: int | None) -> Session:
        """Return the session of the network with other outputs, in the trunk's precision."""
        choice = replace(self._opened, precision=self.trunk.precision)
        if batch is not None:
            choice = replace(choice, max_batch=choice.max_batch or batch)
        return self._once(outputs, lambda: _open(with_outputs(self._graph, list(outputs)), choice))

    def derived(self, key: str, make: Callable[[onnx.ModelProto], onnx.ModelProto | Session]) -> Session:
        """Return the session of a graph that `make` builds from the network, in float32."""

        def opened() -> Session:
            result = make(self._graph)
            return (
                result
                if isinstance(result, Session)
                else _open(result, replace(self._opened, precision="fp32"))
            )

        return self._once(("derived", key), opened)

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
    )
