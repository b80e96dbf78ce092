"""Walking back from the embedding: every ending, every refusal."""

from __future__ import annotations

import numpy as np
import pytest

from fiqx_trt.errors import ModelError
from fiqx_trt.onnx_export.graphs.taps import TapNames, find_taps, tensor_shapes
from reference.onnx_graphs import normal, parse

WEIGHTS = {
    "w": normal(6, 3, 3, 3),
    "fc": normal(4, 6),
    "fct": normal(6, 4),
    "full": normal(4, 6, 8, 8),
    "b": normal(4),
    "s": np.ones(4, np.float32),
    "axes": np.array([1], np.int64),
    "row": np.array([-1, 4], np.int64),
    "eps": np.array(1e-12, np.float32),
    "two": np.array(2, np.float32),
    "half": np.array(0.5, np.float32),
    "one": np.array(1.0, np.float32),
    "scale": np.array(64.0, np.float32),
    "last": np.array([2], np.int64),
}
TRUNK = "c = Conv<pads=[1,1,1,1]>(image, w) r = Relu(c) p = GlobalAveragePool(r) h = Flatten(p) "
GEMM = "e = Gemm<transB=1>(h, fc, b) "


@pytest.mark.parametrize(
    ("ending", "pre_dropout"),
    [
        ("embedding = Gemm<transB=1>(h, fc, b)", "h"),
        ("m = MatMul(h, fct) embedding = Add(m, b)", "h"),
        ("e = Gemm<transB=1>(h, fc) embedding = BatchNormalization(e, s, b, b, s)", "h"),
        ("d = Dropout(h) embedding = Gemm<transB=1>(d, fc, b)", "h"),
        ("i = Identity(h) d = Dropout(i) embedding = Gemm<transB=1>(d, fc, b)", "h"),
        ("k = Conv(r, full, b) embedding = Flatten(k)", "r"),
        ("k = Conv(r, full) n = BatchNormalization(k, s, b, b, s) embedding = Reshape(n, row)", "r"),
        ("e = Gemm<transB=1>(h, fc) f = Cast<to=1>(e) g = Mul(f, s) embedding = Sub(g, b)", "h"),
        ("e = Gemm<transB=1>(h, fc) u = Relu(e) embedding = Gemm<transB=1>(u, q)", "u"),
    ],
)
def test_pre_dropout_is_what_the_last_linear_layer_reads(ending: str, pre_dropout: str) -> None:
    model = parse(TRUNK + ending, {**WEIGHTS, "q": normal(4, 4)})
    assert find_taps(model) == TapNames("image", "embedding", pre_dropout, "r")


@pytest.mark.parametrize(
    "ending",
    [
        "embedding = LpNormalization<axis=1, p=2>(e)",
        "n = ReduceL2<axes=[1]>(e) embedding = Div(e, n)",
        "n = ReduceL2<axes=[1]>(e) m = Clip(n, eps) k = Shape(e) x = Expand(m, k) embedding = Div(e, x)",
        "q = Mul(e, e) n = ReduceSum(q, axes) m = Sqrt(n) embedding = Div(e, m)",
        "q = Pow(e, two) n = ReduceSum(q, axes) m = Pow(n, half) o = Add(m, eps) embedding = Div(e, o)",
        "q = Mul(e, e) n = ReduceSum(q, axes) m = Max(n, eps) l = Sqrt(m) o = Reciprocal(l) "
        "embedding = Mul(e, o)",
        "q = Mul(e, e) n = ReduceSum(q, axes) l = Sqrt(n) o = Reciprocal(l) embedding = Mul(o, e)",
        "n = ReduceL2<axes=[1]>(e) x = Div(e, n) embedding = Identity(x)",
        "n = ReduceL2<axes=[1]>(e) x = Div(e, n) embedding = Reshape(x, row)",
        "q = Mul(e, e) n = ReduceSum(q, axes) l = Sqrt(n) o = Div(one, l) embedding = Mul(e, o)",
        "n = ReduceL2<axes=[1]>(e) o = Div(one, n) embedding = Mul(e, o)",
        "n = ReduceSumSquare<axes=[1]>(e) l = Sqrt(n) m = Max(l, eps) embedding = Div(e, m)",
        "n = ReduceL2<axes=[1]>(e) x = Mul(scale, e) embedding = Div(x, n)",
        "n = ReduceL2<axes=[1]>(e) x = Div(e, n) embedding = Mul(x, scale)",
        "q = Pow(e, two) n = ReduceSum(q, axes) a = Add(n, eps) l = Sqrt(a) k = Shape(e) x = Expand(l, k) "
        "y = Div(e, x) embedding = Mul(scale, y)",
        "a = Abs(e) q = Pow(a, two) n = ReduceSum(q, axes) l = Pow(n, half) m = Clip(l, eps) embedding = Div(e, m)",
        "u = Unsqueeze(e, axes) v = Unsqueeze(e, last) n = MatMul(u, v) l = Sqrt(n) s1 = Squeeze(l, axes) "
        "embedding = Div(e, s1)",
    ],
)
def test_walks_behind_a_final_l2_normalisation(ending: str) -> None:
    model = parse(TRUNK + GEMM + ending, WEIGHTS)
    assert find_taps(model) == TapNames("image", "e", "h", "r")
    assert find_taps(model, embedding="embedding").embedding == "e"


@pytest.mark.parametrize(
    "ending",
    [
        "embedding = Mul(e, s)",
        "embedding = Div(e, two)",
        "g = Sigmoid(e) embedding = Mul(e, g)",
        "embedding = Tanh(e)",
        "n = ReduceL1<axes=[1]>(e) embedding = Div(e, n)",  # another norm
        "n = ReduceSumSquare<axes=[1]>(e) embedding = Div(e, n)",  # no root
        "n = ReduceL2<axes=[1]>(e) a = Add(n, one) embedding = Div(e, a)",  # no constant length
    ],
)
def test_what_is_not_a_normalisation_stays_in_the_embedding(ending: str) -> None:
    assert find_taps(parse(TRUNK + GEMM + ending, WEIGHTS), pre_dropout="h").embedding == "embedding"


@pytest.mark.parametrize(
    "ending",
    [
        "n = ReduceL2<axes=[1]>(e) unit = Div(e, n)",
        "q = Mul(e, e) s2 = ReduceSum(q, axes) l = Sqrt(s2) o = Div(one, l) u = Mul(e, o) unit = Mul(u, scale)",
    ],
)
@pytest.mark.parametrize("outputs", ["float[N,4] e, float[N,4] unit", "float[N,4] unit, float[N,4] e"])
def test_of_a_raw_and_a_normalised_output_the_raw_one_is_read(ending: str, outputs: str) -> None:
    assert find_taps(parse(TRUNK + GEMM + ending, WEIGHTS, outputs=outputs)) == TapNames(
        "image", "e", "h", "r"
    )


def test_a_network_that_needs_more_than_a_picture_names_what_it_needs() -> None:
    body = TRUNK + "k = Gemm<transB=1>(h, fc, b) embedding = Add(k, points)"
    model = parse(body, WEIGHTS, inputs="float[N,3,8,8] image, float[N,4] points")
    with pytest.raises(ModelError, match=r"needs the input 'points' \(\?, 4\) besides the picture 'image'"):
        find_taps(model)
    unused = parse(
        TRUNK + GEMM + "embedding = Identity(e)", WEIGHTS, inputs="float[N,3,8,8] image, float[N,4] age"
    )
    assert find_taps(unused).pre_dropout == "h"


def test_features_is_the_deepest_map_that_every_path_runs_through() -> None:
    body = (
        "a = Conv<pads=[1,1,1,1]>(image, w) b1 = Conv<pads=[1,1,1,1]>(a, v) b2 = Sigmoid(b1) s1 = Mul(a, b2) "
        "m = MaxPool<kernel_shape=[2,2], strides=[2,2]>(s1) k = Conv<pads=[1,1,1,1]>(m, v) j = Add(k, m) "
        "g = MaxPool<kernel_shape=[2,2], strides=[2,2]>(j) p = GlobalAveragePool(g) h = Flatten(p) "
        "embedding = Gemm<transB=1>(h, fc)"
    )
    model = parse(body, {**WEIGHTS, "v": normal(6, 6, 3, 3)})
    assert find_taps(model).features == "j"  # 4×4; behind it only 2×2
    assert tensor_shapes(model)["j"] == (None, 6, 4, 4)
    assert tensor_shapes(model)["w"] == (6, 3, 3, 3)


def test_a_small_map_is_taken_when_none_has_four_by_four_positions() -> None:
    body = "c = Conv(image, w) p = GlobalAveragePool(c) h = Flatten(p) embedding = Gemm<transB=1>(h, fc)"
    assert find_taps(parse(body, WEIGHTS, inputs="float[N,3,5,5] image")).features == "c"  # 3×3


@pytest.mark.parametrize("turned", ["", "u = Relu(t) ", "q = Mul(t, half) v = Sigmoid(t) u = Mul(q, v) "])
def test_a_map_turned_to_channels_last_before_the_flattening_is_no_features(turned: str) -> None:
    flat = f"h = Flatten({'u' if turned else 't'}) embedding = MatMul(h, wide)"
    body = f"c = Conv<pads=[1,1,1,1]>(image, w) r = Relu(c) t = Transpose<perm=[0,2,3,1]>(r) {turned}{flat}"
    model = parse(body, {**WEIGHTS, "wide": normal(384, 4)})
    assert find_taps(model) == TapNames("image", "embedding", "h", "r")
    assert tensor_shapes(model)["t"] == (None, 8, 8, 6)


def test_a_map_turned_back_to_channels_first_may_be_features() -> None:
    body = (
        "c = Conv<pads=[1,1,1,1]>(image, w) t = Transpose<perm=[0,2,3,1]>(c) u = Relu(t) "
        "r = Transpose<perm=[0,3,1,2]>(u) h = Flatten(r) embedding = MatMul(h, wide)"
    )
    assert find_taps(parse(body, {**WEIGHTS, "wide": normal(384, 4)})).features == "r"


def test_overrides_are_taken_as_given() -> None:
    model = parse(TRUNK + GEMM + "embedding = Identity(e)", WEIGHTS)
    taps = find_taps(model, image="image", embedding="e", pre_dropout="p", features="c")
    assert taps == TapNames("image", "e", "p", "c")


@pytest.mark.parametrize("batch", ["N", "1", "7"])
def test_the_batch_may_be_anything(batch: str) -> None:
    model = parse(
        TRUNK + "embedding = Gemm<transB=1>(h, fc)",
        WEIGHTS,
        inputs=f"float[{batch},3,8,8] image",
        outputs=f"float[{batch},4] embedding",
    )
    assert find_taps(model).pre_dropout == "h"


def test_a_flattening_computed_from_the_batch_keeps_its_shape() -> None:
    """What exporters write for ``x.view(x.size(0), -1)``; symbols get lost on the way."""
    body = (
        "c = Conv<pads=[1,1,1,1]>(image, w) k = Shape(c) n = Gather(k, zero) u = Unsqueeze(n, zeros) "
        "t = Concat<axis=0>(u, rest) h = Reshape(c, t) embedding = Gemm(h, q)"
    )
    ends = {"zero": np.array(0), "zeros": np.array([0]), "rest": np.array([-1]), "q": normal(384, 4)}
    model = parse(body, {**WEIGHTS, **ends})
    assert tensor_shapes(model)["h"] == (None, 384)
    assert find_taps(model) == TapNames("image", "embedding", "h", "c")


def test_initializers_listed_as_inputs_are_no_image() -> None:
    inputs = "float[N,3,8,8] image, float[6,3,3,3] w, float[4,6] fc"
    model = parse(TRUNK + "embedding = Gemm<transB=1>(h, fc)", WEIGHTS, inputs=inputs)
    assert find_taps(model).image == "image"


def test_of_several_outputs_the_vector_is_the_embedding() -> None:
    outputs = "float[N,6,8,8] r, float[N,1] norm, float[N,4] vector"
    body = TRUNK + "vector = Gemm<transB=1>(h, fc) norm = ReduceL2<axes=[1]>(vector)"
    assert find_taps(parse(body, WEIGHTS, outputs=outputs)).embedding == "vector"


def test_of_two_vectors_the_one_named_embedding_is_taken_or_one_must_be_named() -> None:
    body = TRUNK + "e = Gemm<transB=1>(h, fc) {} = Gemm(e, q)"
    named = parse(
        body.format("Embedding"), {**WEIGHTS, "q": normal(4, 4)}, outputs="float[N,4] e, float[N,4] Embedding"
    )
    assert find_taps(named).embedding == "Embedding"
    model = parse(
        body.format("logits"), {**WEIGHTS, "q": normal(4, 4)}, outputs="float[N,4] e, float[N,4] logits"
    )
    with pytest.raises(
        ModelError, match=r"several outputs could be the embedding.*'e' \(\?, 4\), 'logits' \(\?, 4\).*="
    ):
        find_taps(model)
    assert find_taps(model, embedding="e").embedding == "e"


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ("float[N,6] image", r"no image input: wanted one of rank 4, \(N, 3, H, W\).*'image' \(\?, 6\)"),
        ("float[N,8,8,3] image", r"'image' has shape \(\?, 8, 8, 3\): channels last.*--inputs-as-nchw image"),
        ("float[N,3,H,W] image", r"height and width are free.*--input-size HxW"),
        ("uint8[N,3,8,8] image", r"image input 'image' is uint8; wanted float32"),
        ("float[N,4,8,8] image", r"\(\?, 4, 8, 8\); wanted 3 colour channels"),
        (
            "float[N,3,8,8] image, float[N,3,8,8] mask",
            r"several image inputs: \['image', 'mask'\].*--tap image=",
        ),
    ],
)
def test_an_unusable_image_input_is_refused_in_one_line(inputs: str, message: str) -> None:
    model = parse(
        "f = Cast<to=1>(image) h = Flatten(f) embedding = Gemm(h, q)", {"q": normal(6, 4)}, inputs=inputs
    )
    with pytest.raises(ModelError, match=message) as caught:
        find_taps(model)
    assert "\n" not in str(caught.value)


def test_a_named_image_input_must_exist_and_be_an_image() -> None:
    model = parse(
        TRUNK + "embedding = Gemm<transB=1>(h, fc)", WEIGHTS, inputs="float[N,3,8,8] image, float[N,2] age"
    )
    with pytest.raises(ModelError, match=r"no input 'img'; its inputs are \['image', 'age'\]"):
        find_taps(model, image="img")
    with pytest.raises(ModelError, match=r"'age' has shape \(\?, 2\); wanted rank 4"):
        find_taps(model, image="age")


def test_a_graph_without_inputs_has_no_image() -> None:
    model = parse("embedding = Identity(b)", {"b": normal(1, 4)}, inputs="")
    with pytest.raises(ModelError, match="the graph's inputs are none"):
        find_taps(model)


def test_an_unknown_name_lists_similar_ones() -> None:
    model = parse(TRUNK + "embedding = Gemm<transB=1>(h, fc)", WEIGHTS)
    with pytest.raises(
        ModelError, match="no tensor 'embeding' to use as embedding; similar names: 'embedding'"
    ):
        find_taps(model, embedding="embeding")
    with pytest.raises(
        ModelError, match=r"no tensor '\?' to use as features; its outputs are \['embedding'\]"
    ):
        find_taps(model, features="?")


def test_graphs_that_give_no_answer_say_what_to_name() -> None:
    pooled = parse("p = GlobalAveragePool(image) embedding = Flatten(p)", outputs="float[N,3] embedding")
    with pytest.raises(ModelError, match=r"no linear layer .*'p' \(GlobalAveragePool\) is not affine"):
        find_taps(pooled)
    joined = parse(TRUNK + GEMM + "f = Relu(e) embedding = Add(e, f)", WEIGHTS)
    with pytest.raises(
        ModelError, match=r"node 'embedding' \(Add\) joins the branches \['e', 'f'\].*--tap embedding="
    ):
        find_taps(joined)
    flat = parse("h = Flatten(image) embedding = Gemm(h, q)", {"q": normal(192, 4)})
    with pytest.raises(ModelError, match=r"no spatial layer: .*'h'; name one with --tap features="):
        find_taps(flat)
    maps = parse("embedding = Conv(image, w)", WEIGHTS, outputs="float[N,6,6,6] embedding")
    with pytest.raises(
        ModelError, match=r"no output is the embedding, \(N, D\): the outputs are 'embedding' \(\?, 6, 6, 6\)"
    ):
        find_taps(maps)
