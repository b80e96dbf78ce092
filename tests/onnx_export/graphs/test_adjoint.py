"""Every adjoint rule against central finite differences, in float64."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

from fiqx_trt.errors import ModelError
from fiqx_trt.onnx_export.graphs.adjoint import RULES, backward
from fiqx_trt.onnx_export.graphs.adjoint.tape import Tape
from fiqx_trt.onnx_export.graphs.view import GraphView
from reference.onnx_graphs import operators, parse

X = (2, 4, 6, 7)
CONSTANTS: dict[str, np.ndarray] = {
    "slope": np.array([0.25, -0.1, 0.6, 0.0]).reshape(4, 1, 1),
    "gentle": np.array([0.25, 0.1, 0.6, 0.0]).reshape(4, 1, 1),
    "low": np.array(-0.5),
    "high": np.array(0.7),
    "cube": np.array(3.0),
    "channel": np.random.default_rng(1).standard_normal((4, 1, 1)),
    "last": np.random.default_rng(11).standard_normal(7),
    "stat": np.array([0.5, 1.5, -0.7, 2.0]),
    "var": np.array([0.5, 1.5, 0.7, 2.0]),
    "k33": np.random.default_rng(2).standard_normal((6, 4, 3, 3)),
    "k23": np.random.default_rng(3).standard_normal((6, 4, 2, 3)),
    "k11": np.random.default_rng(4).standard_normal((5, 4, 1, 1)),
    "g33": np.random.default_rng(5).standard_normal((6, 2, 3, 3)),
    "d33": np.random.default_rng(6).standard_normal((4, 1, 3, 3)),
    "t33": np.random.default_rng(7).standard_normal((4, 3, 3, 3)),
    "bias": np.random.default_rng(8).standard_normal(6),
    "m168": np.random.default_rng(9).standard_normal((168, 5)),
    "m7": np.random.default_rng(10).standard_normal((7, 3)),
    "pads": np.array([0, 1, 0, 2, 0, 0, 3, 1]),
    "crop": np.array([0, 0, -1, 2, 0, 1, 0, -3]),
    "flat": np.array([-1, 168]),
    "wide": np.array([0, 4, 42]),
    "all": np.array([1, 4, 6, 7]),
    "23": np.array([2, 3]),
    "1": np.array([1]),
    "s1": np.array([1, 2]),
    "e1": np.array([5, 100]),
    "neg": np.array([-5, 0]),
    "nege": np.array([-1, -1]),
    "step": np.array([2, 3]),
}

#: (text of the nodes, operator under test)
CASES = [
    ("y = Relu(x)", "Relu"),
    ("y = LeakyRelu<alpha=0.3>(x)", "LeakyRelu"),
    ("y = PRelu(x, slope)", "PRelu"),
    ("y = PRelu(x, gentle)", "PRelu"),
    ("y = LeakyRelu<alpha=-0.3>(x)", "LeakyRelu"),
    ("y = Elu<alpha=0.7>(x)", "Elu"),
    ("y = Softplus(x)", "Softplus"),
    ("w = Mul(x, cube) v = Mul(w, cube) y = HardSigmoid(v)", "HardSigmoid"),
    ("w = Mul(x, cube) v = Mul(w, cube) y = HardSwish(v)", "HardSwish"),
    ("y = Exp(x)", "Exp"),
    ("a = Abs(x) y = Log(a)", "Log"),
    ("y = Erf(x)", "Erf"),
    ("y = LayerNormalization(x, last, last)", "LayerNormalization"),
    ("y = LayerNormalization<axis=1, epsilon=0.1>(x, cube)", "LayerNormalization"),
    ("y = Sigmoid(x)", "Sigmoid"),
    ("y = Tanh(x)", "Tanh"),
    ("y = Clip(x, low, high)", "Clip"),
    ("y = Clip(x, , high)", "Clip"),
    ("y = Abs(x)", "Abs"),
    ("y = Neg(x)", "Neg"),
    ("y = Identity(x)", "Identity"),
    ("y = Dropout(x)", "Dropout"),
    ("y = Cast<to=11>(x)", "Cast"),
    ("a = Abs(x) y = Sqrt(a)", "Sqrt"),
    ("y = Reciprocal(x)", "Reciprocal"),
    ("y = Pow(x, cube)", "Pow"),
    ("y = Add(x, channel)", "Add"),
    ("y = Add(x, x)", "Add"),
    ("s = GlobalAveragePool(x) y = Add(x, s)", "Add"),
    ("a = Tanh(x) y = Sum(x, channel, a)", "Sum"),
    ("s = GlobalAveragePool(x) y = Sub(s, x)", "Sub"),
    ("y = Mul(x, x)", "Mul"),
    ("s = GlobalAveragePool(x) g = Sigmoid(s) y = Mul(g, x)", "Mul"),
    ("y = Mul(channel, x)", "Mul"),
    ("s = GlobalAveragePool(x) y = Div(x, s)", "Div"),
    ("y = Div(channel, x)", "Div"),
    ("y = BatchNormalization<epsilon=0.1>(x, stat, stat, stat, var)", "BatchNormalization"),
    ("f = Flatten(x) y = Gemm<alpha=0.7>(f, m168)", "Gemm"),
    ("f = Flatten(x) t = Identity(m168) y = MatMul(f, t)", "MatMul"),
    ("y = MatMul(x, m7)", "MatMul"),
    ("y = Conv<pads=[1,1,1,1]>(x, k33, bias)", "Conv"),
    ("y = Conv(x, k11)", "Conv"),
    ("y = Conv<strides=[2,2]>(x, k11)", "Conv"),
    ("y = Conv<strides=[2,2], pads=[1,1,1,1]>(x, k33)", "Conv"),
    ("y = Conv<strides=[3,2], pads=[0,1,2,0]>(x, k23)", "Conv"),
    ("y = Conv<dilations=[2,1], pads=[2,1,2,1]>(x, k33)", "Conv"),
    ("y = Conv<dilations=[2,2], strides=[2,1], pads=[1,2,0,1]>(x, k33)", "Conv"),
    ("y = Conv<group=2, pads=[1,0,1,2]>(x, g33)", "Conv"),
    ("y = Conv<group=4, strides=[2,2], pads=[1,1,1,1]>(x, d33)", "Conv"),
    ("y = Conv<pads=[3,3,3,3]>(x, k33)", "Conv"),
    ('y = Conv<auto_pad="SAME_UPPER", strides=[2,2]>(x, k23)', "Conv"),
    ('y = Conv<auto_pad="SAME_LOWER", strides=[2,2]>(x, k33)', "Conv"),
    ('y = Conv<auto_pad="VALID">(x, k33)', "Conv"),
    ("y = ConvTranspose<strides=[2,2], pads=[1,1,1,1], output_padding=[1,0]>(x, t33)", "ConvTranspose"),
    ("y = ConvTranspose<pads=[0,1,2,0]>(x, t33)", "ConvTranspose"),
    ("y = ConvTranspose<strides=[3,2], dilations=[2,1], output_padding=[2,1]>(x, t33)", "ConvTranspose"),
    ("y = ConvTranspose<group=4, strides=[2,2]>(x, d33)", "ConvTranspose"),
    ("y = GlobalAveragePool(x)", "GlobalAveragePool"),
    ("y = AveragePool<kernel_shape=[2,2], strides=[2,2]>(x)", "AveragePool"),
    ("y = AveragePool<kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1]>(x)", "AveragePool"),
    ("y = AveragePool<kernel_shape=[3,2], pads=[1,1,1,0], count_include_pad=1>(x)", "AveragePool"),
    ("y = MaxPool<kernel_shape=[2,2], strides=[2,2]>(x)", "MaxPool"),
    ("y = MaxPool<kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1]>(x)", "MaxPool"),
    ("y = MaxPool<kernel_shape=[3,2], strides=[1,2]>(x)", "MaxPool"),
    ("y = MaxPool<kernel_shape=[2,2], strides=[2,2], ceil_mode=1>(x)", "MaxPool"),
    ("y = MaxPool<kernel_shape=[2,2], dilations=[2,3]>(x)", "MaxPool"),
    ("a = Tanh(x) y = Concat<axis=1>(x, a, x)", "Concat"),
    ("a = Tanh(x) y = Concat<axis=-1>(a, x)", "Concat"),
    ("y = Slice(x, s1, e1, 23)", "Slice"),
    ("y = Slice(x, neg, nege, 23)", "Slice"),
    ("y = Slice(x, s1, e1, 23, step)", "Slice"),
    ("y = Slice(x, neg, nege, 23, step)", "Slice"),
    ("y = Pad(x, pads)", "Pad"),
    ("y = Pad(x, crop)", "Pad"),
    ("y = Reshape(x, wide)", "Reshape"),
    ("f = Flatten(x) y = Mul(f, f)", "Flatten"),
    ("u = Unsqueeze(x, 1) y = Mul(u, u)", "Unsqueeze"),
    ("u = Unsqueeze(x, 1) y = Squeeze(u, 1)", "Squeeze"),
    ("y = Transpose<perm=[0,2,3,1]>(x)", "Transpose"),
    ("s = GlobalAveragePool(x) y = Expand(s, all)", "Expand"),
    ("y = ReduceMean<axes=[2,3]>(x)", "ReduceMean"),
    ("y = ReduceMean<axes=[-1], keepdims=0>(x)", "ReduceMean"),
    ("y = ReduceSum(x, 1)", "ReduceSum"),
    ("y = ReduceSum<keepdims=0>(x, 23)", "ReduceSum"),
    ("y = ReduceSumSquare<axes=[1]>(x)", "ReduceSumSquare"),
    ("y = ReduceL2<axes=[1]>(x)", "ReduceL2"),
    ("y = ReduceL2<axes=[2,3], keepdims=0>(x)", "ReduceL2"),
    ("y = LpNormalization<axis=1, p=2>(x)", "LpNormalization"),
    ("n = ReduceL2<axes=[1]>(x) c = Clip(n, high) y = Div(x, c)", "Clip"),
]


class ConvTranspose(OpRun):
    """By torch: onnx's own cuts the weights of groups wrongly."""

    def _run(self, x, w, b=None, **given):  # type: ignore[no-untyped-def]
        pads = given["pads"] or [0] * 4
        strides, dilations, extra = (
            given[k] or d for k, d in zip(KEYS, ([1, 1], [1, 1], [0, 0]), strict=True)
        )
        full = torch.nn.functional.conv_transpose2d(
            torch.tensor(x), torch.tensor(w), None, strides, 0, 0, given["group"] or 1, dilations
        )
        widths = (-pads[1], extra[1] - pads[3], -pads[0], extra[0] - pads[2])
        return (torch.nn.functional.pad(full, widths).numpy(),)


class Erf(OpRun):
    """By torch: onnx's own has the precision of float32."""

    def _run(self, x):  # type: ignore[no-untyped-def]
        return (torch.erf(torch.tensor(x)).numpy(),)


class Pad(OpRun):
    """By torch: onnx's own takes no negative widths."""

    def _run(self, x, pads, value=None, axes=None, mode=None):  # type: ignore[no-untyped-def]
        rank = len(pads) // 2
        widths = [int(pads[i + k]) for i in reversed(range(rank)) for k in (0, rank)]
        return (torch.nn.functional.pad(torch.tensor(x), widths, value=float(value or 0)).numpy(),)


KEYS = ("strides", "dilations", "output_padding")


def evaluator(model: onnx.ModelProto) -> ReferenceEvaluator:
    return ReferenceEvaluator(model, new_ops=[ConvTranspose, Erf, Pad])


def graph_of(body: str) -> onnx.ModelProto:
    """The forward graph, with the axes and shapes written as names that ONNX's text form allows."""
    for number in ("23", "1"):
        body = body.replace(f", {number})", f", axes{number})").replace(f", {number},", f", axes{number},")
    constants = {(f"axes{k}" if k.isdigit() else k): v for k, v in CONSTANTS.items()}
    dims = ",".join(map(str, X[1:]))
    model = parse(body, constants, inputs=f"double[N,{dims}] x", outputs="double y")
    model.graph.output[0].type.tensor_type.ClearField("shape")
    return model


def gradient_graph(model: onnx.ModelProto) -> onnx.ModelProto:
    """Input x and the gradient `seed` of y; output the gradient of x."""
    tape = Tape(GraphView(model), np.dtype(np.float64))
    found = backward(tape, {"y": "seed"}, "x")
    both = onnx.ModelProto()
    both.CopyFrom(model)
    both.graph.node.extend(tape.nodes)
    both.graph.initializer.extend(tape.constants)
    double = onnx.TensorProto.DOUBLE
    both.graph.input.append(onnx.helper.make_tensor_value_info("seed", double, None))
    del both.graph.output[:]
    both.graph.output.append(onnx.helper.make_tensor_value_info(found, double, None))
    return both


@pytest.mark.parametrize(("body", "operator"), CASES, ids=[c[0] for c in CASES])
def test_rule_equals_central_differences(body: str, operator: str) -> None:
    model = graph_of(body)
    assert operator in operators(model)
    random = np.random.default_rng(0)
    # distinct values, 0.007 apart and away from 0: no kink lies within the step
    x = (random.permutation(np.prod(X)) - np.prod(X) / 2 + 0.5).reshape(X) * 0.007
    forward = evaluator(model)
    y = forward.run(None, {"x": x})[0]
    seed = random.standard_normal(y.shape)
    (found,) = evaluator(gradient_graph(model)).run(None, {"x": x, "seed": seed})
    assert found.shape == X
    assert found.dtype == np.float64
    step = 1e-5
    for _ in range(12):
        place = tuple(random.integers(0, X))
        moved = [x.copy(), x.copy()]
        moved[0][place] += step
        moved[1][place] -= step
        high, low = (float((seed * forward.run(None, {"x": m})[0]).sum()) for m in moved)
        assert found[place] == pytest.approx((high - low) / (2 * step), rel=1e-4, abs=1e-6)


def test_every_rule_is_tested() -> None:
    assert {operator for _, operator in CASES} == set(RULES)


@pytest.mark.parametrize("body", ["Relu(x)", "LeakyRelu(x)", "PRelu(x, gentle)"])
def test_a_rectifier_stays_the_only_reader_of_its_input(body: str) -> None:
    """So that a runtime can join it to the convolution before it."""
    graph = gradient_graph(graph_of(f"y = {body}")).graph
    assert [node.op_type for node in graph.node if "x" in node.input] == [body.split("(")[0]]


def test_of_equal_maxima_the_first_takes_the_gradient() -> None:
    model = graph_of("y = MaxPool<kernel_shape=[2,2], strides=[2,2]>(x)")
    x, seed = np.zeros(X), np.ones((2, 4, 3, 3))
    (found,) = evaluator(gradient_graph(model)).run(None, {"x": x, "seed": seed})
    wanted = np.zeros(X)
    wanted[:, :, ::2, :6:2] = 1
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            "y = Sin(x)",
            r"gradient not implemented for operator Sin, node 'y' \(Sin\); implemented are Abs, Add, AveragePool",
        ),
        ("y = Transpose<perm=[1,0,2,3]>(x)", r"node 'y' \(Transpose\): it moves the batch"),
        ("y = ReduceSum<keepdims=0>(x)", r"node 'y' \(ReduceSum\): it reduces over the batch"),
        ("y = Concat<axis=0>(x, x)", r"node 'y' \(Concat\): it joins pictures of a batch"),
        ("y = Pow(x, channel)", r"node 'y' \(Pow\): its exponent must be one number"),
        ("y = PRelu(x, x)", r"node 'y' \(PRelu\): its input 'x' must be a constant"),
        ('y = Pad<mode="reflect">(x, pads)', r"node 'y' \(Pad\): only mode constant"),
        ("y = LpNormalization<p=1>(x)", r"node 'y' \(LpNormalization\): only p = 2 is covered"),
        ("s = Shape(x) y = Cast<to=11>(s)", r"no gradient: \['y'\] do not depend on 'x'"),
    ],
)
def test_what_has_no_adjoint_names_the_node(body: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        gradient_graph(graph_of(body))
