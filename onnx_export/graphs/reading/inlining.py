"""Inline local functions, within a size limit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import onnx
from onnx import inliner

from fiqx_trt.errors import ModelError
from fiqx_trt.onnx_export.graphs.reading.checks import MAX_NODES
from fiqx_trt.onnx_export.graphs.reading.walk import subgraphs

#: How many bytes calls may add to a model.
_MAX_BYTES = 1 << 28
#: How deep functions may call each other.
_MAX_DEPTH = 50


class _Size(NamedTuple):
    nodes: int
    bytes: int


def inline_functions(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model with every call of a local function replaced by the function's nodes.

    A few functions that call each other several times can expand to more nodes than memory holds, so the size is counted
    first. ModelError where the functions are recursive, or expand to too much.
    """
    if not model.functions:
        return model
    size = _Counter(model).of_nodes(model.graph.node)
    if size.nodes > MAX_NODES or size.bytes > model.ByteSize() + _MAX_BYTES:
        raise ModelError(
            f"the local functions of the graph stand for {size.nodes:,} nodes ({size.bytes:,} bytes); at most {MAX_NODES:,} "
            "are read. Export the model without functions"
        )
    try:
        return inliner.inline_local_functions(model)
    except Exception as error:  # C++ exceptions without a common base class
        reason = " ".join(str(error).split())[:200]
        raise ModelError(f"the graph's local functions cannot be read: {reason}") from error


class _Counter:
    """Counts the expanded size of calls, each function once."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self._functions = {(f.domain, f.name): f for f in model.functions}
        self._known: dict[tuple[str, str], _Size] = {}
        self._open: list[tuple[str, str]] = []

    def of_nodes(self, nodes: Iterable[onnx.NodeProto]) -> _Size:
        total, bytes_ = 0, 0
        for node in nodes:
            size = self._of_node(node)
            total, bytes_ = total + size.nodes, bytes_ + size.bytes
        return _Size(total, bytes_)

    def _of_node(self, node: onnx.NodeProto) -> _Size:
        key = (node.domain, node.op_type)
        if key in self._functions:
            return self._of_function(key)
        inner = [self.of_nodes(graph.node) for graph in subgraphs([node])]
        return _Size(1 + sum(size.nodes for size in inner), node.ByteSize() + sum(s.bytes for s in inner))

    def _of_function(self, key: tuple[str, str]) -> _Size:
        if key in self._known:
            return self._known[key]
        if key in self._open:
            raise ModelError(f"the local function {key[1]!r} of the graph calls itself")
        if len(self._open) >= _MAX_DEPTH:
            raise ModelError(f"the local functions of the graph call each other more than {_MAX_DEPTH} deep")
        self._open.append(key)
        self._known[key] = self.of_nodes(self._functions[key].node)
        self._open.pop()
        return self._known[key]
