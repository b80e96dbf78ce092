"""Pixel-level quality: the compiled gradient graph beside torch's autograd, the forward pass and the original procedure.

``python -m pytest benchmarks/bench_plq.py --benchmark-enable`` measures; a normal test run goes through everything once on the
small network. A ratio of two separate measurements means little on a busy machine: ``bench_ratios`` runs the sides in turn and
compares medians.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import cv2
import numpy as np
import pytest

from fiqx_trt.explain.plq import PlqExplainer, plq
from fiqx_trt.faces.prepare import FacePreparer
from fiqx_trt.faces.sources import iter_sources
from fiqx_trt.models import Model, load_model
from fiqx_trt.models.export import export_model
from fiqx_trt.models.gradients import open_gradient
from fiqx_trt.models.probe import probe_faces
from fiqx_trt.models.torch_gradients import TorchGradientSession
from fiqx_trt.onnx_export.graphs.gradient import build_gradient
from fiqx_trt.onnx_export.graphs.taps import TapNames
from fiqx_trt.quality.serfiq import SerFiq
from fiqx_trt.rows import RunMeta, open_table, score_columns
from fiqx_trt.runs import score_table
from fiqx_trt.runs.face_files import FaceFiles
from fiqx_trt.runs.plq_rows import PlqRows
from fiqx_trt.runtime import open_session

#: Seconds that a comparison takes.
BUDGET = 12.0


@pytest.fixture(scope="module")
def measuring(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("benchmark_enable"))


@pytest.fixture(scope="module", params=["mobilefacenet", "iresnet18"])
def model(request, measuring: bool, tmp_path_factory) -> Iterator[Model]:
    if request.param != "mobilefacenet" and not measuring:
        pytest.skip("one network is enough for a smoke test")
    path = tmp_path_factory.mktemp("model") / f"{request.param}.onnx"
    export_model(request.param, path, seed=0)
    quick = {} if measuring else {"max_batch": 2, "threads": 1}  # there is little to tune
    with load_model(path, precision="fp32", alpha=100.0, r=0.5, gamma=8.0, **quick) as opened:
        opened.head_column_norms  # noqa: B018 -- prepared once, not per face
        open_gradient(opened, "l1")
        yield opened


@pytest.fixture(scope="module")
def faces(measuring: bool) -> np.ndarray:
    return probe_faces((112, 112), count=8 if measuring else 2)


def torch_session(model: Model) -> TorchGradientSession:
    return TorchGradientSession(model._graph, model.spec, weights="l1")


def in_turn(
    sides: Mapping[str, Callable[[], object]], budget: float
) -> tuple[dict[str, float], dict[str, float]]:
    """Median seconds, and seconds of processor time, of each side, run in turn until the budget of seconds is spent."""
    for run in sides.values():
        run()
    clocks = (time.perf_counter, time.process_time)
    spent: dict[str, list[list[float]]] = {name: [] for name in sides}
    end = time.perf_counter() + budget
    while not min(map(len, spent.values())) or time.perf_counter() < end:
        for name, run in sides.items():
            begin = [clock() for clock in clocks]
            run()
            spent[name].append([clock() - then for clock, then in zip(clocks, begin, strict=True)])
    wall, processor = (
        {name: float(np.median([times[i] for times in values])) for name, values in spent.items()}
        for i in range(len(clocks))
    )
    return wall, processor


@pytest.mark.benchmark(group="gradient")
@pytest.mark.parametrize("what", ["forward", "compiled", "torch autograd", "torch autograd, one batch"])
def bench_gradient(benchmark, model: Model, faces: np.ndarray, what: str) -> None:
    """Forward and backward of 8 faces."""
    pixels = model.input(faces, raw=True)
    if what == "forward":
        result = benchmark(
            model.session((model.spec.embedding,)).run, {model.spec.image: model.normalise(faces)}
        )
        assert len(result) == 1
        return
    compiled = open_gradient(model, "l1")
    want = compiled.run({"image": pixels})["gradient"]
    if what == "compiled":
        found = benchmark(compiled.run, {"image": pixels})["gradient"]
    else:
        session = torch_session(model)
        run = session.run if what == "torch autograd" else lambda feeds: session._one(feeds["image"])
        found = benchmark(run, {"image": pixels})["gradient"]
    norms = np.linalg.norm(want.reshape(len(faces), -1), axis=1)
    assert (np.linalg.norm((found - want).reshape(len(faces), -1), axis=1) <= 0.02 * norms).all()


@pytest.mark.benchmark(group="gradient-ratios")
def bench_ratios(benchmark, measuring: bool, model: Model, faces: np.ndarray) -> None:
    """Compiled against autograd (aim: ≥ 4) and against the forward pass alone (aim: ≤ 3.5), side by side."""
    pixels, session, compiled = model.input(faces, raw=True), torch_session(model), open_gradient(model, "l1")
    forward, inputs = model.session((model.spec.embedding,)), {model.spec.image: model.normalise(faces)}
    sides: dict[str, Callable[[], object]] = {
        "forward": lambda: forward.run(inputs),
        "compiled": lambda: compiled.run({"image": pixels}),
        "autograd": lambda: session.run({"image": pixels}),
        "autograd, one batch": lambda: session._one(pixels),
    }
    found, _ = benchmark.pedantic(in_turn, args=(sides, BUDGET if measuring else 0), rounds=1)
    ratios = {
        "autograd / compiled": found["autograd"] / found["compiled"],
        "autograd in one batch / compiled": found["autograd, one batch"] / found["compiled"],
        "compiled / forward": found["compiled"] / found["forward"],
    }
    benchmark.extra_info.update({name: round(value, 2) for name, value in ratios.items()})
    if measuring:
        assert ratios["autograd / compiled"] > 1
        assert ratios["compiled / forward"] < 6


@pytest.mark.benchmark(group="model-per-image")
def bench_model_per_image(benchmark, measuring: bool, model: Model, faces: np.ndarray) -> None:
    """One face against the original procedure: a model with its quality node rebuilt and opened for every image."""
    face, spec = faces[:1], model.spec
    quality = np.array([0.7])
    pixels = model.input(face, raw=True)

    def rebuilt() -> object:
        graph = build_gradient(
            model._graph,
            TapNames(spec.image, spec.embedding, spec.pre_dropout, spec.features),
            mean=spec.mean,
            std=spec.std,
        )
        with open_session(graph, backend="openvino", precision="fp32", max_batch=1) as session:
            return session.run({"image": pixels})

    sides = {"ours": lambda: plq(model, face, quality=quality), "rebuilt": rebuilt}
    found, _ = benchmark.pedantic(in_turn, args=(sides, BUDGET if measuring else 0), rounds=1)
    benchmark.extra_info["rebuilt / ours"] = round(found["rebuilt"] / found["ours"], 1)
    assert found["rebuilt"] > found["ours"]


@pytest.fixture(scope="module")
def crops(measuring: bool, model: Model, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("crops")
    # Opening and closing a table takes tens of milliseconds, for any number of faces.
    count = {"mobilefacenet": 192}.get(model.spec.name, 48) if measuring else 4
    for index, face in enumerate(probe_faces((112, 112), count=count)):
        cv2.imwrite(str(folder / f"{index:04d}.jpg"), face[:, :, ::-1])
    return folder


@pytest.mark.benchmark(group="plq-pipeline")
@pytest.mark.parametrize("pictures", ["none", "jpg"])
@pytest.mark.parametrize("estimator", ["closed-form", "sampled"])
def bench_pipeline(
    benchmark, measuring: bool, model: Model, crops: Path, tmp_path: Path, pictures: str, estimator: str
) -> None:
    """From JPEG files to table, maps and pictures: share of the graph's own throughput (aim: ≥ 0.85)."""
    faces = np.stack([cv2.imread(str(path))[:, :, ::-1] for path in sorted(crops.iterdir())])
    pixels, compiled = model.input(faces, raw=True), open_gradient(model, "l1")
    explainer = PlqExplainer(model, method=SerFiq(estimator=estimator))

    out = (
        tmp_path / str(number) for number in itertools.count()
    )  # overwriting files would cost time of its own

    def end_to_end() -> None:
        folder = next(out)
        with FaceFiles(folder, pictures=pictures) as files:
            maker = PlqRows(explainer, files)
            meta = RunMeta(["bench"], "", "", "", model.backend, model.device, "fp32")
            table = open_table(folder / "plq.csv", score_columns(maker.columns), meta=meta)
            files.begin(table.numbers())
            score_table(iter_sources(crops), FacePreparer((112, 112), "arcface", aligned=True), maker, table)

    sides = {"graph": lambda: compiled.run({"image": pixels}), "end to end": end_to_end}
    found, processor = benchmark.pedantic(in_turn, args=(sides, BUDGET if measuring else 0), rounds=1)
    shares = {"throughput": found, "processor time": processor}
    for what, times in shares.items():
        benchmark.extra_info[f"graph / end to end, {what}"] = round(times["graph"] / times["end to end"], 3)
    written = next(tmp_path.iterdir())
    assert (written / "plq.csv").read_bytes().count(b"\r\n") == 1 + len(faces)
    for kind in ("maps", *(["pictures"] if pictures != "none" else [])):
        assert len(list((written / kind).iterdir())) == len(faces)
