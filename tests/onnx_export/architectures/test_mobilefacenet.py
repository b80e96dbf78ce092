"""MobileFaceNet: the published layer table, and random weights that make usable embeddings."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

from fiqx_trt.errors import ModelError
from fiqx_trt.onnx_export.architectures import ARCHITECTURES
from fiqx_trt.onnx_export.architectures.mobilefacenet import build_mobilefacenet
from fiqx_trt.onnx_export.graphs.affine import head_affine
from fiqx_trt.onnx_export.graphs.split import cut, with_outputs
from fiqx_trt.onnx_export.graphs.taps import TapNames, find_taps, tensor_shapes
from reference.onnx_graphs import normal, operators, run

IMAGES = np.tanh(normal(4, 3, 112, 112))


def test_follows_table_1_of_the_paper() -> None:
    """arXiv:1804.07573: the output of each row, and 0.99 million parameters at 128 dimensions."""
    model = build_mobilefacenet(dimensions=128)
    shapes = tensor_shapes(model)
    rows = {
        "conv1.prelu": (64, 56, 56),
        "conv2.prelu": (64, 56, 56),
        "stage1.0.project.bn": (64, 28, 28),
        "stage2.3.add": (64, 28, 28),
        "stage3.0.project.bn": (128, 14, 14),
        "stage4.5.add": (128, 14, 14),
        "stage5.0.project.bn": (128, 7, 7),
        "stage6.1.add": (128, 7, 7),
        "conv_sep.prelu": (512, 7, 7),
        "gdconv.bn": (512, 1, 1),
        "embedding": (128,),
    }
    assert {name: shapes[name] for name in rows} == {name: (None, *shape) for name, shape in rows.items()}
    learned = [t for t in model.graph.initializer if "running" not in t.name]
    assert 0.98e6 < sum(int(np.prod(t.dims)) for t in learned) < 1.02e6


def test_taps_and_head() -> None:
    model = build_mobilefacenet()
    taps = find_taps(model)
    assert taps == TapNames("image", "embedding", "flatten", "conv_sep.prelu")
    found = run(with_outputs(model, ["embedding", "flatten"]), {"image": IMAGES})
    A, b = head_affine(cut(model, inputs=["flatten"], outputs=["embedding"]))
    assert A.shape == (512, 512)
    np.testing.assert_allclose(found["flatten"] @ A.T + b, found["embedding"], atol=1e-4)


def test_random_weights_are_seeded_finite_and_tell_images_apart() -> None:
    first = build_mobilefacenet(seed=3)
    assert first == build_mobilefacenet(seed=3)
    assert first != build_mobilefacenet(seed=4)
    embedding = run(first, {"image": IMAGES})["embedding"]
    unit = embedding / np.linalg.norm(embedding, axis=1, keepdims=True)
    assert np.isfinite(embedding).all()
    assert (unit @ unit.T)[~np.eye(4, dtype=bool)].max() < 0.98


def test_a_foreign_state_dict_is_refused() -> None:
    with pytest.raises(
        ModelError, match=r"not that of MobileFaceNet: conv1.weight \(64, 3, 3, 3\) is missing"
    ):
        build_mobilefacenet(state={"fc.weight": normal(3)})


@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
def test_the_registry_names_functions(name: str) -> None:
    module, function = ARCHITECTURES[name].split(":")
    assert callable(getattr(importlib.import_module(module), function))


def test_only_plain_operators_are_written() -> None:
    """All of them are on TensorRT's list of supported operators."""
    assert set(operators(build_mobilefacenet())) == {
        "Add",
        "BatchNormalization",
        "Conv",
        "Flatten",
        "Gemm",
        "PRelu",
    }
