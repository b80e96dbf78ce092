"""The closed form of SER-FIQ beside sampled passes: how far it is off, and what a head costs as one matrix.

``python benchmarks/bench_closed_form.py MODEL FACES [PASSES]`` prints the largest error of the mean distance over clean and
degraded faces of a folder, against PASSES (20,000) sampled passes; in brackets that of the first order alone.
``python -m pytest benchmarks/bench_closed_form.py --benchmark-enable`` times a head of two linear layers.
"""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest

from fiqx_trt.evaluate.correlation import spearman
from fiqx_trt.experiments.degradations import degrade
from fiqx_trt.experiments.face_set import collect_faces
from fiqx_trt.faces.prepare import FacePreparer
from fiqx_trt.faces.sources import iter_sources
from fiqx_trt.models import Extracted, Model, load_model
from fiqx_trt.models.probe import probe_faces
from fiqx_trt.onnx_export.graphs.affine import folded_head, head_affine
from fiqx_trt.onnx_export.graphs.builder import GraphBuilder
from fiqx_trt.quality.serfiq import SerFiq, closed_form_distance
from fiqx_trt.runtime import open_session

BLOCK = 500
DEGRADED = (
    ("low-resolution", 0.75),
    ("low-resolution", 1.0),
    ("noise", 0.5),
    ("darkness", 1.0),
    ("blur", 1.0),
)


def sampled_distance(model: Model, taps: Extracted, passes: int) -> np.ndarray:
    """Mean distance over blocks of passes with different seeds."""
    blocks = max(1, passes // BLOCK)
    methods = [SerFiq(estimator="sampled", passes=min(passes, BLOCK), seed=seed) for seed in range(blocks)]
    return np.mean([method.mean_distance(model, taps) for method in methods], axis=0)


def compare(model: Model, faces: np.ndarray, passes: int) -> dict[str, float]:
    """Largest errors of the second and first order, and Spearman's correlation with the sampled distance."""
    taps = model.extract(faces)
    sampled = sampled_distance(model, taps, passes)
    second = SerFiq().mean_distance(model, taps)
    first = closed_form_distance(
        taps.pre_dropout, taps.embedding, model.head_column_norms, dropout=0.5, rank=math.inf
    )
    return {
        "faces": len(faces),
        "rank": model.head_rank,
        "error": float(np.abs(second - sampled).max()),
        "first": float(np.abs(first - sampled).max()),
        "spearman": spearman(second, sampled),
    }


def bench_closed_form_error(benchmark) -> None:
    """The second order lies closer to many passes than the first."""
    with load_model("dlib-resnet", precision="fp32") as model:
        faces = probe_faces(model.spec.input_size, count=3)
        found = benchmark.pedantic(compare, (model, faces, 2000), rounds=1)
    assert found["error"] < 0.005
    assert found["error"] < found["first"]


def two_layers(inner: int, outer: int, last: int):
    """A head of two linear layers."""
    rng = np.random.default_rng(0)
    graph = GraphBuilder("head")
    first = graph.constant("first", rng.standard_normal((outer, inner)).astype(np.float32))
    second = graph.constant("second", rng.standard_normal((last, outer)).astype(np.float32))
    x = graph.node("Gemm", ["h", first], "middle", {"transB": 1})
    graph.node("Gemm", [x, second], "e", {"transB": 1})
    return graph.model({"h": ("N", inner)}, {"e": ("N", last)})


@pytest.mark.benchmark(group="head")
@pytest.mark.parametrize("folded", [False, True], ids=["two-layers", "one-matrix"])
def bench_head(benchmark, folded: bool) -> None:
    """100 passes of the head of a MobileFaceNet, as it is and as one matrix."""
    head = two_layers(512, 512, 192)
    rows = np.random.default_rng(1).standard_normal((100, 512)).astype(np.float32)
    weights, offset = head_affine(head)
    with open_session(folded_head(head) if folded else head, precision="fp32", max_batch=100) as session:
        result = benchmark(session.run, {"h": rows})["e"]
    np.testing.assert_allclose(result, rows @ weights.T + offset, rtol=1e-3, atol=1e-1)


def main(name: str, folder: str, passes: int = 20000) -> None:
    """Print the row of a model."""
    with load_model(name, precision="fp32") as model:
        preparer = FacePreparer(model.spec.input_size, model.spec.template)
        clean = collect_faces(iter_sources([folder]), preparer, limit=12).images
        worse = [degrade(face, kind, level) for face in clean[:6] for kind, level in DEGRADED]
        found = compare(model, np.concatenate([clean, np.stack(worse)]), passes)
    print(
        f"{name}: {found['faces']} faces, {passes} passes, R {found['rank']:.0f}, largest error {found['error']:.4f} "
        f"({found['first']:.4f}), Spearman {found['spearman']:.4f}"
    )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 20000)
