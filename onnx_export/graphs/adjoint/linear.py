"""Adjoints of matrix products and batch norm: products with constants."""

from __future__ import annotations

import numpy as np
import onnx

from fiqx_trt.onnx_export.graphs.adjoint.tape import Rule, Tape
from fiqx_trt.onnx_export.graphs.view import attribute


def _gemm(tape: Tape, node: onnx.NodeProto, gradient: str) -> dict[str, str]:
    """Gradient α g Wᵀ of α x W + β c."""
    if attribute(node, "transA", 0):
        raise tape.refuse(node, "transA is not covered")
    weight = tape.value(node, 1)
    weight = weight if attribute(node, "transB", 0) else weight.T
    return _product(tape, node, gradient, weight * attribute(node, "alpha", 1.0))


def _matmul(tape: Tape, node: onnx.NodeProto, gradient: str) -> dict[str, str]:
    weight = tape.value(node, 1)
    if weight.ndim != 2:
        raise tape.refuse(node, f"its constant must be a matrix, not of rank {weight.ndim}")
    return _product(tape, node, gradient, weight.T)


def _product(tape: Tape, node: onnx.NodeProto, gradient: str, matrix: np.ndarray) -> dict[str, str]:
    return {node.input[0]: tape.emit("MatMul", [gradient, tape.number(matrix)])}


def _batch_norm(tape: Tape, node: onnx.NodeProto, gradient: str) -> dict[str, str]:
    """Slope γ / √(σ² + ε), per channel."""
    gamma, variance = tape.value(node, 1), tape.value(node, 4)
    scale = gamma / np.sqrt(variance + attribute(node, "epsilon", 1e-5))
    positions = len(tape.shape(node.input[0])) - 1
    return {node.input[0]: tape.emit("Mul", [gradient, tape.number(scale.reshape(1, -1, *[1] * positions))])}


RULES: dict[str, Rule] = {"BatchNormalization": _batch_norm, "Gemm": _gemm, "MatMul": _matmul}
