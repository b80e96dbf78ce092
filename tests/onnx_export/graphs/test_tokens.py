"""Transformers: the map that is explained is the last block's tokens, never the patch embedding."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

import fiqx_trt as fx
from fiqx_trt.errors import ModelError
from fiqx_trt.models import load_model, load_spec
from fiqx_trt.onnx_export.graphs.split import with_outputs
from fiqx_trt.onnx_export.graphs.taps import find_taps, tensor_shapes
from fiqx_trt.onnx_export.graphs.tokens import with_token_map
from reference.onnx_graphs import normal, parse, run
from support.nets import noise_faces, save

C = 6
CLASS = "k = Shape(t) u = Slice(k, zero1, one1) s3 = Concat<axis=0>(u, rest) cl = Expand(cls, s3) a0 = Concat<axis=1>(cl, t) "
NORM = "x{o} = LayerNormalization<axis=-1>({i}, gain, shift) "
PLAIN_NORM = (
    "m{o} = ReduceMean<axes=[-1]>({i}) c{o} = Sub({i}, m{o}) j{o} = Pow(c{o}, two) u{o} = ReduceMean<axes=[-1]>(j{o}) "
    "w{o} = Add(u{o}, eps) d{o} = Sqrt(w{o}) y{o} = Div(c{o}, d{o}) z{o} = Mul(y{o}, gain) x{o} = Add(z{o}, shift) "
)
#: How the embedding is made of the normalised tokens.
ENDS = {
    "class token": "h = Gather<axis=1>(xe, zero) embedding = Gemm(h, v)",
    "mean": "h = ReduceMean<axes=[1], keepdims=0>(xe) embedding = Gemm(h, v)",
    "flatten": "h = Flatten(xe) embedding = Gemm(h, wide)",
}


def block(i: str, o: str, norm: str) -> str:
    """Attention of two heads and two layers, each beside its input."""
    heads = "".join(
        f"{x}1{o} = MatMul(x{o}, w{x}) {x}2{o} = Reshape({x}1{o}, heads) {x}{o} = Transpose<perm={perm}>({x}2{o}) "
        for x, perm in {"q": "[0,2,1,3]", "k": "[0,2,3,1]", "v": "[0,2,1,3]"}.items()
    )
    attention = (
        f"s1{o} = MatMul(q{o}, k{o}) s2{o} = Mul(s1{o}, scale) s3{o} = Softmax<axis=-1>(s2{o}) o1{o} = MatMul(s3{o}, v{o}) "
        f"o2{o} = Transpose<perm=[0,2,1,3]>(o1{o}) o3{o} = Reshape(o2{o}, joined) o4{o} = MatMul(o3{o}, wo) "
        f"r{o} = Add({i}, o4{o}) "
    )
    layers = (
        f"f1{o} = MatMul(xm{o}, w1) f2{o} = Relu(f1{o}) f3{o} = MatMul(f2{o}, w2) {o} = Add(f3{o}, r{o}) "
    )
    return norm.format(i=i, o=o) + heads + attention + norm.format(i=f"r{o}", o=f"m{o}") + layers


def vit(
    end: str = "class token",
    *,
    height: int = 8,
    width: int = 8,
    extra: int = 1,
    norm: str = NORM,
    batch: str = "N",
    kept: int | None = None,
) -> onnx.ModelProto:
    """Two blocks behind patches of 2×2 pixels, with a class token or none, of all patches or the first few."""
    patches = height // 2 * width // 2
    grid = kept or patches
    body = (
        "p = Conv<strides=[2,2]>(image, patch) g = Reshape(p, long) t = Transpose<perm=[0,2,1]>(g) "
        + (CLASS if extra else "a0 = Slice(t, zero1, ends, one1) ")
        + "a1 = Add(a0, place) "
        + block("a1", "b1", norm)
        + block("b1", "b2", norm)
        + norm.format(i="b2", o="e")
        + ENDS[end]
    )
    weights = {
        "patch": normal(C, 3, 2, 2, seed=1), "long": np.array([0, C, patches]), "ends": np.array([grid]),
        "place": normal(1, grid + extra, C, seed=2),
        "cls": normal(1, extra or 1, C, seed=3), "zero1": np.array([0]), "one1": np.array([1]), "rest": np.array([extra, C]),
        "gain": np.ones(C, np.float32), "shift": normal(C, seed=4), "zero": np.array(0), "v": normal(C, 4, seed=18),
        "wide": normal(C * (grid + extra), 4, seed=19), "two": np.array(2, np.float32), "scale": np.array(3**-0.5, np.float32),
        "heads": np.array([0, grid + extra, 2, C // 2]), "joined": np.array([0, grid + extra, C]),
        "eps": np.array(1e-5, np.float32),
        **{name: 0.4 * normal(C, C, seed=5 + i) for i, name in enumerate(("wq", "wk", "wv", "wo", "w1", "w2"))},
    }  # fmt: skip
    return parse(
        body,
        weights,
        inputs=f"float[{batch},3,{height},{width}] image",
        outputs=f"float[{batch},4] embedding",
    )


@pytest.mark.parametrize(
    ("end", "options"),
    [
        ("class token", {}),
        ("class token", {"norm": PLAIN_NORM}),
        ("class token", {"extra": 2}),
        ("class token", {"batch": "1"}),
        ("class token", {"height": 8, "width": 12}),
        ("mean", {"extra": 0}),
        ("flatten", {"extra": 0, "norm": PLAIN_NORM}),
        ("flatten", {"height": 12, "width": 8}),
    ],
)
def test_the_features_are_the_last_blocks_tokens_place_by_place(end: str, options: dict) -> None:
    model = vit(end, **options)
    changed = with_token_map(model)
    taps = find_taps(changed)
    assert (taps.embedding, taps.pre_dropout, taps.features) == ("embedding", "h", "b2.as_map")
    rows = 1 if options.get("batch") == "1" else 3
    image = {"image": normal(rows, 3, options.get("height", 8), options.get("width", 8), seed=20)}
    tokens = run(with_outputs(model, ["b2"]), image)["b2"]
    found = run(with_outputs(changed, ["b2.as_map"]), image)["b2.as_map"]
    n, c, height, width = found.shape
    assert (n, c, 2 * height, 2 * width) == (rows, C, options.get("height", 8), options.get("width", 8))
    first = options.get("extra", 1)
    for i in range(height):
        for j in range(width):
            np.testing.assert_array_equal(found[:, :, i, j], tokens[:, first + i * width + j])


def test_other_networks_are_left_as_they_are() -> None:
    body = "c = Conv(image, w) s = Softmax<axis=1>(c) p = GlobalAveragePool(s) h = Flatten(p) embedding = Gemm(h, v)"
    plain = parse(body, {"w": normal(6, 3, 3, 3), "v": normal(6, 4)})
    assert with_token_map(plain) is plain
    assert find_taps(plain).features == "s"


def test_tokens_that_are_no_map_are_refused_with_the_option_that_names_a_layer() -> None:
    model = vit("mean", extra=0, kept=8)
    assert with_token_map(model) is model
    with pytest.raises(
        ModelError, match=r"transformer, and its tokens 'b2' \(\?, 8, 6\) are no map.*--tap features="
    ):
        find_taps(model)
    assert find_taps(model, features="p").features == "p"


@pytest.mark.parametrize("backend", ["openvino", "onnxruntime", "torch"])
def test_a_transformer_is_explained_at_its_tokens(tmp_path: Path, backend: str) -> None:
    path = save(vit(), tmp_path / "vit.onnx")
    spec, _ = load_spec(path)
    assert spec.features == "b2.as_map"
    faces = noise_faces(3, size=8)
    with load_model(path, backend=backend, precision="fp32") as model:
        maps = fx.scorecam(model, faces, weights="uniform")
        assert model.extract(faces).features.shape == (3, C, 4, 4)
        other = fx.scorecam(model, faces, weights="uniform", layer="p")
    assert np.isfinite(maps).all()
    assert np.abs(maps - other).max() > 0.1


def test_the_shape_of_the_map_is_told() -> None:
    assert tensor_shapes(with_token_map(vit()))["b2.as_map"] == (None, C, 4, 4)
