"""The real MobileFaceNet of the table, fetched as a user's first run fetches it, against OpenVINO running its original file."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import openvino as ov
import pytest

import fiqx_trt as fx
from fiqx_trt.models.load import load_graph
from fiqx_trt.models.probe import probe_faces
from fiqx_trt.onnx_export.graphs.gradient import build_gradient
from fiqx_trt.onnx_export.graphs.half import to_half
from fiqx_trt.onnx_export.graphs.reading import read_model
from fiqx_trt.onnx_export.graphs.taps import TapNames
from fiqx_trt.onnx_export.graphs.tflite import is_tflite
from fiqx_trt.onnx_export.graphs.view import GraphView
from reference.onnx_graphs import operators, run

FACES = probe_faces((112, 112), count=7, seed=3)


@pytest.fixture(scope="module")
def original(mobilefacenet_file: Path) -> np.ndarray:
    """Embeddings by the original file, which takes two pictures at a time, channels last."""
    compiled = ov.Core().compile_model(mobilefacenet_file, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    pictures = (FACES.astype(np.float32) - 127.5) / 128.0
    pairs = [pictures[[i, i + 1]] for i in range(len(FACES) - 1)]
    rows = [np.array(compiled(pair)[0]) for pair in pairs]
    return np.concatenate([*(row[:1] for row in rows), rows[-1][1:]])


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize("backend", ["openvino", "onnxruntime"])
def test_embeddings_are_those_of_the_original_file(original: np.ndarray, backend: str) -> None:
    """Measured: the cosines of pairs differ by 3e-7 (ONNX Runtime) and 2e-7 (OpenVINO)."""
    with fx.load_model("mobilefacenet", backend=backend, precision="fp32") as model:
        found = model.embed(FACES)
    wanted = unit(original)
    assert found.shape == (7, 192)
    assert np.std(wanted @ wanted.T) > 0.01
    assert np.abs(np.sum(found * wanted, axis=1) - 1).max() < 1e-5
    np.testing.assert_allclose(found @ found.T, wanted @ wanted.T, atol=1e-5)


def test_the_taps_are_around_the_global_convolution(mobilefacenet_file: Path) -> None:
    spec, path, graph = load_graph("mobilefacenet")
    assert path == mobilefacenet_file
    shapes = GraphView(graph).shapes
    assert shapes[spec.embedding] == (None, 192)
    assert shapes[spec.pre_dropout] == (None, 512, 1, 1)
    assert shapes[spec.features] == (None, 512, 7, 7)
    assert spec.guesses == ()
    with fx.load_model("mobilefacenet") as model:
        assert model.head_affine[0].shape == (192, 512)


def test_rectifiers_are_joined_and_the_batch_is_free(mobilefacenet_file: Path) -> None:
    assert is_tflite(mobilefacenet_file.read_bytes())
    graph = read_model(mobilefacenet_file)
    assert Counter(operators(graph)) == {"Conv": 52, "PRelu": 33, "Add": 12, "Flatten": 1}
    assert graph.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "N"


def test_half_precision_keeps_the_cosines(mobilefacenet_file: Path) -> None:
    """Measured: 1 − cosine to float32 at most 2e-6."""
    graph = read_model(mobilefacenet_file)
    picture = {"input": (FACES.transpose(0, 3, 1, 2).astype(np.float32) - 127.5) / 128}
    full, half = (next(iter(run(g, picture).values())) for g in (graph, to_half(graph)))
    assert (1 - np.sum(unit(full) * unit(half), axis=1)).max() < 1e-4


def test_the_pixel_gradient_is_the_slope_of_the_original_file(mobilefacenet_file: Path) -> None:
    """Move along the gradient by ±0.2 grey levels at most: the original's Σ e changes by its length, to 2 %."""
    spec, _, graph = load_graph("mobilefacenet")
    taps = TapNames(spec.image, spec.embedding, spec.pre_dropout, spec.features)
    picture = FACES[:2].transpose(0, 3, 1, 2).astype(np.float32)
    found = run(build_gradient(graph, taps, mean=spec.mean, std=spec.std), {"image": picture}, check=False)[
        "gradient"
    ]
    step = found * (0.2 / np.abs(found).max(axis=(1, 2, 3), keepdims=True))
    compiled = ov.Core().compile_model(mobilefacenet_file, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def total(raw: np.ndarray) -> np.ndarray:
        rows = np.array(
            compiled((raw.transpose(0, 2, 3, 1) - np.float32(127.5)) / np.float32(128))[0], np.float64
        )
        return unit(rows).sum(axis=1)

    change = total(picture + step) - total(picture - step)
    np.testing.assert_allclose(change, 2 * np.sum(found * step, axis=(1, 2, 3), dtype=np.float64), rtol=0.02)
