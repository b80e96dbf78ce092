"""The target of the adjoint rules: new nodes and constants beside a forward graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import onnx
from numpy.typing import ArrayLike, NDArray
from onnx import helper, numpy_helper

from fiqx_trt.errors import ModelError
from fiqx_trt.onnx_export.graphs.builder import Attribute
from fiqx_trt.onnx_export.graphs.view import GraphView, describe

#: The opsets from which on the axes of ReduceSum, and of the other reductions, are an input.
_SUM_AXES, _AXES = 13, 18

#: A rule: tape, node and the gradient of its first output to the gradients of its inputs, by name.
Rule = Callable[["Tape", onnx.NodeProto, str], dict[str, str]]


class Tape:
    """New nodes and constants, of number format `dtype`, over a forward graph with constant shapes but for the batch."""

    def __init__(self, view: GraphView, dtype: np.dtype[np.floating]) -> None:
        self.view = view
        self.dtype = dtype
        self._opset = max(
            (e.version for e in view.model.opset_import if e.domain in ("", "ai.onnx")), default=1
        )
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._known: dict[tuple[str, tuple[int, ...], bytes], str] = {}

    def emit(
        self,
        op: str,
        inputs: Sequence[str],
        attributes: Mapping[str, Attribute] | None = None,
        *,
        output: str = "",
    ) -> str:
        """Add a node and return the name of its output."""
        name = output or f"grad.{len(self.nodes)}.{op}"
        self.nodes.append(helper.make_node(op, list(inputs), [name], name=name, **(attributes or {})))
        return name

    def reduce(self, op: str, name: str, axes: Sequence[int]) -> str:
        """Add a reduction over axes, which are kept; the axes are an input or an attribute, depending on the graph's opset."""
        if self._opset >= (_SUM_AXES if op == "ReduceSum" else _AXES):
            return self.emit(op, [name, self.integers(axes)], {"keepdims": 1})
        return self.emit(op, [name], {"axes": list(axes), "keepdims": 1})

    def number(self, value: ArrayLike) -> str:
        """Add a constant in the graph's number format, once, and return its name."""
        return self._constant(np.asarray(value, dtype=self.dtype))

    def integers(self, values: Sequence[int]) -> str:
        """Add a constant list of integers, once, and return its name."""
        return self._constant(np.asarray(values, dtype=np.int64))

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of a forward tensor without its batch dimension."""
        shape = self.view.shapes.get(name)
        if not shape or None in shape[1:]:
            raise ModelError(f"no gradient: the shape of tensor {name!r} is not constant behind the batch")
        return tuple(d or 0 for d in shape[1:])

    def value(self, node: onnx.NodeProto, index: int) -> NDArray[np.float64]:
        """Return a constant input of a node, in float64."""
        value = self.view.constant(node.input[index])
        if value is None:
            raise self.refuse(node, f"its input {node.input[index]!r} must be a constant")
        return value.astype(np.float64)

    def total(self, parts: Sequence[str]) -> str | None:
        """Return the sum of gradients; ``None`` for no gradient."""
        if not parts:
            return None
        total = parts[0]
        for part in parts[1:]:
            total = self.emit("Add", [total, part])
        return total

    def reshape(self, gradient: str, shape: Sequence[int]) -> str:
        """Reshape a gradient to a shape, given without the batch."""
        return self.emit("Reshape", [gradient, self.integers([-1, *shape])])

    def refuse(self, node: onnx.NodeProto, why: str) -> ModelError:
        """Return the error for a node that a rule does not cover."""
        return ModelError(f"no gradient: {describe(node)}: {why}")

    def _constant(self, value: NDArray[np.generic]) -> str:
        key = (value.dtype.str, value.shape, value.tobytes() if value.size < 1000 else b"")
        if key in self._known and key[2]:
            return self._known[key]
        name = self._known[key] = f"grad.constant.{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value).reshape(value.shape), name))
        return name
