"""Write the records of a TensorFlow Lite network as an ONNX graph with channels first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from numpy.typing import NDArray

from fiqx_trt.errors import ModelError
from fiqx_trt.onnx_export.graphs.builder import Attribute, GraphBuilder
from fiqx_trt.onnx_export.graphs.split import BATCH
from fiqx_trt.onnx_export.graphs.tflite.schema import Operator, TfliteModel, malformed
from fiqx_trt.onnx_export.graphs.view import GraphView

__all__ = ["Writer", "write_network"]

#: A serialised ONNX model cannot be larger.
_MOST_BYTES = 2**31 - 1
_ACTIVATIONS = {1: "Relu", 2: "Clip", 3: "Clip", 4: "Tanh"}
_LIMITS = {2: (-1.0, 1.0), 3: (0.0, 6.0)}


def write_network(network: TfliteModel, name: str) -> onnx.ModelProto:
    """Write a network as ONNX; ModelError where an operator is not supported, or a shape differs from the declared one."""
    from fiqx_trt.onnx_export.graphs.tflite.operators import RULES

    writer = Writer(network, name)
    for operator in network.operators:
        rule = RULES.get(operator.kind)
        if rule is None:
            raise writer.refuse(
                operator, f"the operator is not covered; covered are {', '.join(sorted(RULES))}"
            )
        with malformed(f"{name} is damaged at {writer.describe(operator)}"):
            rule(writer, operator)
    return writer.model()


class Writer:
    """The graph under construction; messages call the file `name`.

    Activations of rank 4 are channels first, ``(N, C, H, W)``, those of rank 2 are ``(N, F)``; other ranks raise.
    """

    def __init__(self, network: TfliteModel, name: str) -> None:
        self._network = network
        self._file = name
        self._graph = GraphBuilder("tflite")
        self._made: set[int] = set()
        self._bytes = 0
        if len(network.inputs) != 1 or not network.outputs:
            raise ModelError(
                f"{name} has {len(network.inputs)} inputs and {len(network.outputs)} outputs; wanted one picture as input"
            )
        source = network.tensors[network.inputs[0]]
        if len(source.shape) != 4 or source.shape[0] < 1 or source.kind != "FLOAT32":
            raise ModelError(
                f"{name}: the input {source.name!r} is {source.kind.lower()} of shape {source.shape}; "
                "wanted a float32 picture (N, H, W, C)"
            )
        self._batch = source.shape[0]
        self._made.add(network.inputs[0])

    def describe(self, operator: Operator) -> str:
        """Return operator and output tensor, for messages."""
        return f"{operator.kind} {self._network.tensors[operator.output].name!r}"

    def refuse(self, operator: Operator, why: str) -> ModelError:
        """Return the error that names an operator."""
        return ModelError(f"{self._file}: {self.describe(operator)}: {why}")

    def is_constant(self, operator: Operator, index: int) -> bool:
        """Return whether an input is a constant of the file."""
        return operator.inputs[index] >= 0 and self._network.tensors[operator.inputs[index]].value is not None

    def given(self, operator: Operator, index: int) -> bool:
        """Return whether an input is given."""
        return index < len(operator.inputs) and operator.inputs[index] != -1

    def value(self, operator: Operator, index: int) -> NDArray[np.generic]:
        """Return a constant input with channels last; ModelError where it is computed or in an unsupported format."""
        tensor = self._network.tensors[operator.inputs[index]]
        if tensor.value is None:
            raise self.refuse(
                operator, f"its input {tensor.name!r} is no constant that can be read ({tensor.kind.lower()})"
            )
        return tensor.value

    def data(self, operator: Operator, index: int = 0) -> str:
        """Return the name of a computed input; ModelError where it is a constant or not computed yet."""
        position = operator.inputs[index]
        if position not in self._made:
            raise self.refuse(operator, f"its input {index} is not computed by an operator before it")
        return self._network.tensors[position].name

    def shape(self, operator: Operator, index: int | None = 0) -> tuple[int, ...]:
        """Return the shape of an input without its batch, channels first; of the output for ``None``.

        ModelError where it is no (N, H, W, C) or (N, F) of the file's own batch.
        """
        tensor = self._network.tensors[operator.output if index is None else operator.inputs[index]]
        if len(tensor.shape) not in (2, 4) or min(tensor.shape) < 1 or tensor.shape[0] != self._batch:
            raise self.refuse(
                operator,
                f"tensor {tensor.name!r} has shape {tensor.shape}; wanted ({self._batch}, H, W, C) or ({self._batch}, F)",
            )
        if tensor.kind != "FLOAT32":
            raise self.refuse(
                operator,
                f"tensor {tensor.name!r} is {tensor.kind.lower()}; networks that compute in whole numbers or half precision "
                "are not covered, take the float32 file",
            )
        return (tensor.shape[-1], *tensor.shape[1:-1])

    def constant(self, operator: Operator, part: str, value: NDArray[np.generic]) -> str:
        """Add a constant that belongs to an operator and return its name."""
        self._bytes += value.nbytes
        if self._bytes > _MOST_BYTES:
            raise self.refuse(operator, "the weights up to here exceed 2 GiB")
        return self._graph.constant(f"{self._network.tensors[operator.output].name}:{part}", value)

    def node(
        self,
        op: str,
        inputs: Sequence[str],
        operator: Operator,
        part: str,
        attributes: Mapping[str, Attribute] | None = None,
    ) -> str:
        """Add an intermediate node of an operator and return the name of its output."""
        return self._graph.node(
            op, inputs, f"{self._network.tensors[operator.output].name}:{part}", attributes
        )

    def emit(
        self,
        op: str,
        inputs: Sequence[str],
        operator: Operator,
        attributes: Mapping[str, Attribute] | None = None,
    ) -> None:
        """Add the node with an operator's output, followed by its fused activation, if it has one."""
        self.shape(operator, None)
        if operator.output in self._made:
            raise self.refuse(operator, "its output is made twice")
        output = self._network.tensors[operator.output].name
        fused = int(operator.options.get("FusedActivationFunction", 0))
        if fused:
            if fused not in _ACTIVATIONS:
                raise self.refuse(operator, f"its fused activation (number {fused}) is not covered")
            linear = self.node(op, inputs, operator, "linear", attributes)
            self._graph.node(
                _ACTIVATIONS[fused], [linear, *self.limits(operator, _LIMITS.get(fused, ()))], output
            )
        else:
            self._graph.node(op, inputs, output, attributes)
        self._made.add(operator.output)

    def limits(self, operator: Operator, values: Sequence[float]) -> list[str]:
        """Add the limits of a Clip and return their names."""
        return [self.constant(operator, f"limit_{i}", np.array(v, np.float32)) for i, v in enumerate(values)]

    def model(self) -> onnx.ModelProto:
        """Return the checked model; ModelError where an output has no operator, or a shape differs from the declared one."""
        missing = [i for i in self._network.outputs if i not in self._made]
        if missing:
            raise ModelError(
                f"{self._file}: no operator makes the output {self._network.tensors[missing[0]].name!r}"
            )
        source, *outputs = (
            self._declared(i) for i in (self._network.inputs[0], *dict.fromkeys(self._network.outputs))
        )
        try:
            model = self._graph.model({source[0]: source[1]}, dict(outputs))
        except ModelError as error:
            reason = " ".join(str(error).split())[:300]
            raise ModelError(f"{self._file} is damaged: {reason}") from error
        self._check_shapes(model)
        return model

    def _declared(self, position: int) -> tuple[str, tuple[int | str, ...]]:
        tensor = self._network.tensors[position]
        return tensor.name, (BATCH, tensor.shape[-1], *tensor.shape[1:-1])

    def _check_shapes(self, model: onnx.ModelProto) -> None:
        """Compare every shape that ONNX infers with the declared one."""
        shapes = GraphView(model).shapes
        for position in sorted(self._made):
            name, declared = self._declared(position)
            inferred = shapes.get(name, ())
            if inferred[1:] != declared[1:]:
                raise ModelError(
                    f"{self._file} is damaged: {name!r} is declared {declared} (channels first) and computes {inferred}"
                )
