"""Which intensities a network reads, concluded from the constants before its first layer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from fiqx_trt.models import load_model, load_spec
from fiqx_trt.models.load import guess_message
from fiqx_trt.models.scaling import input_scaling
from reference.onnx_graphs import normal, parse
from support.nets import save

USUAL, RAW, UNIT = (127.5, 127.5), (0.0, 1.0), (0.0, 255.0)
IMAGENET_MEAN = np.array([0.485, 0.456, 0.406], np.float32).reshape(1, 3, 1, 1)
IMAGENET_STD = np.array([0.229, 0.224, 0.225], np.float32).reshape(1, 3, 1, 1)


def scalar(value: float) -> np.ndarray:
    return np.array(value, np.float32)


def network(start: str, constants: dict[str, np.ndarray]) -> onnx.ModelProto:
    body = f"{start} c = Conv<pads=[1,1,1,1]>(x, w) r = Relu(c) p = GlobalAveragePool(r) h = Flatten(p) embedding = Gemm(h, v)"
    return parse(body, {"w": normal(6, 3, 3, 3), "v": normal(6, 4), **constants})


STARTS = {
    "nothing": ("x = Identity(image)", {}, USUAL),
    "x + 0, x · 1": ("t = Add(image, a) x = Mul(t, b)", {"a": scalar(0), "b": scalar(1)}, USUAL),
    "mxnet": ("t = Sub(image, a) x = Mul(t, b)", {"a": scalar(127.5), "b": scalar(0.0078125)}, RAW),
    "division by 255": ("x = Div(image, a)", {"a": scalar(255)}, RAW),
    "mean alone": ("x = Sub(image, a)", {"a": np.array([[[103.9]], [[116.8]], [[123.7]]], np.float32)}, RAW),
    "ImageNet in intensities": ("t = Sub(image, a) x = Div(t, b)", {"a": 255 * IMAGENET_MEAN, "b": 255 * IMAGENET_STD}, RAW),
    "added": ("t = Add(image, a) x = Mul(b, t)", {"a": scalar(-127.5), "b": scalar(1 / 128)}, RAW),
    "scaled first": ("t = Mul(image, a) x = Sub(t, b)", {"a": scalar(1 / 127.5), "b": scalar(1)}, RAW),
    "half": ("t = Sub(image, a) x = Div(t, a)", {"a": scalar(0.5)}, UNIT),
    "twice less one": ("t = Mul(image, a) x = Sub(t, b)", {"a": scalar(2), "b": scalar(1)}, UNIT),
    "ImageNet": ("t = Sub(image, a) x = Div(t, b)", {"a": IMAGENET_MEAN, "b": IMAGENET_STD}, UNIT),
    "a factor that tells nothing": ("x = Mul(image, a)", {"a": scalar(0.9)}, USUAL),
    "turned round and back": ("t = Neg(image) x = Neg(t)", {}, USUAL),
}  # fmt: skip


@pytest.mark.parametrize(("start", "constants", "wanted"), STARTS.values(), ids=STARTS)
def test_constants_tell_the_range(
    start: str, constants: dict[str, np.ndarray], wanted: tuple[float, float]
) -> None:
    found = input_scaling(network(start, constants), "image")
    assert (found.mean, found.std) == wanted


@pytest.mark.parametrize(
    ("mean", "deviation", "wanted"), [(127.0, 60.0, RAW), (0.45, 0.25, UNIT), (-0.1, 0.5, USUAL)]
)
def test_a_batch_norm_tells_by_its_statistics(
    mean: float, deviation: float, wanted: tuple[float, float]
) -> None:
    three = {
        name: np.full(3, value, np.float32)
        for name, value in {"one": 1, "m": mean, "v": deviation**2}.items()
    }
    start = "x = BatchNormalization(image, one, one, m, var)"
    found = input_scaling(network(start, {"one": three["one"], "m": three["m"], "var": three["v"]}), "image")
    assert (found.mean, found.std) == wanted
    assert "batch normalisation" in found.reason


@pytest.mark.parametrize("name", ["mxnet", "half", "ImageNet", "division by 255"])
def test_what_reaches_the_first_layer_lies_about_within_one(tmp_path: Path, name: str) -> None:
    """The law behind it: white and black pictures must reach the convolution as numbers of order 1, of a range of 1 to 5."""
    start, constants, _ = STARTS[name]
    path = save(network(start, constants), tmp_path / "n.onnx")
    faces = np.stack([np.zeros((8, 8, 3), np.uint8), np.full((8, 8, 3), 255, np.uint8)])
    with load_model(path, precision="fp32", backend="onnxruntime", features="r") as model:
        black, white = model.session(("x",)).run({"image": model.normalise(faces)})["x"]
    assert -3 < black.min() < white.max() < 3
    assert (white - black).min() > 0.9


def test_the_message_says_what_was_concluded_and_from_what(tmp_path: Path) -> None:
    start, constants, _ = STARTS["mxnet"]
    spec, _ = load_spec(save(network(start, constants), tmp_path / "n.onnx"))
    assert guess_message(spec).startswith(
        "n: guessed mean = 0, std = 1, color = rgb, template = arcface (it computes (x − 127.5) / 128 by its Sub and Mul: "
        "intensities 0 … 255)"
    )
    given, _ = load_spec(tmp_path / "n.onnx", {"mean": 0.0, "std": 1.0})
    assert "computes" not in guess_message(given)
