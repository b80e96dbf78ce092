"""The folded head against the head itself, run by ONNX Runtime on random vectors."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fiqx_trt.errors import ModelError
from fiqx_trt.onnx_export.graphs.affine import head_affine
from reference.onnx_graphs import normal, parse, run

F, D = 12, 5
WEIGHTS = {
    "w": normal(D, F),
    "wt": normal(F, D),
    "b": normal(D, seed=1),
    "b2": normal(1, D, seed=2),
    "one": np.array(1.7, np.float32),
    "s": normal(D, seed=3),
    "v": np.abs(normal(D, seed=4)) + np.float32(0.5),
    "fs": normal(F, seed=5),
    "fv": np.abs(normal(F, seed=6)) + np.float32(0.5),
    "square": normal(D, D, seed=7),
    "row": np.array([-1, D], np.int64),
    "map": np.array([0, 3, 2, 2], np.int64),
    "axes": np.array([2], np.int64),
    "full": normal(D, 3, 2, 2, seed=8),
    "bias4": normal(3, 1, 1, seed=9),
}


def assert_folds(model: onnx.ModelProto, shape: tuple[int, ...] = (F,)) -> None:
    A, b = head_affine(model)
    h = normal(20, *shape, seed=11)
    wanted = run(model, {"h": h})["e"].reshape(len(h), -1).astype(np.float64)
    found = h.reshape(len(h), -1).astype(np.float64) @ A.T + b
    assert A.dtype == b.dtype == np.float64
    assert A.shape == (wanted.shape[1], h[0].size)
    np.testing.assert_allclose(found, wanted, atol=2e-5 * np.abs(wanted).max())
    cosine = (found * wanted).sum(1) / np.linalg.norm(found, axis=1) / np.linalg.norm(wanted, axis=1)
    assert cosine.min() > 1 - 1e-10


@pytest.mark.parametrize(
    "body",
    [
        "e = Gemm<transB=1>(h, w, b)",
        "e = Gemm(h, wt)",
        "e = Gemm<transB=1, alpha=0.3, beta=2.5>(h, w, b2)",
        "e = Gemm<transB=1, beta=0.5>(h, w, one)",
        "e = MatMul(h, wt)",
        "m = MatMul(h, wt) e = Add(b, m)",
        "m = MatMul(h, wt) e = Sub(b, m)",
        "m = MatMul(h, wt) k = Sub(m, b2) e = Mul(s, k)",
        "m = MatMul(h, wt) k = Div(m, v) n = Neg(k) e = Mul(n, one)",
        "g = Gemm<transB=1>(h, w, b) e = BatchNormalization<epsilon=0.02>(g, s, b, s, v)",
        "g = BatchNormalization(h, fs, fs, fs, fv) e = Gemm<transB=1>(g, w, b)",
        "d = Dropout(h) i = Identity(d) c = Cast<to=1>(i) g = Gemm<transB=1>(c, w) e = Gemm(g, square, b)",
        "m = MatMul(h, wt) k = Mul(m, one) l = Add(m, k) r = Add(l, l) e = Sum(r, b, m)",
        "g = MatMul(h, wt) u = Unsqueeze(g, axes) q = Squeeze(u, axes) f = Flatten(q) e = Reshape(f, row)",
        "x = Reshape(h, map) y = Add(x, bias4) k = Conv(y, full, b) e = Flatten(k)",
        "x = Reshape(h, map) t = Transpose<perm=[0,2,3,1]>(x) f = Flatten(t) e = Gemm<transB=1>(f, w)",
        "x = Reshape(h, map) y = Mul(x, bias4) e = GlobalAveragePool(y)",
        "c = Mul(s, one) m = MatMul(h, wt) e = Add(m, c)",
    ],
)
def test_every_affine_operator_folds_exactly(body: str) -> None:
    wide = "float[N,3,1,1] e" if "GlobalAverage" in body else f"float[N,{D}] e"
    assert_folds(parse(body, WEIGHTS, inputs=f"float[N,{F}] h", outputs=wide))


@settings(max_examples=40, deadline=None)
@given(
    extent=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    dilation=st.integers(1, 2),
    pads=st.tuples(*[st.integers(0, 2)] * 4),
    groups=st.sampled_from([1, 2]),
    depthwise=st.booleans(),
)
def test_a_convolution_with_one_output_position_folds(
    extent: tuple[int, int], dilation: int, pads: tuple[int, ...], groups: int, depthwise: bool
) -> None:
    """The kernel is as large as the padded map, so that one position remains."""
    kernel = [(extent[a] + pads[a] + pads[a + 2] - 1) // dilation + 1 for a in (0, 1)]
    groups = 4 if depthwise else groups
    body = (
        f"k = Conv<pads=[{','.join(map(str, pads))}], dilations=[{dilation},{dilation}], strides=[2,2], "
        f"group={groups}>(h, w, b) e = Flatten(k)"
    )
    model = parse(
        body,
        {"w": normal(8, 4 // groups, *kernel), "b": normal(8, seed=1)},
        inputs=f"float[N,4,{extent[0]},{extent[1]}] h",
        outputs="float[N,8] e",
    )
    assert_folds(model, (4, *extent))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("g = Gemm<transB=1>(h, w) e = Relu(g)", r"node 'e' \(Relu\): the operator is not affine"),
        (
            "g = Gemm<transB=1>(h, w) e = LpNormalization(g)",
            r"node 'e' \(LpNormalization\): the operator is not",
        ),
        (
            "g = Gemm<transB=1>(h, w) e = Mul(g, g)",
            r"node 'e' \(Mul\): it joins two tensors that both depend",
        ),
        ("g = Gemm<transB=1>(h, w) e = Div(b, g)", r"node 'e' \(Div\): it divides by a tensor that depends"),
        (
            "g = Gemm<transB=1>(h, w) u = Unsqueeze(g, axes) e = MatMul(square, u)",
            r"node 'e' \(MatMul\): its input 'u' depends on the picture",
        ),
        (
            "g = Gemm<transB=1>(h, w) e = Gemm<transA=1>(g, g)",
            r"node 'e' \(Gemm\): its first operand must be the",
        ),
        (
            "t = Transpose<perm=[1,0]>(h) e = Transpose<perm=[1,0]>(t)",
            r"node 'e' \(Transpose\): it moves the batch",
        ),
        (
            "x = Reshape(h, map) e = Conv(x, small)",
            r"node 'e' \(Conv\): its output \(5, 2, 2\) is larger than 1×1",
        ),
        (
            'x = Reshape(h, map) e = Conv<auto_pad="SAME_UPPER", strides=[2,2]>(x, full)',
            "auto_pad is not supported",
        ),
        (
            "g = Gemm<transB=1>(h, w) x = Reshape(g, cube) e = Add(x, bias4)",
            "it broadcasts the tensor that depends",
        ),
    ],
)
def test_what_is_not_affine_names_the_node(body: str, message: str) -> None:
    weights = {**WEIGHTS, "small": normal(D, 3, 1, 1), "cube": np.array([0, 1, 1, D], np.int64)}
    model = parse(body, weights, inputs=f"float[N,{F}] h", outputs="float e")
    model.graph.output[0].type.tensor_type.ClearField("shape")
    with pytest.raises(ModelError, match=message):
        head_affine(model)


def test_a_head_has_one_input_and_one_output() -> None:
    two = parse("e = Add(h, g)", inputs="float[N,4] h, float[N,4] g", outputs="float[N,4] e")
    with pytest.raises(
        ModelError, match=r"a head has one input and one output; got \['h', 'g'\] and \['e'\]"
    ):
        head_affine(two)
    constant = parse("e = Identity(b2)", WEIGHTS, inputs="float[N,4] h", outputs="float[1,5] e")
    with pytest.raises(ModelError, match="'e' does not depend on its input 'h'"):
        head_affine(constant)


def test_the_reference_of_the_fold_is_a_derivative() -> None:
    """Column k of A is e(unit vector k) - e(0)."""
    model = parse(
        "g = Gemm<transB=1>(h, w, b) e = BatchNormalization(g, s, b, s, v)",
        WEIGHTS,
        inputs=f"float[N,{F}] h",
        outputs=f"float[N,{D}] e",
    )
    A, b = head_affine(model)
    origin = run(model, {"h": np.zeros((1, F), np.float32)})["e"]
    columns = run(model, {"h": np.eye(F, dtype=np.float32)})["e"] - origin
    np.testing.assert_allclose(A, columns.T, atol=1e-5)
    np.testing.assert_allclose(b, origin[0], atol=1e-6)
