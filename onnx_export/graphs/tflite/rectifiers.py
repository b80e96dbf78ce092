"""Join parametric rectifiers that TensorFlow wrote as several operators.

TensorFlow had no such operator, so programs wrote ``relu(x) + c (x − |x|)``, of slope 2c below zero, or
``relu(x) + c relu(−x)``, of slope −c. One node is faster, and its gradient is correct at zero too.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.onnx_export.graphs.tflite.schema import Operator, Tensor, TfliteModel

__all__ = ["join_rectifiers"]


def join_rectifiers(network: TfliteModel) -> TfliteModel:
    """Return the network with every such sum as one ``PRELU``, without the unused operators."""
    search = _Search(network)
    tensors = list(network.tensors)
    operators = []
    for operator in network.operators:
        rectifier = search.rectifier(operator)
        if rectifier is not None:
            source, slope = rectifier
            tensors.append(Tensor(f"{tensors[operator.output].name}.slope", slope.shape, "FLOAT32", slope))
            operator = Operator("PRELU", (source, len(tensors) - 1), operator.output, {})
        operators.append(operator)
    return replace(network, tensors=tensors, operators=_needed(operators, network.outputs))


def _needed(operators: list[Operator], outputs: tuple[int, ...]) -> list[Operator]:
    wanted = set(outputs)
    kept = []
    for operator in reversed(operators):
        if operator.output in wanted:
            kept.append(operator)
            wanted.update(operator.inputs)
    return kept[::-1]


class _Search:
    """Searches the operands of a sum."""

    def __init__(self, network: TfliteModel) -> None:
        self._tensors = network.tensors
        self._makers = {operator.output: operator for operator in network.operators}

    def rectifier(self, operator: Operator) -> tuple[int, NDArray[np.float32]] | None:
        """Return the rectified tensor and the slope below zero, where an operator is the sum of both parts."""
        if operator.kind not in ("ADD", "SUB") or _fused(operator) or len(operator.inputs) != 2:
            return None
        first, second = operator.inputs
        sign = 1.0 if operator.kind == "ADD" else -1.0
        for positive, rest in ((first, second), (second, first))[: 2 if sign > 0 else 1]:
            source = self._read(positive, "RELU")
            slope = None if source is None else self._slope(rest, source)
            if source is not None and slope is not None:
                return source, np.asarray(sign * slope, np.float32)
        return None

    def _slope(self, tensor: int, source: int) -> NDArray[np.float64] | None:
        """Return s where a tensor is ``s min(x, 0)`` of the source x."""
        factor: NDArray[np.float64] = np.array(1.0)
        while (scaled := self._scaled(tensor)) is not None:
            tensor, more = scaled
            factor = factor * more
        base = self._base(tensor, source)
        return None if base is None else base * factor

    def _base(self, tensor: int, source: int) -> float | None:
        """Return 2 for ``x − |x|``, −1 for ``relu(−x)``."""
        operator = self._makers.get(tensor)
        if operator is None or _fused(operator):
            return None
        if operator.kind == "SUB" and operator.inputs[:1] == (source,):
            return 2.0 if self._read(operator.inputs[-1], "ABS") == source else None
        if operator.kind == "RELU" and operator.inputs:
            return -1.0 if self._read(operator.inputs[0], "NEG") == source else None
        return None

    def _scaled(self, tensor: int) -> tuple[int, NDArray[np.float64]] | None:
        """Return the factors of a tensor that is multiplied by a constant."""
        operator = self._makers.get(tensor)
        if operator is None or operator.kind != "MUL" or _fused(operator) or len(operator.inputs) != 2:
            return None
        for constant, other in (operator.inputs, operator.inputs[::-1]):
            value: Any = self._tensors[constant].value
            if value is not None and value.dtype == np.float32:
                return other, value.astype(np.float64)
        return None

    def _read(self, tensor: int, kind: str) -> int | None:
        """Return the input of the operator of this kind that makes a tensor."""
        operator = self._makers.get(tensor)
        return (
            operator.inputs[0] if operator is not None and operator.kind == kind and operator.inputs else None
        )


def _fused(operator: Operator) -> bool:
    return operator.options.get("FusedActivationFunction", 0) != 0
