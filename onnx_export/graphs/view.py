"""Read an ONNX graph: producers, constants, shapes and the edges with image data.

Taps, cutting and folding share `GraphView`, which never changes its graph.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper, shape_inference
from onnx.reference import ReferenceEvaluator

from fiqx_trt.errors import ModelError

Shape = tuple[int | None, ...]

#: Operators whose first input is the data; the others say how it is reshaped, clipped or reduced.
FIRST_INPUT_IS_DATA = frozenset(
    ["BatchNormalization", "Clip", "Dropout", "Expand", "Pad", "Reshape", "Resize", "Slice", "Squeeze",
     "Tile", "ReduceL2", "ReduceMax", "ReduceMean", "ReduceSum", "ReduceSumSquare", "TopK",
     "Unsqueeze", "Upsample"]
)  # fmt: skip
#: Operators that read a tensor's shape only: what they return no longer depends on the picture.
SHAPE_ONLY = frozenset(("Shape", "Size"))
#: Initializers above this size (bytes) are left out while shapes are inferred: no shape depends on them.
_SMALL = 4096


class GraphView:
    """A read-only index of the graph of a model, whose nodes are in topological order.

    Attributes
    ----------
    model, graph, nodes
        The model, its graph and the graph's nodes.
    initializers
        Weight tensors by name.
    producers
        The node that makes a tensor, by the tensor's name.
    inputs
        Names of the graph's inputs that are not initializers.
    outputs
        Names of the graph's outputs.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model
        self.graph = model.graph
        self.nodes = list(model.graph.node)
        self.initializers = {t.name: t for t in model.graph.initializer}
        self.producers = {name: node for node in self.nodes for name in node.output if name}
        self.inputs = [v.name for v in model.graph.input if v.name not in self.initializers]
        self.outputs = [v.name for v in model.graph.output]
        self._constants: dict[str, NDArray[np.generic] | None] = {}

    @cached_property
    def dynamic(self) -> frozenset[str]:
        """Names of the tensors whose values depend on a graph input, not only on its shape."""
        dependent = set(self.inputs)
        for node in self.nodes:
            if node.op_type not in SHAPE_ONLY and not dependent.isdisjoint(_data_names(node)):
                dependent.update(filter(None, node.output))
        return frozenset(dependent)

    @cached_property
    def types(self) -> dict[str, onnx.TypeProto.Tensor]:
        """Element type of every tensor that inference finds, and its shape at a batch of 2."""
        return self._inferred(2)

    @cached_property
    def shapes(self) -> dict[str, Shape]:
        """Shapes by tensor name; ``None`` stands for a dimension that is not constant.

        A symbolic batch is tried as 2 and as 3: a dimension that differs is not constant. This follows computed shapes
        (``x.view(x.size(0), -1)``), where symbols are lost.
        """
        first = {n: _shape(kind) for n, kind in self.types.items() if kind.HasField("shape")}
        if all(d is not None for name in self.inputs for d in self._declared(name)[:1]):
            return first
        second = {n: _shape(kind) for n, kind in self._inferred(3).items() if kind.HasField("shape")}
        return {
            name: tuple(a if a == b else None for a, b in zip(shape, second[name], strict=True))
            for name, shape in first.items()
            if len(second.get(name, ())) == len(shape)
        }

    def _declared(self, name: str) -> Shape:
        kinds = [v.type.tensor_type for v in self.graph.input if v.name == name]
        return _shape(kinds[0]) if kinds and kinds[0].HasField("shape") else ()

    def _inferred(self, batch: int) -> dict[str, onnx.TypeProto.Tensor]:
        """Return types and shapes with `batch` rows in every input whose leading dimension is symbolic."""
        trial = skeleton(self.model)
        symbolic = {i for i in self.inputs if self._declared(i)[:1] == (None,)}
        if symbolic:
            del trial.graph.value_info[:]
            for value in trial.graph.output:
                value.type.tensor_type.ClearField("shape")
        for value in trial.graph.input:
            if value.name in symbolic:
                value.type.tensor_type.shape.dim[0].dim_value = batch
        graph = infer(trial).graph
        values = [*graph.value_info, *graph.output, *graph.input]
        return {v.name: v.type.tensor_type for v in values if v.type.HasField("tensor_type")}

    def data_inputs(self, node: onnx.NodeProto) -> list[str]:
        """Return the inputs of a node with image data: no weights, no shapes, no limits."""
        return [name for name in _data_names(node) if name in self.dynamic]

    def constant(self, name: str) -> NDArray[np.generic] | None:
        """Return the value of a tensor that depends on no graph input; ``None`` for any other tensor."""
        pending, opened = [name], set()  # no recursion: a file may hold thousands of constants in a row
        while pending:
            current = pending[-1]
            missing = [] if current in opened else self._unknown_inputs(current)
            opened.add(current)
            if missing and current not in self._constants:
                pending.extend(missing)
            else:
                self._constants.setdefault(pending.pop(), self._value(current))
        return self._constants[name]

    def _unknown_inputs(self, name: str) -> list[str]:
        if name in self.initializers or not self._may_be_constant(name):
            return []
        return [i for i in self.producers[name].input if i and i not in self._constants]

    def _may_be_constant(self, name: str) -> bool:
        node = self.producers.get(name)
        return node is not None and node.op_type not in SHAPE_ONLY and self.dynamic.isdisjoint(node.input)

    def _value(self, name: str) -> NDArray[np.generic] | None:
        if name in self._constants:
            return self._constants[name]
        if name in self.initializers:
            value: NDArray[np.generic] = numpy_helper.to_array(self.initializers[name])
            return value
        return self._evaluate(self.producers[name], name) if self._may_be_constant(name) else None

    def _evaluate(self, node: onnx.NodeProto, name: str) -> NDArray[np.generic] | None:
        feeds = {i: self._constants.get(i) for i in node.input if i}
        if any(value is None for value in feeds.values()):
            return None
        values = [onnx.helper.make_tensor_value_info(i, onnx.TensorProto.UNDEFINED, None) for i in feeds]
        result = onnx.helper.make_tensor_value_info(name, onnx.TensorProto.UNDEFINED, None)
        graph = onnx.helper.make_graph([node], "constant", values, [result])
        single = onnx.helper.make_model(graph, opset_imports=self.model.opset_import)
        answer: NDArray[np.generic] = ReferenceEvaluator(single).run([name], feeds)[0]
        return answer

    def require(self, name: str, role: str) -> str:
        """Return `name` if the graph has such an image-dependent tensor; else raise ModelError with similar names."""
        if name in self.dynamic:
            return name
        near = difflib.get_close_matches(name, self.dynamic, n=3, cutoff=0.5)
        hint = f"similar names: {', '.join(map(repr, near))}" if near else f"its outputs are {self.outputs}"
        raise ModelError(f"the graph has no tensor {name!r} to use as {role}; {hint}")

    def bottlenecks(self, name: str) -> Iterator[str]:
        """Return the tensors on every path from the inputs to `name`, the deepest (`name`) first."""
        yield name
        frontier = {name}
        for node in reversed(self.nodes):
            if not frontier.isdisjoint(node.output):
                frontier.difference_update(node.output)
                frontier.update(self.data_inputs(node))
                if len(frontier) == 1:
                    yield from frontier


def describe(node: onnx.NodeProto) -> str:
    """Return name and operator of a node, for messages."""
    return f"node {node.name or node.output[0]!r} ({node.op_type})"


def attribute(node: onnx.NodeProto, name: str, default: Any = None) -> Any:
    """Return the value of a node's attribute, or `default` when it is not set."""
    for item in node.attribute:
        if item.name == name:
            return onnx.helper.get_attribute_value(item)
    return default


def reads(node: onnx.NodeProto) -> Iterator[str]:
    """Return every tensor name that a node needs, including those its subgraphs capture."""
    yield from filter(None, node.input)
    for item in node.attribute:
        for graph in (*item.graphs, *([item.g] if item.HasField("g") else [])):
            for inner in graph.node:
                yield from reads(inner)
            yield from (v.name for v in graph.output)


def skeleton(model: onnx.ModelProto) -> onnx.ModelProto:
    """Replace large weights by inputs of the same type, for a model small enough for shape inference."""
    small = onnx.ModelProto(ir_version=max(model.ir_version, 4), opset_import=model.opset_import)
    small.functions.extend(model.functions)
    graph, source = small.graph, model.graph
    graph.name = source.name or "graph"
    graph.node.extend(source.node)
    graph.output.extend(source.output)
    graph.value_info.extend(source.value_info)
    weights = {t.name for t in source.initializer}
    graph.input.extend(v for v in source.input if v.name not in weights)
    for tensor in source.initializer:
        if tensor.ByteSize() <= _SMALL and tensor.data_location != onnx.TensorProto.EXTERNAL:
            graph.initializer.append(tensor)
        else:
            graph.input.append(onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
    return small


def infer(model: onnx.ModelProto, *, strict: bool = False) -> onnx.ModelProto:
    """Run shape inference; raise ModelError where the graph contradicts itself."""
    try:
        return shape_inference.infer_shapes(model, strict_mode=strict, data_prop=True)
    except Exception as error:  # the checker's C++ exceptions share no base class
        reason = " ".join(str(error).split())
        raise ModelError(f"the graph's shapes contradict each other: {reason[:300]}") from error


def count(shape: Sequence[int | None]) -> int | None:
    """Return the number of elements of a shape; ``None`` when one of its dimensions is not constant."""
    return None if None in shape else math.prod(d or 0 for d in shape)


def shape_text(shape: Sequence[int | None]) -> str:
    """Return a shape as ``(N, 3, 112, 112)``; ``?`` is a dimension that is not constant."""
    return f"({', '.join('?' if d is None else str(d) for d in shape)})"


def _data_names(node: onnx.NodeProto) -> list[str]:
    if node.op_type in FIRST_INPUT_IS_DATA:
        return list(node.input[:1])
    return list(reads(node))


def _shape(kind: onnx.TypeProto.Tensor) -> Shape:
    return tuple(d.dim_value if d.HasField("dim_value") and d.dim_value > 0 else None for d in kind.shape.dim)
