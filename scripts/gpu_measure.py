"""What `gpu_check` measures on a GPU: prints numbers as JSON, and what is wrong with the answers.

Run by `gpu_check`, one part at a time: ``python scripts/gpu_measure.py pipeline``.
"""

from __future__ import annotations

import functools
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from gpu_kernels import benchmarks
from gpu_timing import DEVICE, DRY, Report, matrix_rate, seconds

#: Multiplications and additions of one 112×112 face through ResNet-100.
FLOPS = 24.2e9
#: Rows of a native run (one on the processor: nothing is tuned there), the last one for what is compared; faces of a call.
BATCHES, FACES = ((1,), 8) if DRY else ((32, 256, 128), 128)
#: Faces of Score-CAM and of pixel-level quality; the network's input.
CAM_FACES, PLQ_FACES, SIDE = (1, 4, 32) if DRY else (4, 64, 112)
PRECISIONS = (("fp32", 0.99999),) if DRY else (("fp32", 0.99999), ("fp16", 0.9995))
HALF = PRECISIONS[-1][0]


@functools.cache
def network() -> tuple[Any, Path]:
    """Return ResNet-100 with random weights, a small network in a dry run, and the file it was written to."""
    from fiqx_trt.onnx_export.architectures.iresnet import build_iresnet100
    from fiqx_trt.testing.network import small_recogniser

    model = small_recogniser() if DRY else build_iresnet100(seed=0)
    path = Path(os.environ.get("FIQX_CACHE_DIR", tempfile.gettempdir())) / "gpu_check_network.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString())
    return model, path


def inputs(rows: int) -> np.ndarray[Any, Any]:
    from fiqx_trt.kernels import face_input
    from fiqx_trt.models.probe import probe_faces

    faces = probe_faces((SIDE, SIDE), count=4)
    return np.asarray(face_input(np.resize(faces, (rows, SIDE, SIDE, 3)), mean=127.5, std=127.5))


def compare(report: Report, name: str, session: Any, reference: np.ndarray[Any, Any], least: float) -> None:
    """Hold a session to a CPU reference and to the law of rows, then time it."""
    x = inputs(FACES)
    got = session.run({"image": x})["embedding"]
    a, b = got[:2].astype(np.float64), reference.astype(np.float64)
    cosine = float(((a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)).min())
    report.numbers[f"{name}: cosine to the CPU in fp32"] = round(cosine, 7)
    report.require(cosine >= least, f"{name}: cosine {cosine:.6f}, wanted {least}")
    same = np.array_equal(got[:4], got[4:8]) and np.array_equal(
        session.run({"image": x[:1]})["embedding"], got[:1]
    )
    report.require(same, f"{name}: a row's bits depend on its position")
    report.numbers[f"{name}: batch"] = session.batch
    took = seconds(lambda: session.run({"image": x}))
    report.numbers[f"{name}: faces per second, host to host"] = round(FACES / took)


def on_device(report: Report, name: str, session: Any, rate: float) -> None:
    """Time device arrays in and out, which is what the methods use."""
    import torch

    x = torch.as_tensor(inputs(FACES), device=DEVICE)
    expected = session.run({"image": inputs(FACES)})["embedding"]
    got = torch.as_tensor(session.run_device({"image": x})["embedding"], device=DEVICE).cpu().numpy()
    report.require(np.array_equal(got, expected), f"{name}: run_device gives other bits than run")
    took = seconds(lambda: session.run_device({"image": x}))
    report.numbers[f"{name}: faces per second, on the device"] = round(FACES / took)
    report.numbers[f"{name}: share of the measured fp16 matrix rate"] = round(FACES * FLOPS / took / rate, 3)


def cpu_reference(model: Any) -> np.ndarray[Any, Any]:
    from fiqx_trt.runtime.graph import read_graph
    from fiqx_trt.runtime.torch import TorchSession

    with TorchSession(read_graph(model), batch=1) as session:
        return session.run({"image": inputs(2)})["embedding"]


def backend(report: Report, name: str) -> None:
    """Run the network on a backend in both precisions, and in half precision with several batches."""
    model, _ = network()
    reference, rate = cpu_reference(model), matrix_rate()
    report.numbers["measured fp16 matrix rate, TFLOP/s"] = round(rate / 1e12)
    for precision, least in PRECISIONS:
        for batch in BATCHES if precision == HALF else BATCHES[-1:]:
            label = f"{name} {precision}, batch {batch}"
            arguments = (report, name, model, precision, least, batch, reference, rate, label)
            report.attempt(label, lambda a=arguments: run_network(*a))


def run_network(
    report: Report, name: str, model: Any, precision: str, least: float, batch: int,
    reference: np.ndarray[Any, Any], rate: float, label: str,
) -> None:  # fmt: skip
    from fiqx_trt.runtime import open_session

    start = time.perf_counter()
    with open_session(model, backend=name, device=DEVICE, precision=precision, max_batch=batch) as session:
        report.numbers[f"{label}: seconds to open"] = round(time.perf_counter() - start, 1)
        report.numbers[f"{label}: notes"] = "; ".join(session.notes)
        compare(report, label, session, reference, least)
        on_device(report, label, session, rate)
    if name == "torch":
        recorded = any(note == "CUDA graphs: recorded" for note in session.notes)
        report.require(recorded or DEVICE == "cpu", f"{label}: no CUDA graph: {session.notes}")
        if batch == BATCHES[0]:  # few rows: here the host's part counts most
            report.numbers[f"{label}: launch by launch, faces per second"] = launched(model, precision, batch)


def launched(model: Any, precision: str, batch: int) -> int:
    """Return the rate of the network on the device without CUDA graphs: what the host's part of a run costs."""
    import torch

    from fiqx_trt.runtime import open_session

    os.environ["FIQX_CUDA_GRAPHS"] = "0"
    try:
        with open_session(
            model, backend="torch", device=DEVICE, precision=precision, max_batch=batch
        ) as session:
            feeds = {"image": torch.as_tensor(inputs(FACES), device=DEVICE)}
            return round(FACES / seconds(lambda: session.run_device(feeds)))
    finally:
        del os.environ["FIQX_CUDA_GRAPHS"]


def variants(report: Report) -> None:
    """Time what each step of torch's graph gains: folds on both sides, and the order of channels last."""
    import onnx
    import torch
    from gpu_timing import launch_seconds

    from fiqx_trt.onnx_export.graphs.fold import fold_batch_norms
    from fiqx_trt.onnx_export.graphs.half import to_half
    from fiqx_trt.runtime.torch import TorchGraph, arithmetic, exact_convolutions, replay

    model, _ = network()
    written: Callable[[onnx.ModelProto], onnx.ModelProto] = fold_batch_norms if DRY else to_half
    ahead, _ = arithmetic(model, "cuda", HALF)
    feeds = {"image": torch.as_tensor(inputs(BATCHES[-1]), device=DEVICE)}
    for label, graph, last in (
        ("batch norms folded behind convolutions", written(model), False),
        ("and in front of them", ahead, False),
        ("and channels last", ahead, True),
    ):
        with torch.inference_mode(), exact_convolutions():
            run = replay.FixedRun(
                TorchGraph(graph, device=DEVICE, channels_last=last),
                {"image": torch.zeros_like(feeds["image"])},
                replay.recorder_of(torch.device(DEVICE)),
            )
            took = launch_seconds([lambda r=run: r(feeds)])
        report.numbers[f"torch {HALF}, {label}: faces per second"] = round(BATCHES[-1] / took)


def sizes(report: Report) -> None:
    """Time calls of a few faces: the small runs that a session offers, beside its largest one."""
    import torch

    from fiqx_trt.runtime import open_session

    model, _ = network()
    with open_session(model, backend="torch", device=DEVICE, precision=HALF) as session:
        report.numbers["torch, no limit of rows: notes"] = "; ".join(session.notes)
        for rows in (1, 2) if DRY else (1, 8, 32, 128, 512):
            feeds = {"image": torch.as_tensor(inputs(rows), device=DEVICE)}
            took = seconds(lambda f=feeds: session.run_device(f))
            report.numbers[f"torch, no limit of rows: ms for a call of {rows}"] = round(1e3 * took, 3)


def methods(report: Report, name: str, precision: str = HALF) -> None:
    """Run SER-FIQ, Score-CAM, pixel-level quality and the statistics on the backend, beside the runtime alone."""
    from fiqx_trt.models import load_model
    from fiqx_trt.models.probe import probe_faces

    _, path = network()
    faces = np.resize(probe_faces((SIDE, SIDE), count=4), (FACES, SIDE, SIDE, 3))
    with load_model(
        path, backend=name, device=DEVICE, precision=precision, mean=127.5, std=127.5, color="rgb",
        max_batch=1 if DRY else None,
    ) as model:  # fmt: skip
        report.numbers[f"{name}: arrays are kept"] = model.context.name
        report.require(
            model.context.name.startswith(DEVICE), f"arrays do not stay on the GPU: {model.notes[-1:]}"
        )
        for part in (_serfiq, _scorecam, _plq, _statistics):
            what = part.__name__.removeprefix("_")
            report.attempt(f"{name} {what}", lambda p=part: p(report, name, model, faces))


def travel(work: Callable[[], Any], faces: int) -> dict[str, int]:
    """Return the bytes per face that went up and came down."""
    from fiqx_trt import _core

    before = _core.traffic()
    work()
    up, down = (b - a for a, b in zip(before, _core.traffic(), strict=True))
    return {"bytes up per face": up // faces, "bytes down per face": down // faces}


def _serfiq(report: Report, name: str, model: Any, faces: np.ndarray[Any, Any]) -> None:
    from fiqx_trt.quality.serfiq import serfiq

    embed = seconds(lambda: model.embed(faces))
    report.numbers[f"{name}: embeddings per second"] = round(FACES / embed)
    report.attempt(f"{name} head", lambda: _head(report, name, model, faces))
    for estimator, label in (("sampled", "100 passes"), ("closed-form", "closed form")):

        def score(estimator: str = estimator) -> np.ndarray[Any, Any]:
            return serfiq(model, faces, estimator=estimator).raw

        report.require(
            bool(np.isfinite(score()).all()), f"SER-FIQ, {label}, gives values that are not finite"
        )
        took = seconds(score)
        report.numbers[f"{name}: SER-FIQ faces per second, {label}"] = round(FACES / took)
        share = f"{name}: SER-FIQ as a share of embeddings, {label}"
        report.numbers[share] = round(embed / took, 3)
        report.promise(share, embed / took, 0.9 if estimator == "closed-form" else 0.7)
        for what, count in travel(score, FACES).items():
            report.numbers[f"{name}: SER-FIQ, {label}, {what}"] = count


def _head(report: Report, name: str, model: Any, faces: np.ndarray[Any, Any]) -> None:
    """Time a native run of the head beside a matrix product of its size in half precision."""
    import torch
    from gpu_timing import launch_seconds

    session = model.head_session(2 if DRY else 100)
    rows, features = session.batch, model.extract(faces[:1]).pre_dropout.shape[1]
    h = model.context.upload(np.random.default_rng(0).standard_normal((rows, features), dtype=np.float32))
    took = seconds(lambda: model.head(h, rows_per_face=2 if DRY else 100))
    dtype = torch.float32 if DRY else torch.float16
    a, b = (torch.randn(*shape, device=DEVICE, dtype=dtype) for shape in ((rows, features), (features, 512)))
    report.numbers[f"{name}: head"] = f"{rows} rows, {session.precision}; {'; '.join(session.notes)}"
    report.numbers[f"{name}: head, ms"] = round(1e3 * took, 3)
    report.numbers[f"{name}: a matrix product of its size, ms"] = round(
        1e3 * launch_seconds([lambda: a @ b]), 3
    )


def _scorecam(report: Report, name: str, model: Any, faces: np.ndarray[Any, Any]) -> None:
    """Hold the masked passes to what the same session gives for rows that lie on the device already."""
    from fiqx_trt.explain.network import CamNetwork
    from fiqx_trt.explain.scorecam import scorecam_details

    some = faces[:CAM_FACES]
    result = scorecam_details(model, some)
    report.require(bool(np.isfinite(result.maps).all()), "Score-CAM gives values that are not finite")
    took = seconds(lambda: scorecam_details(model, some), least=1.0)
    passes = result.passes / took
    session = CamNetwork(model, None).embedder
    report.numbers[f"{name}: Score-CAM batch"] = session.batch
    rows = model.context.upload(np.repeat(inputs(4), 2 if DRY else 64, axis=0))
    feeds = {model.spec.image: rows}
    alone = len(rows) / seconds(lambda: model.context.run(session, feeds), least=1.0)
    report.numbers[f"{name}: Score-CAM faces per second"] = round(len(some) / took, 2)
    report.numbers[f"{name}: Score-CAM passes per second"] = round(passes)
    report.numbers[f"{name}: the runtime's own passes per second"] = round(alone)
    report.numbers[f"{name}: Score-CAM as a share of the runtime"] = round(passes / alone, 3)
    rate = matrix_rate()
    share = f"{name}: Score-CAM's share of the fp16 matrix rate"
    report.numbers[share] = round(passes * FLOPS / rate, 3)
    report.promise(share, passes * FLOPS / rate, 0.6 if name == "tensorrt" else 0.45)
    for what, count in travel(lambda: scorecam_details(model, some), len(some)).items():
        report.numbers[f"{name}: Score-CAM, {what}"] = count


def _plq(report: Report, name: str, model: Any, faces: np.ndarray[Any, Any]) -> None:
    from fiqx_trt.explain.plq import plq

    some = faces[:PLQ_FACES]
    quality = np.full(len(some), 0.5)
    maps = plq(model, some, quality=quality, gamma=7.5).maps
    report.require(bool(np.isfinite(maps).all()), "pixel-level quality gives values that are not finite")
    for kept in (False, True):
        took = seconds(lambda k=kept: plq(model, some, quality=quality, gamma=7.5, on_device=k))
        where = "maps left on the device" if kept else "maps fetched"
        report.numbers[f"{name}: pixel-level quality faces per second, {where}"] = round(len(some) / took, 1)


def _statistics(report: Report, name: str, model: Any, faces: np.ndarray[Any, Any]) -> None:
    """Time the push of maps that lie where the model is; it must never be what limits."""
    from fiqx_trt.statistics import MapStatistics

    maps = model.context.upload(np.random.default_rng(0).random((FACES, SIDE, SIDE), dtype=np.float32))
    for label, budget in (("exact median", 1 << 40), ("histograms", 0)):
        stats = MapStatistics((SIDE, SIDE), memory_budget=budget)

        def push(stats: MapStatistics = stats) -> None:
            stats.push(maps)

        took = seconds(push, least=0.1)
        report.numbers[f"{name}: maps pushed per second, {label}"] = round(FACES / took)


def pipeline(report: Report) -> str:
    backend(report, "torch")
    report.attempt("variants", lambda: variants(report))
    report.attempt("sizes", lambda: sizes(report))
    report.attempt("methods", lambda: methods(report, "torch"))
    rate = report.numbers.get(f"torch {HALF}, batch {BATCHES[-1]}: faces per second, on the device", "no")
    return f"ResNet-100 by torch: {rate} faces/s in {HALF}"


def tensorrt(report: Report) -> str:
    backend(report, "tensorrt")
    report.attempt("methods", lambda: methods(report, "tensorrt"))
    report.attempt("CUDA graphs", lambda: graphs(report))
    rate = report.numbers.get(f"tensorrt {HALF}, batch {BATCHES[-1]}: faces per second, on the device", "no")
    return f"ResNet-100 by TensorRT: {rate} faces/s in {HALF}"


def graphs(report: Report) -> None:
    """Time an engine's launches one by one and recorded as CUDA graphs, where there is much to save and little."""
    import torch

    from fiqx_trt.runtime import open_session

    model, _ = network()
    rows = BATCHES[0]
    x = torch.as_tensor(inputs(rows), device=DEVICE)
    kept: dict[str, np.ndarray[Any, Any]] = {}
    for batch in (1, rows):
        for wanted, label in (("0", "plain launches"), ("1", "CUDA graphs")):
            os.environ["FIQX_CUDA_GRAPHS"] = wanted
            with open_session(
                model, backend="tensorrt", device=DEVICE, precision="fp16", max_batch=batch
            ) as session:
                recorded = "CUDA graphs: recorded" in session.notes
                report.require(recorded == (wanted == "1"), f"batch {batch}, {label}: {session.notes}")
                kept[label] = session.run({"image": inputs(rows)})["embedding"]
                took = seconds(lambda session=session: session.run_device({"image": x}))
            report.numbers[f"tensorrt fp16, batch {batch}, {label}: faces per second"] = round(rows / took)
        same = np.array_equal(kept["plain launches"], kept["CUDA graphs"])
        report.require(same, f"batch {batch}: a CUDA graph gives other bits")
    del os.environ["FIQX_CUDA_GRAPHS"]


PARTS = {"pipeline": pipeline, "tensorrt": tensorrt, "benchmarks": benchmarks}


def main(name: str) -> None:
    """Measure a part and print it as one line of JSON."""
    report = Report()
    detail = report.attempt(name, lambda: PARTS[name](report)) or ""
    print(json.dumps({"detail": detail, "numbers": report.numbers, "problems": report.problems}))


if __name__ == "__main__":
    main(sys.argv[1])
