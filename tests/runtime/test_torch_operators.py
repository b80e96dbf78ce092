"""Every operator of the torch interpreter against ONNX Runtime on small random cases."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

onnxruntime = pytest.importorskip("onnxruntime")
torch = pytest.importorskip("torch")

from fiqx_trt.runtime.torch import OPERATORS, TorchGraph  # noqa: E402

RNG = np.random.default_rng(1)


def rand(*shape: int) -> NDArray[np.float32]:
    return RNG.standard_normal(shape).astype(np.float32)


def pos(*shape: int) -> NDArray[np.float32]:
    return (RNG.random(shape) + 0.1).astype(np.float32)


def ints(*values: int) -> NDArray[np.int64]:
    return np.array(values, dtype=np.int64)


class Case(NamedTuple):
    op: str
    args: list[NDArray[Any] | None]
    attrs: Mapping[str, Any] = MappingProxyType({})
    opset: int = 17
    outputs: int = 1


X = rand(2, 3, 5, 7)
V = rand(2, 6)
B = RNG.random((2, 6)) > 0.5
NONE = None
RULE = "coordinate_transformation_mode"

CASES = [
    *(Case(op, [V]) for op in ("Abs", "Ceil", "Erf", "Exp", "Floor", "Identity")),
    *(Case(op, [V]) for op in ("Neg", "Reciprocal", "Relu")),
    *(Case(op, [V]) for op in ("Elu", "HardSigmoid", "HardSwish", "LeakyRelu")),
    *(Case(op, [V]) for op in ("Sigmoid", "Sign", "Softplus", "Tanh")),
    *(Case(op, [pos(2, 6)]) for op in ("Log", "Sqrt")),
    *(Case(op, [V, rand(1, 6)]) for op in ("Add", "Sub", "Mul", "Div", "Min", "Max", "Sum")),
    *(Case(op, [V, rand(6)]) for op in ("Greater", "Less", "GreaterOrEqual", "LessOrEqual")),
    *(Case(op, [rand(2, 6), rand(6), rand(2, 1)]) for op in ("Min", "Max", "Sum")),
    Case("Div", [ints(7, -7, 8), ints(2, 2, -3)]),
    Case("Equal", [ints(1, 2, 3), ints(1, 5, 3)]),
    Case("And", [B, ~B[:1]]),
    Case("Or", [B, ~B[:1]]),
    Case("Not", [B]),
    Case("Where", [B, V, rand(1, 6)]),
    Case("Pow", [pos(2, 6), np.float32(1.5)]),
    Case("Pow", [V, ints(2)]),
    Case("Cast", [V], {"to": TensorProto.INT32}),
    Case("Cast", [ints(0, 3)], {"to": TensorProto.BOOL}),
    Case("Cast", [V], {"to": TensorProto.FLOAT16}),
    Case("Clip", [V, np.float32(-0.3), np.float32(0.5)]),
    Case("Clip", [V, NONE, np.float32(0.5)]),
    Case("Clip", [V, np.float32(0.1)]),
    Case("Clip", [V], {"min": -0.2, "max": 0.4}, opset=6),
    Case("LeakyRelu", [V], {"alpha": 0.3}),
    Case("HardSigmoid", [V], {"alpha": 0.3, "beta": 0.4}),
    Case("Elu", [V], {"alpha": 0.7}),
    Case("PRelu", [X, rand(3, 1, 1)]),
    Case("PRelu", [X, rand(1)]),
    Case("PRelu", [X, rand(7)]),
    Case("PRelu", [V, rand(6)]),
    Case("Gelu", [V], opset=20),
    Case("Gelu", [V], {"approximate": "tanh"}, opset=20),
    # shapes
    Case("Concat", [V, rand(2, 3)], {"axis": -1}),
    Case("Constant", [], {"value": numpy_helper.from_array(rand(2, 2))}),
    Case("Constant", [], {"value_float": 1.5}),
    Case("Constant", [], {"value_floats": [1.5, 2.5]}),
    Case("Constant", [], {"value_int": 7}),
    Case("Constant", [], {"value_ints": [7, 8]}),
    Case("ConstantOfShape", [ints(2, 3)]),
    Case("ConstantOfShape", [ints(2, 3)], {"value": numpy_helper.from_array(ints(4))}),
    Case("Dropout", [V]),
    Case("Dropout", [V], outputs=2),
    Case("Expand", [rand(1, 3, 1), ints(2, 1, 4)]),
    Case("Flatten", [X]),
    Case("Flatten", [X], {"axis": 0}),
    Case("Flatten", [X], {"axis": -1}),
    Case("Gather", [X, ints(2, 0, -1)], {"axis": 1}),
    Case("Gather", [X, np.array([[0, 1], [1, 0]], np.int64)], {"axis": 2}),
    Case("Gather", [V, np.array(1, np.int64)], {"axis": 1}),
    Case("Pad", [X, ints(0, 0, 1, 2, 0, 0, 3, 0)]),
    Case("Pad", [X, ints(0, 0, 1, 2, 0, 0, 3, 0), np.float32(1.5)]),
    Case("Pad", [X, ints(0, 0, -1, 2, 0, 0, 0, -2)]),
    Case("Pad", [X, ints(0, 0, 1, 2, 0, 0, 3, 0)], {"mode": "reflect"}),
    Case("Pad", [X, ints(0, 1, 1, 2, 0, 0, 3, 0)], {"mode": "edge"}),
    Case("Pad", [X, ints(1, 2), NONE, ints(-1)], opset=18),
    Case("Pad", [X], {"pads": [0, 0, 1, 2, 0, 0, 3, 0], "value": 0.5}, opset=9),
    Case("Reshape", [X, ints(0, -1, 7)]),
    Case("Reshape", [rand(0, 3), ints(3, 0)], {"allowzero": 1}),
    Case("Shape", [X]),
    Case("Shape", [X], {"start": 1, "end": -1}),
    Case("Slice", [X, ints(0, 1), ints(2, 100), ints(1, 3), ints(1, 2)]),
    Case("Slice", [X, ints(-1), ints(-100), ints(3), ints(-2)]),
    Case("Slice", [V, ints(0, 1), ints(2, -1)]),
    Case("Slice", [V], {"starts": [1], "ends": [4], "axes": [1]}, opset=9),
    Case("Split", [V], {"axis": 1}, outputs=3),
    Case("Split", [V, ints(1, 5)], {"axis": 1}, outputs=2),
    Case("Split", [V], {"axis": 1, "split": [2, 4]}, opset=11, outputs=2),
    Case("Split", [rand(2, 7)], {"axis": 1, "num_outputs": 3}, opset=18, outputs=3),
    Case("Squeeze", [rand(2, 1, 3, 1)]),
    Case("Squeeze", [rand(2, 1, 3, 1), ints(-1)]),
    Case("Squeeze", [rand(2, 1, 3, 1)], {"axes": [1]}, opset=11),
    Case("Transpose", [X]),
    Case("Transpose", [X], {"perm": [0, 2, 3, 1]}),
    Case("Unsqueeze", [V, ints(0, -1)]),
    Case("Unsqueeze", [V], {"axes": [1]}, opset=11),
    # layers
    Case("Conv", [X, rand(4, 3, 3, 3), rand(4)], {"pads": [1, 1, 1, 1], "strides": [2, 1]}),
    Case("Conv", [X, rand(4, 3, 2, 3)], {"pads": [0, 1, 1, 2], "dilations": [2, 1]}),
    Case("Conv", [X, rand(6, 1, 3, 3), rand(6)], {"group": 3, "auto_pad": "SAME_UPPER", "strides": [2, 2]}),
    Case("Conv", [X, rand(4, 3, 2, 2)], {"auto_pad": "SAME_LOWER", "strides": [2, 2]}),
    Case("Conv", [X, rand(4, 3, 2, 2)], {"auto_pad": "VALID"}),
    Case("Conv", [rand(2, 3, 9), rand(4, 3, 3)], {"pads": [1, 1]}),
    Case("Conv", [rand(1, 2, 4, 5, 6), rand(3, 2, 3, 3, 3)], {"pads": [1] * 6}),
    Case("ConvTranspose", [X, rand(3, 4, 3, 3), rand(4)], {"pads": [1, 1, 1, 1], "strides": [2, 2]}),
    Case(
        "ConvTranspose", [X, rand(3, 2, 3, 2)],
        {"pads": [1, 0, 0, 1], "strides": [2, 3], "output_padding": [1, 2]},
    ),
    Case("ConvTranspose", [rand(1, 4, 5, 5), rand(4, 2, 3, 3)], {"group": 2, "dilations": [2, 1]}),
    Case("Gemm", [V, rand(6, 4), rand(4)]),
    Case("Gemm", [V, rand(4, 6)], {"transB": 1, "alpha": 0.5}),
    Case("Gemm", [rand(6, 2), rand(6, 4), rand(2, 1)], {"transA": 1, "alpha": 0.5, "beta": 2.0}),
    Case("MatMul", [rand(2, 3, 4), rand(4, 5)]),
    Case("MatMul", [rand(3, 4), rand(4)]),
    Case("BatchNormalization", [X, pos(3), rand(3), rand(3), pos(3)], {"epsilon": 1e-3}),
    Case("BatchNormalization", [V, pos(6), rand(6), rand(6), pos(6)]),
    Case("InstanceNormalization", [X, pos(3), rand(3)], {"epsilon": 1e-3}),
    Case("InstanceNormalization", [rand(1, 3, 1, 1), pos(3), rand(3)]),
    Case("LayerNormalization", [X, pos(X.shape[-1]), rand(X.shape[-1])], {"epsilon": 1e-3}),
    Case("LayerNormalization", [X, pos(*X.shape[1:])], {"axis": 1}),
    Case("LpNormalization", [V]),
    Case("LpNormalization", [X], {"axis": 1, "p": 1}),
    Case("Softmax", [X], {"axis": 1}),
    Case("Softmax", [X], {"axis": 2}, opset=11),
    # windows
    Case("GlobalAveragePool", [X]),
    Case("GlobalMaxPool", [X]),
    Case("MaxPool", [X], {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}),
    Case("MaxPool", [X], {"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1}),
    Case("MaxPool", [X], {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1, "pads": [0, 0, 1, 1]}),
    Case(
        "MaxPool", [rand(1, 2, 6, 6)],
        {"kernel_shape": [2, 2], "strides": [3, 3], "ceil_mode": 1, "pads": [0, 0, 1, 1]},
    ),
    Case("MaxPool", [X], {"kernel_shape": [2, 2], "dilations": [2, 2]}),
    Case("MaxPool", [X], {"kernel_shape": [2, 3], "auto_pad": "SAME_UPPER", "strides": [2, 2]}),
    Case("AveragePool", [X], {"kernel_shape": [2, 2], "strides": [2, 2]}),
    Case("AveragePool", [X], {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}),
    Case("AveragePool", [X], {"kernel_shape": [3, 3], "pads": [1, 0, 0, 1], "count_include_pad": 1}),
    Case("AveragePool", [X], {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1}),
    Case(
        "AveragePool", [rand(2, 3, 6, 6)],
        {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1, "pads": [1] * 4},
    ),
    Case("AveragePool", [X], {"kernel_shape": [2, 2], "auto_pad": "SAME_LOWER"}),
    # reductions
    *(Case(f"Reduce{n}", [X], {"axes": [1, -1]}) for n in ("Mean", "Max", "Min", "Prod")),
    *(Case(f"Reduce{n}", [X], {"axes": [1, -1]}) for n in ("L1", "L2", "SumSquare")),
    *(Case(f"Reduce{n}", [X], {"axes": [2], "keepdims": 0}) for n in ("Mean", "Max", "Min", "L2", "Prod")),
    Case("ReduceSum", [X, ints(1, 2)], {"keepdims": 0}),
    Case("ReduceSum", [X]),
    Case("ReduceSum", [X], {"noop_with_empty_axes": 1}),
    Case("ReduceMean", [X, ints(-1)], opset=18),
    Case("ReduceL2", [V, ints(1)], opset=18),
    Case("ArgMax", [V], {"axis": 1}),
    Case("ArgMax", [V], {"axis": -1, "keepdims": 0}),
    Case("ArgMax", [np.ones((2, 3), np.float32)], {"axis": 1, "select_last_index": 1}),
    Case("ArgMin", [V], {"axis": 1}),
    # resize
    *(
        Case("Resize", [X, NONE, NONE, ints(2, 3, *size)], {"mode": mode, RULE: rule})
        for mode in ("nearest", "linear")
        for rule in ("half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel")
        for size in ((9, 4), (10, 14))
    ),
    *(
        Case("Resize", [X, NONE, np.array([1, 1, 2.0, 0.6], np.float32)], {"nearest_mode": rule})
        for rule in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
    ),
    Case("Resize", [X, np.array([1, 1, 2.0, 2.0], np.float32)], {"mode": "linear"}, opset=10),
    Case("Resize", [X, NONE, NONE, ints(4, 4)], {"mode": "linear", "axes": [2, 3]}, opset=18),
]  # fmt: skip


def build(case: Case) -> tuple[onnx.ModelProto, dict[str, NDArray[Any]]]:
    """Make a one-node model: data arguments are inputs, the other arguments constants."""
    names = [f"a{i}" if a is not None else "" for i, a in enumerate(case.args)]
    given = {n: np.asarray(a) for n, a in zip(names, case.args, strict=True) if n}
    feeds = {n: a for i, (n, a) in enumerate(given.items()) if i == 0 or (a.ndim > 1 and a.dtype != np.int64)}
    outputs = [f"y{i}" for i in range(case.outputs)]
    node = helper.make_node(case.op, names, outputs, name="it", **case.attrs)
    graph = helper.make_graph(
        [node],
        "one",
        [
            helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)
            for n, a in feeds.items()
        ],
        [onnx.ValueInfoProto(name=n) for n in outputs],
        [numpy_helper.from_array(a, n) for n, a in given.items() if n not in feeds],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", case.opset)], ir_version=9), feeds


def label(case: Case) -> str:
    return f"{case.op}-{'-'.join(str(v) for v in case.attrs.values() if not hasattr(v, 'dims'))}".replace(
        " ", ""
    )


@pytest.mark.parametrize("case", CASES, ids=label)
def test_an_operator_gives_what_onnx_runtime_gives(case: Case) -> None:
    model, feeds = build(case)
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 4
    reference = onnxruntime.InferenceSession(
        model.SerializeToString(), settings, providers=["CPUExecutionProvider"]
    )
    wanted = reference.run(None, feeds)
    got = TorchGraph(model)({name: torch.tensor(array) for name, array in feeds.items()})
    for expected, tensor in zip(wanted, got.values(), strict=True):
        value = tensor.numpy()
        assert value.dtype == expected.dtype
        assert value.shape == expected.shape
        np.testing.assert_allclose(value, expected, rtol=1e-5, atol=2e-6)


def test_every_operator_of_the_table_has_a_case() -> None:
    assert {case.op for case in CASES} == set(OPERATORS)
