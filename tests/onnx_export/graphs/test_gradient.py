"""The gradient graph: whole networks against torch autograd in float64, and the laws of the quality node."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import pytest
import torch

from fiqx_trt.errors import InvalidInputError, ModelError
from fiqx_trt.onnx_export.architectures.inception_resnet_v1 import build_inception_resnet_v1
from fiqx_trt.onnx_export.architectures.iresnet import build_iresnet
from fiqx_trt.onnx_export.architectures.mobilefacenet import build_mobilefacenet
from fiqx_trt.onnx_export.graphs.affine import head_affine
from fiqx_trt.onnx_export.graphs.fold import fold_batch_norms
from fiqx_trt.onnx_export.graphs.gradient import Weights, build_gradient
from fiqx_trt.onnx_export.graphs.split import cut
from fiqx_trt.onnx_export.graphs.taps import find_taps
from reference.onnx_graphs import normal, operators, parse, run
from reference.torch_nets import InceptionResnetV1, IResNet, randomise, state_of

MEAN, STD = (120.0, 127.5, 131.0), (127.5, 128.0, 60.0)
WEIGHTS = ("l1", "sum", "signed", "exact")
SMALL = {
    "w": normal(8, 3, 3, 3) * np.float32(0.3),
    "slope": np.full((8, 1, 1), 0.25, np.float32),
    "fc": normal(5, 8, seed=1),
    "b": normal(5, seed=2),
}
BODY = (
    "c = Conv<pads=[1,1,1,1]>(x, w) r = PRelu(c, slope) p = GlobalAveragePool(r) h = Flatten(p) "
    "e = Gemm<transB=1>(h, fc, b)"
)


def faces(n: int, size: int, seed: int = 0) -> np.ndarray:
    """Smooth pictures in the range of pixels."""
    coarse = np.random.default_rng(seed).uniform(0, 255, (n, 3, 4, 4))
    fine = torch.nn.functional.interpolate(torch.from_numpy(coarse), (size, size), mode="bilinear")
    return fine.numpy().astype(np.float32)


def quality(e: torch.Tensor, h: torch.Tensor, A: torch.Tensor, weights: str) -> torch.Tensor:
    """The node of each weighting without its factor per face, from the definitions."""
    unit = e / e.norm(dim=1, keepdim=True)
    if weights == "exact":
        t = (h.square() * A.square().sum(0)).sum(1) / e.square().sum(1)  # p / (1 - p) is 1
        return -(2 * t / (1 + t)).sqrt().sum()
    return (unit * unit.detach().sign()).sum() if weights == "signed" else unit.sum()


def autograd(
    net: Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]],
    A: np.ndarray,
    images: np.ndarray,
    weights: str,
) -> np.ndarray:
    x = torch.from_numpy(images).double().requires_grad_()
    mean, std = (torch.tensor(v, dtype=torch.float64).reshape(3, 1, 1) for v in (MEAN, STD))
    h, e = net((x - mean) / std)
    quality(e, h, torch.from_numpy(A), weights).backward()
    assert x.grad is not None
    return x.grad.numpy()


def split_net(net: torch.nn.Module, last: str) -> Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]:
    """Pre-dropout vector and raw embedding of a torch net whose last linear layer is `last`."""
    net.double()

    def call(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        kept: dict[str, torch.Tensor] = {}
        modules = dict(net.named_modules())
        names = {"h": last, "e": "features" if last == "fc" else "last_bn"}
        hooks = [
            modules[names["h"]].register_forward_hook(lambda _m, i, _o: kept.__setitem__("h", i[0])),
            modules[names["e"]].register_forward_hook(lambda _m, _i, o: kept.__setitem__("e", o)),
        ]
        net(x)
        for hook in hooks:
            hook.remove()
        return kept["h"], kept["e"]

    return call


def assert_close(found: np.ndarray, wanted: np.ndarray, cosine: float) -> None:
    rows, reference = found.reshape(len(found), -1).astype(np.float64), wanted.reshape(len(wanted), -1)
    lengths = np.linalg.norm(rows, axis=1), np.linalg.norm(reference, axis=1)
    assert ((rows * reference).sum(1) / lengths[0] / lengths[1]).min() > cosine
    np.testing.assert_allclose(lengths[0], lengths[1], rtol=1e-3)


@pytest.fixture(scope="module")
def iresnet() -> tuple[torch.nn.Module, onnx.ModelProto]:
    net = randomise(IResNet((2, 2, 2, 2), size=32)).requires_grad_(False)
    return net, build_iresnet(18, state=state_of(net), size=32)


@pytest.mark.parametrize("weights", WEIGHTS)
def test_iresnet_equals_autograd(iresnet: tuple[torch.nn.Module, onnx.ModelProto], weights: Weights) -> None:
    net, model = iresnet
    taps = find_taps(model)
    graph = build_gradient(model, taps, mean=MEAN, std=STD, weights=weights)
    A, _ = head_affine(cut(model, inputs=[taps.pre_dropout], outputs=[taps.embedding]))
    images = faces(2, 32)
    found = run(graph, {"image": images})
    assert {k: v.shape for k, v in found.items()} == {
        "embedding": (2, 512),
        "pre_dropout": (2, 2048),
        "gradient": (2, 3, 32, 32),
    }
    assert_close(found["gradient"], autograd(split_net(net, "fc"), A, images, weights), 0.9999)


def test_inception_resnet_equals_autograd() -> None:
    net = randomise(InceptionResnetV1()).requires_grad_(False)
    model = build_inception_resnet_v1(state=state_of(net), size=80)
    taps = find_taps(model)
    graph = build_gradient(model, taps, mean=MEAN, std=STD)
    images = faces(2, 80)
    wanted = autograd(split_net(net, "last_linear"), np.zeros((512, 1792)), images, "l1")
    assert_close(run(graph, {"image": images})["gradient"], wanted, 0.9999)


def test_embedding_and_pre_dropout_are_those_of_the_network() -> None:
    model = build_mobilefacenet()
    images = faces(2, 112)
    found = run(build_gradient(model, find_taps(model), mean=MEAN, std=STD), {"image": images})
    mean, std = (np.array(v, np.float32).reshape(3, 1, 1) for v in (MEAN, STD))
    wanted = run(model, {"image": (images - mean) / std})["embedding"]
    np.testing.assert_allclose(found["embedding"], wanted, rtol=1e-3, atol=1e-3)
    assert np.abs(found["gradient"]).max() > 0


@pytest.mark.parametrize("weights", WEIGHTS)
def test_a_network_with_awkward_names_and_a_convolution_as_head(weights: Weights) -> None:
    """The image is called gradient, another tensor embedding, and the last linear layer is a convolution."""
    body = "embedding = Conv<pads=[1,1,1,1]>(gradient, w) r = PRelu(embedding, slope) e = Conv(r, full, b)"
    full = normal(5, 8, 8, 8, seed=3) * np.float32(0.1)
    model = parse(body, {**SMALL, "full": full}, inputs="float[N,3,8,8] gradient", outputs="float[N,5,1,1] e")
    taps = find_taps(model)
    assert (taps.embedding, taps.pre_dropout) == ("e", "r")
    images = faces(3, 8)
    found = run(build_gradient(model, taps, mean=MEAN, std=STD, weights=weights), {"image": images})
    kernel, slope, last, bias = (
        torch.tensor(v).double() for v in (SMALL["w"], SMALL["slope"].ravel(), full, SMALL["b"])
    )

    def net(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        h = torch.nn.functional.prelu(torch.nn.functional.conv2d(x, kernel, padding=1), slope)
        return h.flatten(1), torch.nn.functional.conv2d(h, last, bias).flatten(1)

    assert_close(
        found["gradient"], autograd(net, full.reshape(5, -1).astype(float), images, weights), 1 - 1e-6
    )
    assert found["pre_dropout"].shape == (3, 512)
    assert found["embedding"].shape == (3, 5)


def small() -> onnx.ModelProto:
    return parse(BODY, SMALL, inputs="float[N,3,8,8] x", outputs="float[N,5] e")


def test_a_row_does_not_depend_on_its_batch() -> None:
    graph = build_gradient(small(), find_taps(small()), mean=MEAN, std=STD)
    images = faces(5, 8)
    whole = run(graph, {"image": images})["gradient"]
    rows = [run(graph, {"image": image[None]})["gradient"] for image in images]
    np.testing.assert_allclose(whole, np.concatenate(rows), rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("weights", WEIGHTS)
def test_a_constant_network_and_a_zero_embedding_have_gradient_zero(weights: Weights) -> None:
    constant = {**SMALL, "w": np.zeros((8, 3, 3, 3), np.float32)}
    for values in (constant, {**constant, "b": np.zeros(5, np.float32)}):
        model = parse(BODY, values, inputs="float[N,3,8,8] x", outputs="float[N,5] e")
        graph = build_gradient(model, find_taps(model), mean=MEAN, std=STD, weights=weights)
        np.testing.assert_array_equal(run(graph, {"image": faces(2, 8)})["gradient"], 0)


def test_the_scale_is_that_of_raw_pixels() -> None:
    """Half the standard deviation, twice the gradient, at the same network input."""
    model, images = small(), faces(2, 8)
    taps = find_taps(model)
    wide, narrow = (build_gradient(model, taps, mean=[0] * 3, std=[s] * 3) for s in (128.0, 64.0))
    found = run(wide, {"image": images})["gradient"], run(narrow, {"image": images / 2})["gradient"]
    np.testing.assert_allclose(2 * found[0], found[1], rtol=1e-4, atol=1e-9)


def test_batch_norms_fold_into_convolutions_only_where_nothing_else_reads(
    iresnet: tuple[torch.nn.Module, onnx.ModelProto],
) -> None:
    _, model = iresnet
    folded = fold_batch_norms(model)
    images = normal(2, 3, 32, 32)
    a, b = (run(m, {"image": images})["embedding"] for m in (model, folded))
    np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4 * np.abs(a).max())
    before, after = (operators(m).count("BatchNormalization") for m in (model, folded))
    assert (before, after) == (31, 10)  # bn1 of 8 units, bn2, features
    shared = parse(
        "c = Conv(x, w) y = BatchNormalization(c, s, s, s, s) z = Add(c, y)",
        {"w": SMALL["w"], "s": np.ones(8, np.float32)},
        inputs="float[N,3,8,8] x",
        outputs="float[N,8,6,6] z",
    )
    assert fold_batch_norms(shared) == shared


def test_refusals() -> None:
    model = small()
    taps = find_taps(model)
    with pytest.raises(InvalidInputError, match="weights is 'l2'; wanted one of l1, sum, signed, exact"):
        build_gradient(model, taps, mean=MEAN, std=STD, weights="l2")  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="dropout is 1; wanted a probability between 0 and 1"):
        build_gradient(model, taps, mean=MEAN, std=STD, dropout=1)
    odd = parse(
        BODY.replace("PRelu(c, slope)", "Sin(c)"),
        SMALL,
        inputs="float[N,3,8,8] x",
        outputs="float[N,5] e",
    )
    with pytest.raises(ModelError, match=r"gradient not implemented for operator Sin, node 'r'"):
        build_gradient(odd, find_taps(odd), mean=MEAN, std=STD)
