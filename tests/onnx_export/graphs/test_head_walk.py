"""The tap before the head on heads as people have them: the first vector from which everything is affine."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from fiqx_trt.errors import ModelError
from fiqx_trt.onnx_export.graphs.affine import folded_head, head_affine
from fiqx_trt.onnx_export.graphs.split import cut, with_outputs
from fiqx_trt.onnx_export.graphs.taps import find_taps
from reference.onnx_graphs import normal, operators, parse, run

C, D = 6, 4
AXES = np.array([2, 3], np.int64)
WEIGHTS = {
    "w": normal(C, 3, 3, 3),
    "global": normal(C, 1, 8, 8, seed=1),
    "gb": normal(C, seed=2),
    "s": np.abs(normal(C, seed=3)) + np.float32(0.5),
    "m": normal(C, seed=4),
    "two": normal(C, C, seed=5),
    "conv1": normal(C, C, 1, 1, seed=6),
    "fc": normal(D, C, seed=7),
    "fct": normal(C, D, seed=8),
    "fcmap": normal(D, C * 64, seed=9),
    "full": normal(C, C, 8, 8, seed=10),
    "ds": np.abs(normal(D, seed=11)) + np.float32(0.5),
    "dm": normal(D, seed=12),
    "c1": normal(C, 1, 1, seed=13),
    "slope": np.abs(normal(C, seed=14)),
    "axes": AXES,
    "row": np.array([0, C], np.int64),
    "cube": np.array([0, C, 1, 1], np.int64),
}
MAP = "k = Conv<pads=[1,1,1,1]>(image, w) r = Relu(k) "
DEPTHWISE = f"g = Conv<group={C}>(r, global, gb) "

#: Name → the network behind its last map r, the tap, and how many values it holds.
HEADS = {
    "R100: batch norm, Dropout, flatten, linear": (
        "n = BatchNormalization(r, s, m, m, s) d = Dropout(n) f = Flatten(d) "
        "e = Gemm<transB=1>(f, fcmap, dm) embedding = BatchNormalization(e, ds, dm, dm, ds)",
        "f",
        C * 64,
    ),
    "R100 with the Dropout behind the flatten": (
        "n = BatchNormalization(r, s, m, m, s) f = Flatten(n) d = Dropout(f) "
        "embedding = Gemm<transB=1>(d, fcmap, dm)",
        "f",
        C * 64,
    ),
    "FaceNet: pool, Dropout, linear, batch norm": (
        "p = GlobalAveragePool(r) d = Dropout(p) f = Flatten(d) e = Gemm<transB=1>(f, fc) "
        "embedding = BatchNormalization(e, ds, dm, dm, ds)",
        "f",
        C,
    ),
    "FaceNet as TensorFlow writes it": (
        "p = ReduceMean<axes=[2,3], keepdims=0>(r) d = Dropout(p) e = MatMul(d, fct) n = Mul(e, ds) embedding = Add(n, dm)",
        "p",
        C,
    ),
    "dlib: pool, linear": (
        "p = GlobalAveragePool(r) f = Flatten(p) embedding = Gemm<transB=1>(f, fc)",
        "f",
        C,
    ),
    "classic MobileFaceNet": (
        DEPTHWISE + "n = BatchNormalization(g, s, m, m, s) f = Flatten(n) e = Gemm<transB=1>(f, fc) "
        "embedding = BatchNormalization(e, ds, dm, dm, ds)",
        "f",
        C,
    ),
    "MobileFaceNet with two layers": (
        DEPTHWISE + "h = Conv(g, conv1, gb) f = Reshape(h, row) embedding = Gemm<transB=1>(f, fc, dm)",
        "g",
        C,
    ),
    "MobileFaceNet with two layers, a batch norm between": (
        DEPTHWISE
        + "f = Squeeze(g, axes) h = Gemm<transB=1>(f, two, gb) n = BatchNormalization(h, s, m, m, s) "
        "embedding = Gemm<transB=1>(n, fc, dm)",
        "f",
        C,
    ),
    "MobileFaceNet turned to channels last": (
        DEPTHWISE
        + "h = Conv(g, conv1) t = Transpose<perm=[0,2,3,1]>(h) f = Flatten(t) embedding = MatMul(f, fct)",
        "g",
        C,
    ),
    "scaled by constants between the layers": (
        "p = GlobalAveragePool(r) f = Flatten(p) a = Mul(f, s) b = Sub(gb, a) i = Identity(b) h = Neg(i) "
        "u = Gemm<transB=1>(h, two) q = Div(u, s) embedding = Gemm<transB=1>(q, fc)",
        "f",
        C,
    ),
    "a convolution reads the whole map, another layer follows": (
        "h = Conv(r, full, gb) f = Flatten(h) embedding = Gemm<transB=1>(f, fc)",
        "r",
        C * 64,
    ),
    "a depthwise convolution alone": (DEPTHWISE + "embedding = Flatten(g)", "r", C * 64),
    "a non-linearity between the layers": (
        "p = GlobalAveragePool(r) f = Flatten(p) h = Gemm<transB=1>(f, two, gb) u = Relu(h) embedding = Gemm<transB=1>(u, fc)",
        "u",
        C,
    ),
    "PReLU, then two layers": (
        "p = GlobalAveragePool(r) x = PRelu(p, c1) f = Flatten(x) h = Gemm<transB=1>(f, two, gb) "
        "n = BatchNormalization(h, s, m, m, s) embedding = Gemm<transB=1>(n, fc)",
        "f",
        C,
    ),
    "a gate between the layers": (
        "p = GlobalAveragePool(r) f = Flatten(p) h = Gemm<transB=1>(f, two, gb) o = Sigmoid(h) u = Mul(h, o) "
        "embedding = Gemm<transB=1>(u, fc)",
        "u",
        C,
    ),
}


def network(ending: str) -> onnx.ModelProto:
    dimensions = C if ending.endswith("Flatten(g)") else D
    return parse(MAP + ending, WEIGHTS, outputs=f"float[N,{dimensions}] embedding")


@pytest.mark.parametrize(("ending", "tap", "values"), HEADS.values(), ids=HEADS)
def test_the_tap_is_the_first_vector_behind_which_all_is_affine(ending: str, tap: str, values: int) -> None:
    model = network(ending)
    taps = find_taps(model)
    assert (taps.embedding, taps.pre_dropout) == ("embedding", tap)
    found = run(with_outputs(model, [tap, "embedding"]), {"image": normal(5, 3, 8, 8, seed=20)})
    A, b = head_affine(cut(model, inputs=[tap], outputs=["embedding"]))
    assert A.shape[1] == values
    h = found[tap].reshape(5, -1).astype(np.float64)
    np.testing.assert_allclose(h @ A.T + b, found["embedding"], atol=1e-4 * np.abs(found["embedding"]).max())


def test_a_batch_norm_folded_into_the_depthwise_convolution_leaves_the_vector_as_it_is() -> None:
    """Exporters fold it or not; the same network must have the same tap and so the same quality."""
    end = "f = Flatten({}) e = Gemm<transB=1>(f, two, gb) embedding = Gemm<transB=1>(e, fc)"
    apart = parse(MAP + DEPTHWISE + "n = BatchNormalization(g, s, m, m, s) " + end.format("n"), WEIGHTS)
    scale = WEIGHTS["s"] / np.sqrt(WEIGHTS["s"] + np.float32(1e-5))
    bias = (WEIGHTS["gb"] - WEIGHTS["m"]) * scale + WEIGHTS["m"]
    folded = {**WEIGHTS, "global": WEIGHTS["global"] * scale[:, None, None, None], "gb": WEIGHTS["gb"]}
    joined = parse(
        MAP + f"g = Conv<group={C}>(r, global, folded) " + end.format("g"), {**folded, "folded": bias}
    )
    image = {"image": normal(3, 3, 8, 8, seed=21)}
    vectors = [
        run(with_outputs(model, [find_taps(model).pre_dropout]), image)[find_taps(model).pre_dropout]
        for model in (apart, joined)
    ]
    np.testing.assert_allclose(vectors[0], vectors[1], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("ending", "message"),
    [
        (
            "embedding = Tanh(e)",
            r"node 'embedding' \(Tanh\) is not affine \(it reads 'e'\); name the output .*--tap embedding=",
        ),
        (
            "u = Relu(e) embedding = Mul(e, u)",
            r"node 'embedding' \(Mul\) joins the branches \['e', 'u'\].*--tap embedding=",
        ),
        ("u = Relu(e) embedding = Mul(u, ds)", r"node 'u' \(Relu\) is not affine"),
    ],
)
def test_a_network_that_ends_in_no_linear_layer_is_told_to_name_the_embedding(
    ending: str, message: str
) -> None:
    model = parse(
        MAP + "p = GlobalAveragePool(r) f = Flatten(p) e = Gemm<transB=1>(f, fc) " + ending, WEIGHTS
    )
    with pytest.raises(ModelError, match=message) as caught:
        find_taps(model)
    assert "pre_dropout" not in str(caught.value)
    assert find_taps(model, embedding="e").pre_dropout == "f"


@pytest.mark.parametrize(
    ("body", "inputs", "one"),
    [
        ("a = Gemm<transB=1>(h, two, gb) e = Gemm<transB=1>(a, fc, dm)", f"float[N,{C}] h", True),
        ("a = Conv(h, conv1, gb) f = Flatten(a) e = Gemm<transB=1>(f, fc, dm)", f"float[N,{C},1,1] h", True),
        ("a = Gemm<transB=1>(h, fc, dm) e = Gemm(a, fc, gb)", f"float[N,{C}] h", False),  # a bottleneck
        ("a = Gemm<transB=1>(h, fc, dm) e = BatchNormalization(a, ds, dm, dm, ds)", f"float[N,{C}] h", False),
        ("a = Gemm<transB=1>(h, two) b = Relu(a) e = Gemm<transB=1>(b, fc)", f"float[N,{C}] h", False),
    ],
)
def test_a_head_of_several_layers_runs_as_one_where_that_is_cheaper(
    body: str, inputs: str, one: bool
) -> None:
    wide = C if "fc, gb" in body else D
    if wide == C:
        WIDE = {**WEIGHTS, "fc": WEIGHTS["fc"][:2], "dm": WEIGHTS["dm"][:2]}
        head = parse(body, WIDE, inputs=inputs, outputs=f"float[N,{C}] e")
    else:
        head = parse(body, WEIGHTS, inputs=inputs, outputs=f"float[N,{D}] e")
    folded = folded_head(head)
    assert operators(folded) == (["Flatten"] * ("Conv" in body) + ["Gemm"] if one else operators(head))
    shape = (7, C, 1, 1) if "Conv" in body else (7, C)
    h = {"h": normal(*shape, seed=22)}
    np.testing.assert_allclose(run(folded, h)["e"], run(head, h)["e"], atol=1e-4)


def test_a_folded_head_keeps_the_shape_of_its_output() -> None:
    head = parse(
        "a = Conv(h, conv1, gb) e = Conv(a, conv1, gb)",
        WEIGHTS,
        inputs=f"float[N,{C},1,1] h",
        outputs=f"float[N,{C},1,1] e",
    )
    folded = folded_head(head)
    assert operators(folded) == ["Flatten", "Gemm", "Reshape"]
    h = {"h": normal(3, C, 1, 1, seed=23)}
    assert run(folded, h)["e"].shape == (3, C, 1, 1)
    np.testing.assert_allclose(run(folded, h)["e"], run(head, h)["e"], atol=1e-4)
