"""What `gpu_check` measures on a GPU: prints numbers as JSON, and what is wrong with the answers.

Run by `gpu_check`, one part at a time: ``python scripts/gpu_measure.py pipeline``.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

#: Multiplications and additions of one 112×112 face through ResNet-100.
FLOPS = 24.2e9
FACES, BATCH = 128, 32
DEVICE = "cuda"
Numbers = dict[str, Any]


class Report:
    """Numbers, and problems that make the stage fail."""

    def __init__(self) -> None:
        self.numbers: Numbers = {}
        self.problems: list[str] = []

    def require(self, holds: bool, what: str) -> None:
        if not holds:
            self.problems.append(what)

    def attempt(self, what: str, work: Callable[[], Any]) -> Any:
        """Run a part; what it raises is a problem, and the rest goes on."""
        try:
            return work()
        except Exception as error:
            self.problems.append(
                f"{what}: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
            )
            return None


def seconds(work: Callable[[], Any], *, least: float = 0.3) -> float:
    """Return the time of one call: the best of several, each until the device is idle."""
    import torch

    wait = torch.cuda.synchronize if DEVICE == "cuda" else bool
    work()
    wait()
    best, spent = float("inf"), 0.0
    while spent < least:
        start = time.perf_counter()
        work()
        wait()
        took = time.perf_counter() - start
        best, spent = min(best, took), spent + took
    return best


def matrix_rate() -> float:
    """Return the dense fp16 rate of the card, measured, in operations per second."""
    import torch

    a, b = (torch.randn(8192, 8192, device=DEVICE, dtype=torch.float16) for _ in range(2))
    return float(2 * 8192**3 / seconds(lambda: a @ b))


def copy_rate() -> float:
    """Return what a copy within the device reads and writes, in bytes per second."""
    import torch

    block = torch.empty(1 << 30, dtype=torch.uint8, device=DEVICE)
    target = torch.empty_like(block)
    return 2 * block.nbytes / seconds(lambda: target.copy_(block))


def network() -> tuple[Any, Path]:
    """Return ResNet-100 with random weights, and the file it was written to."""
    from fiqx_trt.onnx_export.architectures.iresnet import build_iresnet100

    model = build_iresnet100(seed=0)
    path = Path(__file__).resolve().parents[1] / "build" / "gpu_check" / "resnet100.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString())
    return model, path


def inputs(rows: int) -> np.ndarray[Any, Any]:
    from fiqx_trt.kernels import face_input
    from fiqx_trt.models.probe import probe_faces

    faces = probe_faces((112, 112), count=4)
    return np.asarray(face_input(np.resize(faces, (rows, 112, 112, 3)), mean=127.5, std=127.5))


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
    """Run ResNet-100 on a backend in both precisions."""
    from fiqx_trt.runtime import open_session

    model, _ = network()
    reference, rate = cpu_reference(model), matrix_rate()
    report.numbers["measured fp16 matrix rate, TFLOP/s"] = round(rate / 1e12)
    for precision, least in (("fp32", 0.99999), ("fp16", 0.9995)):
        label = f"{name} {precision}"

        def work(precision: str = precision, least: float = least, label: str = label) -> None:
            start = time.perf_counter()
            with open_session(
                model, backend=name, device=DEVICE, precision=precision, max_batch=BATCH
            ) as session:
                report.numbers[f"{label}: seconds to open"] = round(time.perf_counter() - start, 1)
                report.numbers[f"{label}: notes"] = "; ".join(session.notes)
                compare(report, label, session, reference, least)
                on_device(report, label, session, rate)

        report.attempt(label, work)


def methods(report: Report, name: str, precision: str = "fp16") -> None:
    """Run SER-FIQ, Score-CAM, pixel-level quality and the statistics on the backend, beside the runtime alone."""
    from fiqx_trt.models import load_model
    from fiqx_trt.models.probe import probe_faces

    _, path = network()
    faces = np.resize(probe_faces((112, 112), count=4), (FACES, 112, 112, 3))
    with load_model(path, backend=name, device=DEVICE, precision=precision, mean=127.5, std=127.5) as model:
        report.numbers[f"{name}: arrays are kept"] = model.context.name
        report.require(
            model.context.name.startswith(DEVICE), f"arrays do not stay on the GPU: {model.notes[-1]}"
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
    for estimator, label in (("sampled", "100 passes"), ("closed-form", "closed form")):

        def score(estimator: str = estimator) -> np.ndarray[Any, Any]:
            return serfiq(model, faces, estimator=estimator).raw

        report.require(
            bool(np.isfinite(score()).all()), f"SER-FIQ, {label}, gives values that are not finite"
        )
        took = seconds(score)
        report.numbers[f"{name}: SER-FIQ faces per second, {label}"] = round(FACES / took)
        report.numbers[f"{name}: SER-FIQ as a share of embeddings, {label}"] = round(embed / took, 3)
        for what, count in travel(score, FACES).items():
            report.numbers[f"{name}: SER-FIQ, {label}, {what}"] = count


def _scorecam(report: Report, name: str, model: Any, faces: np.ndarray[Any, Any]) -> None:
    """Hold the masked passes to what the same session gives for rows that lie on the device already."""
    from fiqx_trt.explain.network import CamNetwork
    from fiqx_trt.explain.scorecam import scorecam_details

    some = faces[:4]
    result = scorecam_details(model, some)
    report.require(bool(np.isfinite(result.maps).all()), "Score-CAM gives values that are not finite")
    took = seconds(lambda: scorecam_details(model, some), least=1.0)
    passes = result.passes / took
    session = CamNetwork(model, None).embedder
    report.numbers[f"{name}: Score-CAM batch"] = session.batch
    rows = model.context.upload(np.repeat(inputs(4), 64, axis=0))
    feeds = {model.spec.image: rows}
    alone = len(rows) / seconds(lambda: model.context.run(session, feeds), least=1.0)
    report.numbers[f"{name}: Score-CAM faces per second"] = round(len(some) / took, 2)
    report.numbers[f"{name}: Score-CAM passes per second"] = round(passes)
    report.numbers[f"{name}: the runtime's own passes per second"] = round(alone)
    report.numbers[f"{name}: Score-CAM as a share of the runtime"] = round(passes / alone, 3)
    rate = matrix_rate()
    report.numbers[f"{name}: Score-CAM's share of the fp16 matrix rate"] = round(passes * FLOPS / rate, 3)
    for what, count in travel(lambda: scorecam_details(model, some), len(some)).items():
        report.numbers[f"{name}: Score-CAM, {what}"] = count


def _plq(report: Report, name: str, model: Any, faces: np.ndarray[Any, Any]) -> None:
    from fiqx_trt.explain.plq import plq

    some = faces[:64]
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

    maps = model.context.upload(np.random.default_rng(0).random((FACES, 112, 112), dtype=np.float32))
    for label, budget in (("exact median", 1 << 40), ("histograms", 0)):
        stats = MapStatistics((112, 112), memory_budget=budget)

        def push(stats: MapStatistics = stats) -> None:
            stats.push(maps)

        took = seconds(push, least=0.1)
        report.numbers[f"{name}: maps pushed per second, {label}"] = round(FACES / took)


def pipeline(report: Report) -> str:
    backend(report, "torch")
    report.attempt("methods", lambda: methods(report, "torch"))
    rate = report.numbers.get("torch fp16: faces per second, on the device", "no")
    return f"ResNet-100 by torch: {rate} faces/s in fp16"


def tensorrt(report: Report) -> str:
    backend(report, "tensorrt")
    report.attempt("methods", lambda: methods(report, "tensorrt"))
    report.attempt("CUDA graphs", lambda: graphs(report))
    rate = report.numbers.get("tensorrt fp16: faces per second, on the device", "no")
    return f"ResNet-100 by TensorRT: {rate} faces/s in fp16"


def graphs(report: Report) -> None:
    """Time an engine's launches one by one and recorded as CUDA graphs, where there is much to save and little."""
    import torch

    from fiqx_trt.runtime import open_session

    model, _ = network()
    x = torch.as_tensor(inputs(BATCH), device=DEVICE)
    kept: dict[str, np.ndarray[Any, Any]] = {}
    for batch in (1, BATCH):
        for wanted, label in (("0", "plain launches"), ("1", "CUDA graphs")):
            os.environ["FIQX_CUDA_GRAPHS"] = wanted
            with open_session(
                model, backend="tensorrt", device=DEVICE, precision="fp16", max_batch=batch
            ) as session:
                recorded = "CUDA graphs: recorded" in session.notes
                report.require(recorded == (wanted == "1"), f"batch {batch}, {label}: {session.notes}")
                kept[label] = session.run({"image": inputs(BATCH)})["embedding"]
                took = seconds(lambda session=session: session.run_device({"image": x}))
            report.numbers[f"tensorrt fp16, batch {batch}, {label}: faces per second"] = round(BATCH / took)
        same = np.array_equal(kept["plain launches"], kept["CUDA graphs"])
        report.require(same, f"batch {batch}: a CUDA graph gives other bits")
    del os.environ["FIQX_CUDA_GRAPHS"]


def benchmarks(report: Report) -> str:
    """Time each kernel on torch tensors; bytes are those that must be read and written once."""
    import torch

    from fiqx_trt import kernels

    copy = copy_rate()
    report.numbers["device-to-device copy, GB/s"] = round(copy / 1e9)
    generator = torch.Generator(DEVICE).manual_seed(0)

    def normal(*shape: int) -> Any:
        return torch.randn(*shape, device=DEVICE, generator=generator)

    def empty(*shape: int, dtype: Any = torch.float32) -> Any:
        return torch.empty(*shape, device=DEVICE, dtype=dtype)

    faces = torch.randint(0, 256, (1024, 112, 112, 3), device=DEVICE, dtype=torch.uint8, generator=generator)
    h, spread = normal(64, 25088), normal(1024, 100, 512)
    maps = torch.rand(1024, 112, 112, device=DEVICE)
    mean, m2 = (torch.zeros(112, 112, device=DEVICE, dtype=torch.float64) for _ in range(2))
    gradient, scale = normal(1024, 3, 112, 112), torch.ones(1024, device=DEVICE, dtype=torch.float64)
    channels, face = normal(512, 7, 7), normal(3, 112, 112)
    counts = torch.zeros(112, 112, 256, device=DEVICE, dtype=torch.uint32)
    half = torch.float16
    images, halves = empty(1024, 3, 112, 112), empty(1024, 3, 112, 112, dtype=half)
    masked, masked_half = empty(512, 3, 112, 112), empty(512, 3, 112, 112, dtype=half)
    copies, plane = empty(6400, 25088), empty(112, 112, dtype=torch.float64)
    work: dict[str, tuple[int, Callable[[], Any]]] = {
        "face_input": (5 * faces.nbytes, lambda: kernels.face_input(faces, mean=127.5, std=127.5, out=images)),
        "face_input float16": (
            3 * faces.nbytes,
            lambda: kernels.face_input(faces, mean=127.5, std=127.5, dtype="float16", out=halves),
        ),
        "dropout_expand": (h.nbytes * 101, lambda: kernels.dropout_expand(h, passes=100, out=copies)),
        "pair_spread": (spread.nbytes, lambda: kernels.pair_spread(spread)),
        "cam_masks": (masked.nbytes, lambda: kernels.cam_masks(channels, face, out=masked)),
        "cam_masks float16": (
            masked_half.nbytes,
            lambda: kernels.cam_masks(channels, face, dtype="float16", out=masked_half),
        ),
        "local_contrast": (faces.nbytes + maps.nbytes, lambda: kernels.local_contrast(faces)),
        "pixel_quality": (gradient.nbytes + 2 * maps.nbytes, lambda: kernels.pixel_quality(gradient, scale, gamma=7.5)),
        "pixel_moments": (maps.nbytes, lambda: kernels.pixel_moments(maps, mean, m2, count=0)),
        "pixel_histogram": (maps.nbytes, lambda: kernels.pixel_histogram(maps, counts)),
        "pixel_median": (maps.nbytes, lambda: kernels.pixel_median(maps, out=plane)),
    }  # fmt: skip
    for name, (nbytes, call) in work.items():

        def one(name: str = name, nbytes: int = nbytes, call: Callable[[], Any] = call) -> None:
            took = seconds(call, least=0.2)
            report.numbers[f"{name}, ms"] = round(1e3 * took, 3)
            report.numbers[f"{name}, share of the copy"] = round(nbytes / took / copy, 3)

        report.attempt(name, one)
    return f"copy {copy / 1e9:.0f} GB/s"


PARTS = {"pipeline": pipeline, "tensorrt": tensorrt, "benchmarks": benchmarks}


def main(name: str) -> None:
    """Measure a part and print it as one line of JSON."""
    report = Report()
    detail = report.attempt(name, lambda: PARTS[name](report)) or ""
    print(json.dumps({"detail": detail, "numbers": report.numbers, "problems": report.problems}))


if __name__ == "__main__":
    main(sys.argv[1])
