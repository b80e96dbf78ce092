"""Inception-ResNet-v1: torch against ONNX with one state dict."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fiqx_trt.errors import ModelError
from fiqx_trt.onnx_export.architectures.inception_resnet_v1 import build_inception_resnet_v1
from fiqx_trt.onnx_export.graphs.split import with_outputs
from fiqx_trt.onnx_export.graphs.taps import TapNames, find_taps, tensor_shapes
from reference.onnx_graphs import normal, run
from reference.torch_nets import InceptionResnetV1, outputs_of, randomise, state_of


@pytest.fixture(scope="module")
def net() -> torch.nn.Module:
    return randomise(InceptionResnetV1())


def test_matches_torch_at_all_taps(net: torch.nn.Module) -> None:
    model = build_inception_resnet_v1(state=state_of(net))
    taps = find_taps(model)
    assert taps == TapNames("image", "embedding", "flatten", "repeat_2.9.relu")
    assert tensor_shapes(model)["flatten"] == (None, 1792)
    assert tensor_shapes(model)["repeat_2.9.relu"] == (None, 896, 8, 8)
    images = normal(2, 3, 160, 160)
    found = run(with_outputs(model, ["embedding", "flatten", "repeat_2.9.relu"]), {"image": images})
    unit, raw, pooled, features = outputs_of(net, images, "last_bn", "avgpool_1a", "repeat_2")
    for got, wanted in (
        (found["embedding"], raw),
        (found["flatten"], pooled.reshape(2, -1)),
        (found["repeat_2.9.relu"], features),
    ):
        np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-4 * np.abs(wanted).max())
    length = np.linalg.norm(found["embedding"], axis=1, keepdims=True)
    assert ((found["embedding"] / length * unit).sum(axis=1) > 0.99999).all()
    assert (np.abs(length - 1) > 0.1).all()


def test_the_classifier_of_a_pretrained_checkpoint_is_ignored_and_nothing_else(net: torch.nn.Module) -> None:
    state = {**state_of(net), "logits.weight": normal(8, 512), "logits.bias": normal(8)}
    assert build_inception_resnet_v1(state=state) == build_inception_resnet_v1(state=state_of(net))
    with pytest.raises(
        ModelError, match=r"not that of Inception-ResNet-v1: last_bias is not part of it\. Check"
    ):
        build_inception_resnet_v1(state={**state, "last_bias": normal(8)})


def test_random_weights_are_finite_and_tell_images_apart() -> None:
    embedding = run(build_inception_resnet_v1(seed=1), {"image": np.tanh(normal(2, 3, 160, 160))})[
        "embedding"
    ]
    assert np.isfinite(embedding).all()
    assert 0.1 < embedding.std() < 10
    assert np.abs(embedding[0] - embedding[1]).max() > 1e-2
