"""Scoring against its own parts: the embedding alone, the runtime alone, and the original 100 full passes.

``python -m pytest benchmarks/bench_score.py --benchmark-enable`` measures on a ResNet-100 with random weights; a normal
test run goes through everything once on a MobileFaceNet.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from fiqx_trt import kernels
from fiqx_trt.faces.prepare import FacePreparer
from fiqx_trt.faces.sources import iter_sources
from fiqx_trt.models import Model, load_model
from fiqx_trt.models.export import export_model
from fiqx_trt.models.probe import probe_faces
from fiqx_trt.quality.serfiq import SerFiq, serfiq
from fiqx_trt.rows import RunMeta, open_table, score_columns
from fiqx_trt.runs import Scorer, score_table

PRECISIONS = ("fp32", "bf16")


@pytest.fixture(scope="module")
def measuring(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("benchmark_enable"))


@pytest.fixture(scope="module", params=PRECISIONS)
def model(request, measuring: bool, tmp_path_factory) -> Iterator[Model]:
    if request.param != "fp32" and not measuring:
        pytest.skip("one precision is enough for a smoke test")
    name = "iresnet100" if measuring else "mobilefacenet"
    path = tmp_path_factory.mktemp("model") / f"{name}.onnx"
    export_model(name, path, seed=0)
    with load_model(path, precision=request.param) as opened:
        opened.head_column_norms  # noqa: B018 -- prepared once, not per face
        yield opened


@pytest.fixture(scope="module")
def faces(measuring: bool) -> np.ndarray:
    return probe_faces((112, 112), count=16 if measuring else 2)


@pytest.mark.benchmark(group="serfiq")
@pytest.mark.parametrize("what", ["embed", "closed-form", "sampled"])
def bench_serfiq(benchmark, model: Model, faces: np.ndarray, what: str) -> None:
    """The embedding is the baseline: closed-form ≥ 0.95, 100 sampled passes ≥ 0.75 of its throughput."""
    if what == "embed":
        result = benchmark(model.embed, faces)
        assert np.isfinite(result).all()
        return
    quality = benchmark(serfiq, model, faces, estimator=what)
    other = serfiq(model, faces, passes=400, estimator="sampled")
    np.testing.assert_allclose(quality.raw, other.raw, atol=0.02)


@pytest.mark.benchmark(group="serfiq-one-face")
@pytest.mark.parametrize("what", ["trunk once", "100 full passes"])
def bench_one_face(benchmark, model: Model, faces: np.ndarray, what: str) -> None:
    """The baseline runs the whole network for every pass, as the original program does: ≥ 50 times slower."""
    if what == "trunk once":
        quality = benchmark(serfiq, model, faces[:1], estimator="sampled")
        assert 0 < quality.raw[0] <= 1
        return

    def full_passes() -> float:
        rows = []
        for one in range(100):
            h = model.extract(faces[:1]).pre_dropout
            mask = kernels.dropout_masks(h.shape[1], passes=100, dropout=0.5, seed=0)[one]
            rows.append(model.head((h * mask * 2).astype(np.float32)))
        spread = kernels.pair_spread(np.concatenate(rows)[None])
        return float(2 / (1 + np.exp(spread[0])))

    value = benchmark.pedantic(full_passes, rounds=1)
    assert value == pytest.approx(float(serfiq(model, faces[:1], estimator="sampled").raw[0]), abs=1e-4)


@pytest.fixture(scope="module")
def crops(measuring: bool, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("crops")
    for index, face in enumerate(probe_faces((112, 112), count=256 if measuring else 8)):
        cv2.imwrite(str(folder / f"{index:04d}.jpg"), face[:, :, ::-1])
    return folder


@pytest.fixture(scope="module", params=["mobilefacenet", "iresnet18"])
def small(request, measuring: bool, tmp_path_factory) -> Iterator[Model]:
    if request.param != "mobilefacenet" and not measuring:
        pytest.skip("one network is enough for a smoke test")
    path = tmp_path_factory.mktemp("model") / f"{request.param}.onnx"
    export_model(request.param, path, seed=0)
    with load_model(path, precision="fp32") as opened:
        opened.head_column_norms  # noqa: B018
        yield opened


@pytest.mark.benchmark(group="pipeline")
@pytest.mark.parametrize("what", ["runtime alone", "end to end"])
def bench_pipeline(benchmark, small: Model, crops: Path, tmp_path: Path, what: str) -> None:
    """From JPEG files to a finished table, ≥ 0.85 of the runtime's throughput on the same faces in memory."""
    faces = np.stack([cv2.imread(str(path))[:, :, ::-1] for path in sorted(crops.iterdir())])
    if what == "runtime alone":
        inputs = {small.spec.image: small.normalise(faces)}
        result = benchmark(small._trunk.run, inputs)
        assert len(result[small.spec.embedding]) == len(faces)
        return
    scorer = Scorer(small, [SerFiq()])

    def end_to_end() -> None:
        meta = RunMeta(["bench"], "", "", "", small.backend, small.device, small.precision)
        table = open_table(tmp_path / "s.csv", score_columns(scorer.columns), meta=meta, mode="overwrite")
        score_table(iter_sources(crops), FacePreparer((112, 112), "arcface", aligned=True), scorer, table)

    benchmark(end_to_end)
    assert (tmp_path / "s.csv").read_bytes().count(b"\r\n") == 1 + len(faces)


# VmHWM, not getrusage: the latter begins with the memory of the process that started this one.
MEMORY_PROGRAM = """
import sys
from fiqx_trt.cli.main import main
try:
    main(sys.argv[1:])
finally:
    print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@pytest.mark.benchmark(group="memory")
def bench_memory(benchmark, measuring: bool, crops: Path, tmp_path: Path) -> None:
    """Peak memory of 1,000 and of 20,000 inputs: within 50 MB."""
    path = tmp_path / "mobilefacenet.onnx"
    export_model("mobilefacenet", path, seed=0)
    few, many = (1_000, 20_000) if measuring else (20, 40)
    files = [str(file) for file in sorted(crops.iterdir())]

    def peak(count: int) -> int:
        names = tmp_path / f"{count}.txt"
        names.write_text("\n".join((files * (count // len(files) + 1))[:count]))
        arguments = ["score", f"@{names}", "--aligned", "--model", str(path), "-q"]
        line = [sys.executable, "-c", MEMORY_PROGRAM, *arguments, "--out", str(tmp_path / f"{count}.csv")]
        done = subprocess.run(line, capture_output=True, text=True, check=True)
        return int(done.stdout.split()[-1]) * 1024

    small_peak = peak(few)
    large_peak = benchmark.pedantic(peak, args=(many,), rounds=1)
    benchmark.extra_info.update({f"peak of {few}": small_peak, f"peak of {many}": large_peak})
    assert large_peak - small_peak < 50e6
