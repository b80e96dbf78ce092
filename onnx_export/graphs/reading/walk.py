"""Iterate over all parts of a model: nested graphs, local functions, and tensors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import onnx

from fiqx_trt.onnx_export.graphs.view import reads


def graphs(model: onnx.ModelProto) -> Iterator[onnx.GraphProto]:
    """Return the main graph and the graphs nested in the nodes of graph and functions."""
    yield from _nested([model.graph], model.functions)


def all_nodes(model: onnx.ModelProto) -> Iterator[onnx.NodeProto]:
    """Return every node, including those of nested graphs and of local functions."""
    for graph in graphs(model):
        yield from graph.node
    for function in model.functions:
        yield from function.node


def all_tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """Return every tensor: weights, and tensors in attributes."""
    for graph in graphs(model):
        yield from graph.initializer
    for node in all_nodes(model):
        for item in node.attribute:
            if item.HasField("t"):
                yield item.t
            yield from item.tensors


def subgraphs(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.GraphProto]:
    """Return the graphs in the attributes of nodes."""
    for node in nodes:
        for item in node.attribute:
            if item.HasField("g"):
                yield item.g
            yield from item.graphs


def needed_nodes(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    """Return the nodes of the main graph that its outputs depend on."""
    wanted = {value.name for value in model.graph.output}
    needed = []
    for node in reversed(model.graph.node):
        if not wanted.isdisjoint(node.output):
            needed.append(node)
            wanted.update(reads(node))
    return needed[::-1]


def opset_of(model: onnx.ModelProto) -> int:
    """Return a model's version of the ONNX operators."""
    return max((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), default=1)


def _nested(
    first: Iterable[onnx.GraphProto], functions: Iterable[onnx.FunctionProto]
) -> Iterator[onnx.GraphProto]:
    pending = list(first)
    for function in functions:
        pending.extend(subgraphs(function.node))
    while pending:
        graph = pending.pop()
        yield graph
        pending.extend(subgraphs(graph.node))
