"""A backend: the reference evaluator of the package onnx, which is NumPy. Slow, and what ONNX means.

A backend is a module with :func:`unavailable` and :func:`open_graph`. All else is the work of :class:`fiqx_trt.runtime.Session`:
checks, cutting into native runs, joining, one thread at a time.
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx
from onnx.reference import ReferenceEvaluator

from fiqx_trt.errors import BackendUnavailableError, ModelError
from fiqx_trt.runtime.base import Chunk, Session, first_line
from fiqx_trt.runtime.graph import Graph
from fiqx_trt.runtime.options import Options

__all__ = ["ReferenceSession", "open_graph", "unavailable"]


def unavailable(device: str) -> str | None:
    """Return why this backend cannot run on a device, or None when it can."""
    return None if device == "cpu" else "the reference evaluator runs on the CPU alone"


def open_graph(graph: Graph, options: Options) -> Session:
    """Open a graph.

    Raises
    ------
    BackendUnavailableError
        Another precision than float32 was asked for.
    ModelError
        The graph has something that the evaluator does not know.
    """
    if options.precision not in ("auto", "fp32"):
        raise BackendUnavailableError(
            f"reference computes in fp32, not in {options.precision}; give precision='fp32'"
        )
    return ReferenceSession(graph)


class ReferenceSession(Session):
    """A graph opened by onnx.reference; one row at a time, so that no row can depend on another."""

    def __init__(self, graph: Graph) -> None:
        try:
            self._evaluator = ReferenceEvaluator(onnx.load_from_string(graph.data))
        except Exception as error:  # the evaluator raises many types
            raise ModelError(f"onnx.reference cannot open {graph.label}: {first_line(error)}") from error
        super().__init__(
            backend="reference",
            device="cpu",
            precision="fp32",
            batch=graph.static_batch or 1,
            inputs=graph.inputs,
            outputs=graph.outputs,
            notes=("fp32, batch 1: NumPy, slow",),
        )

    def _run(self, chunks: Sequence[Chunk]) -> list[Chunk]:
        names = [info.name for info in self.outputs]
        return [dict(zip(names, self._evaluator.run(names, chunk), strict=True)) for chunk in chunks]

    def _close(self) -> None:
        del self._evaluator
