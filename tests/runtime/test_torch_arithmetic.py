"""The graphs that torch runs: as they are on a processor, folded on a GPU, in fp16 with sensitive operators in float32."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
import pytest

torch = pytest.importorskip("torch")

from fiqx_trt.errors import ModelError  # noqa: E402 -- after the check for torch
from fiqx_trt.onnx_export.architectures.iresnet import build_iresnet  # noqa: E402
from fiqx_trt.onnx_export.graphs import half  # noqa: E402
from fiqx_trt.runtime import parity  # noqa: E402
from fiqx_trt.runtime.torch import TorchGraph, arithmetic  # noqa: E402
from support.networks import with_drawn_norms  # noqa: E402


@pytest.fixture(scope="module")
def network() -> onnx.ModelProto:
    """A residual network with batch norms that are no identity: those of the builder are."""
    return with_drawn_norms(build_iresnet(18, seed=3, size=32))


def operators(model: onnx.ModelProto) -> Counter[str]:
    return Counter(node.op_type for node in model.graph.node)


def embedding(model: onnx.ModelProto, dtype: torch.dtype) -> np.ndarray:
    x = torch.from_numpy(np.random.default_rng(1).uniform(-1, 1, (2, 3, 32, 32)).astype(np.float32))
    with torch.inference_mode():
        (result,) = TorchGraph(model, dtype=dtype)({model.graph.input[0].name: x}).values()
    return np.asarray(result.double())


def test_a_processor_runs_the_graph_as_it_is(network: onnx.ModelProto) -> None:
    for precision, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        assert arithmetic(network, "cpu", precision) == (network, dtype)


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_a_gpu_runs_no_batch_norm_behind_a_convolution(network: onnx.ModelProto, precision: str) -> None:
    model, dtype = arithmetic(network, "cuda", precision)
    assert dtype == torch.float32
    before, after = operators(network), operators(model)
    behind = sum(
        node.op_type == "BatchNormalization" and producer.op_type == "Conv"
        for node in network.graph.node
        for producer in network.graph.node
        if node.input[0] in producer.output
    )
    assert behind > 4
    assert after["BatchNormalization"] <= before["BatchNormalization"] - behind
    assert (after["Cast"] > 0) == (precision == "fp16")


@pytest.mark.parametrize(("precision", "least"), [("fp32", 1 - 1e-9), ("fp16", parity.MIN_COSINE["fp16"])])
def test_the_embedding_is_that_of_the_network_in_float64(
    network: onnx.ModelProto, precision: str, least: float
) -> None:
    want = embedding(network, torch.float64)
    got = embedding(*arithmetic(network, "cuda", precision))
    assert parity.least_cosine(got, want) >= least


def test_a_graph_that_cannot_be_written_in_half_precision_is_rounded_as_a_whole(
    network: onnx.ModelProto, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(model: onnx.ModelProto) -> onnx.ModelProto:
        raise ModelError("cannot be written")

    monkeypatch.setattr(half, "to_half", refuse)
    model, dtype = arithmetic(network, "cuda", "fp16")
    assert dtype == torch.float16
    assert operators(model)["Cast"] == 0
