"""Backends, precisions and native batches side by side on an IResNet with random weights.

The depth is 18, or what FIQX_BENCH_DEPTH says; a normal test run goes through everything once on a small network.
"""

from __future__ import annotations

import os

import numpy as np
import pytest

from fiqx_trt.onnx_export.architectures.iresnet import build_iresnet
from fiqx_trt.onnx_export.architectures.mobilefacenet import build_mobilefacenet
from fiqx_trt.runtime import open_session, parity
from fiqx_trt.runtime.graph import read_graph
from fiqx_trt.runtime.machine import has_bf16
from fiqx_trt.runtime.paired import PairedSession
from fiqx_trt.runtime.tuning import Choice, Measured

DEPTH = int(os.environ.get("FIQX_BENCH_DEPTH", "18"))
FACES = np.random.default_rng(0).standard_normal((8, 3, 112, 112), dtype=np.float32)
FP32 = [("onnxruntime", "fp32"), ("openvino", "fp32"), ("torch", "fp32")]
BF16 = [("openvino", "bf16"), ("torch", "bf16")] if has_bf16() else []
CHOICES = [Choice(1, 1), Choice(1, 2), Choice(4, 1), Choice(4, 2), Choice(8, 1)]


@pytest.fixture(scope="module")
def model(request):
    measuring = request.config.getoption("benchmark_enable")
    return (build_iresnet(DEPTH) if measuring else build_mobilefacenet()).SerializeToString()


@pytest.fixture(scope="module")
def reference(model):
    with open_session(model, backend="openvino", precision="fp32", max_batch=1) as session:
        yield session


@pytest.mark.parametrize(("backend", "precision"), FP32 + BF16)
@pytest.mark.benchmark(group="runtime: backends")
def bench_backend(benchmark, model, reference, backend, precision):
    pytest.importorskip(f"fiqx_trt.runtime.{backend}")
    with open_session(model, backend=backend, precision=precision, max_batch=1) as session:
        session.run({"image": FACES[:1]})
        benchmark(session.run, {"image": FACES})
        feeds = {"image": FACES[:2]}
        parity.require(session, reference, feeds, min_cosine=parity.MIN_COSINE[precision])


@pytest.mark.parametrize("precision", ["fp32", "bf16"] if has_bf16() else ["fp32"])
@pytest.mark.parametrize(
    "choice", CHOICES, ids=lambda choice: f"batch {choice.batch}, streams {choice.streams}"
)
@pytest.mark.benchmark(group="runtime: openvino's batch and streams")
def bench_choice(benchmark, model, choice, precision):
    """Whatever is chosen, the bits are those of batch 1 on one stream."""
    openvino = pytest.importorskip("fiqx_trt.runtime.openvino")
    graph = read_graph(model)
    with openvino.OpenVinoSession(graph, precision=precision, choice=choice) as session:
        benchmark(session.run, {"image": FACES})
        got = session.run({"image": FACES[:2]})
    with openvino.OpenVinoSession(graph, precision=precision, choice=Choice(1, 1)) as plain:
        for name, value in plain.run({"image": FACES[:2]}).items():
            np.testing.assert_array_equal(got[name], value)


@pytest.mark.parametrize("rows", [1, 4, 64])
@pytest.mark.parametrize("what", ["tuned choice", "tuned choice and smallest"])
@pytest.mark.benchmark(group="runtime: calls of a few rows")
def bench_short_calls(benchmark, what, rows):
    """A small network where 16 rows on each of two streams are the fastest for many rows."""
    openvino = pytest.importorskip("fiqx_trt.runtime.openvino")
    graph = read_graph(build_mobilefacenet().SerializeToString())

    def open_at(choice):
        return openvino.OpenVinoSession(graph, precision="fp32", choice=choice)

    measured = Measured(Choice(16, 2), 400.0, Choice(1, 1), 250.0)
    session = open_at(measured.choice)
    if what != "tuned choice":
        session = PairedSession(session, lambda: open_at(measured.smallest), measured)
    feeds = {"image": np.resize(FACES, (rows, 3, 112, 112))}
    with session, open_at(measured.smallest) as plain:
        got = benchmark(session.run, feeds)
        for name, value in plain.run(feeds).items():
            np.testing.assert_array_equal(got[name], value)
