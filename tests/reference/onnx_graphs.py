"""Small ONNX graphs written as text, and plain runs of them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
import onnx.parser
import onnxruntime
from onnx import numpy_helper


def parse(
    body: str,
    weights: Mapping[str, np.ndarray] | None = None,
    *,
    inputs: str = "float[N,3,8,8] image",
    outputs: str = "float[N,4] embedding",
) -> onnx.ModelProto:
    """A model of opset 17 from nodes in ONNX's text form; `weights` become its initializers."""
    model = onnx.parser.parse_model(
        f'<ir_version: 8, opset_import: ["": 17]> net ({inputs}) => ({outputs}) {{ {body} }}'
    )
    for name, value in (weights or {}).items():
        model.graph.initializer.append(numpy_helper.from_array(value, name))
    return model


def run(
    model: onnx.ModelProto, feeds: Mapping[str, np.ndarray], *, check: bool = True
) -> dict[str, np.ndarray]:
    """The outputs of a model, by name; `check` spares large models a second pass of the checker."""
    if check:
        onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, dict(feeds)), strict=True))


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def operators(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]
