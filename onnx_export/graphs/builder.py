"""Build ONNX graphs: named nodes, constants, one symbolic batch dimension."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from fiqx_trt.errors import ModelError
from fiqx_trt.onnx_export.graphs.view import infer, skeleton

__all__ = ["IR_VERSION", "OPSET", "GraphBuilder"]

OPSET = 17
IR_VERSION = 9

Attribute = int | float | str | Sequence[int]
Extent = int | str | None


class GraphBuilder:
    """Collects nodes and constants, and makes a checked model of them.

    Examples
    --------
    >>> graph = GraphBuilder("double")
    >>> two = graph.constant("two", np.float32(2))
    >>> _ = graph.node("Mul", ["x", two], "y")
    >>> graph.model({"x": ("N", 3)}, {"y": ("N", 3)}).graph.output[0].name
    'y'
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def constant(self, name: str, value: NDArray[np.generic] | np.generic) -> str:
        """Add a constant tensor and return its name."""
        self._constants.append(
            numpy_helper.from_array(np.ascontiguousarray(value).reshape(value.shape), name)
        )
        return name

    def node(
        self, op: str, inputs: Sequence[str], output: str, attributes: Mapping[str, Attribute] | None = None
    ) -> str:
        """Add a node with one output and return the output's name, which is the node's name too."""
        self._nodes.append(helper.make_node(op, list(inputs), [output], name=output, **(attributes or {})))
        return output

    def model(
        self,
        inputs: Mapping[str, Sequence[Extent]],
        outputs: Mapping[str, Sequence[Extent]],
        *,
        doc: str = "",
    ) -> onnx.ModelProto:
        """Return the model with float32 inputs and outputs of these shapes (a string is a symbolic dimension).

        ModelError, with the checker's message, where the graph is not valid ONNX.
        """
        graph = helper.make_graph(
            self._nodes,
            self._name,
            _infos(inputs),
            _infos(outputs),
            initializer=self._constants,
            doc_string=doc,
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="fiqx_trt"
        )
        model.ir_version = IR_VERSION
        try:
            onnx.checker.check_model(model, full_check=True)
        except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
            raise ModelError(f"the graph {self._name!r} that was built is not valid ONNX: {error}") from error
        model.graph.value_info.extend(infer(skeleton(model)).graph.value_info)
        return model


def _infos(shapes: Mapping[str, Sequence[Extent]]) -> list[onnx.ValueInfoProto]:
    return [
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, list(shape))
        for name, shape in shapes.items()
    ]
