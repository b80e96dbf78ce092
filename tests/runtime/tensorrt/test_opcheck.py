"""Every graph this package exports, in both precisions, against what TensorRT's parser takes; and each refusal."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from fiqx_trt.errors import DependencyError, ModelUnavailableError
from fiqx_trt.onnx_export.architectures import mtcnn
from fiqx_trt.onnx_export.architectures.dlib_resnet import build_dlib_resnet, find_weights
from fiqx_trt.onnx_export.architectures.inception_resnet_v1 import build_inception_resnet_v1
from fiqx_trt.onnx_export.architectures.iresnet import build_iresnet18
from fiqx_trt.onnx_export.architectures.mobilefacenet import build_mobilefacenet
from fiqx_trt.onnx_export.graphs.gradient import build_gradient
from fiqx_trt.onnx_export.graphs.half import to_half
from fiqx_trt.onnx_export.graphs.reading import read_model
from fiqx_trt.onnx_export.graphs.split import cut, with_outputs
from fiqx_trt.onnx_export.graphs.taps import find_taps
from fiqx_trt.runtime.tensorrt.opcheck import problems
from fiqx_trt.zoo import fetch, known
from runtime.small_nets import model


def dlib() -> onnx.ModelProto:
    try:
        return build_dlib_resnet(find_weights())
    except DependencyError as error:
        pytest.skip(str(error))


def default_recogniser() -> onnx.ModelProto:
    """The file that a .tflite of 2019 becomes."""
    entry = known("mobilefacenet")
    assert entry is not None
    try:
        return read_model(fetch(entry).data)
    except ModelUnavailableError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("build", [build_mobilefacenet, build_inception_resnet_v1, dlib, default_recogniser])
def test_recognisers_their_parts_and_their_gradients(build: Callable[[], onnx.ModelProto]) -> None:
    network = build()
    taps = find_taps(network)
    head = cut(network, inputs=[taps.pre_dropout], outputs=[taps.embedding])
    graphs = [with_outputs(network, [taps.embedding, taps.pre_dropout, taps.features]), head]
    for weights in ("exact",) if build is build_inception_resnet_v1 else ("l1", "signed", "exact"):
        graphs.append(build_gradient(network, taps, mean=[127.5] * 3, std=[127.5] * 3, weights=weights))
    for graph in graphs:
        onnx.checker.check_model(graph, full_check=True)
        assert problems(graph) == []
    assert problems(to_half(graphs[0])) == problems(to_half(graphs[-1])) == []


def test_iresnet_and_its_gradient() -> None:
    network = build_iresnet18()
    graph = build_gradient(network, find_taps(network), mean=[127.5] * 3, std=[127.5] * 3)
    assert problems(network) == problems(graph) == problems(to_half(graph)) == []


def test_the_detector() -> None:
    try:
        nets = mtcnn.build_mtcnn()
    except DependencyError as error:
        pytest.skip(str(error))
    for name, net in nets.items():
        found = problems(net)
        assert found == (["input 'image' has a free extent besides its batch"] if name == "pnet" else [])


def graph(*nodes: onnx.NodeProto, **weights: np.ndarray) -> onnx.ModelProto:
    return model(list(nodes), {"x": ("N", 2, 8, 8)}, {"y": None}, initializers=weights)


W = np.zeros((2, 2, 3, 3), np.float32)
SHAPE = np.array([1, 2, 9, 9], np.int64)
AXES = np.array([1], np.int64)

REFUSED = [
    (graph(helper.make_node("Det", ["x"], ["y"])), "node 'y' (Det): the operator is not on the list"),
    (graph(helper.make_node("MaxUnpool", ["x", "i"], ["y"]), i=AXES), "the operator is not on the list"),
    (graph(helper.make_node("Bernoulli", ["x"], ["y"], seed=1.0)), "the operator is not on the list"),
    (graph(helper.make_node("Gelu", ["x"], ["y"], domain="com.microsoft")), "the operator is not on the list"),
    (
        graph(helper.make_node("Conv", ["x", "w"], ["y"], auto_pad="SAME_UPPER"), w=W),
        "auto_pad is b'SAME_UPPER', wanted b'NOTSET'",
    ),
    (
        graph(helper.make_node("ConvTranspose", ["x", "w"], ["y"], output_shape=[10, 10]), w=W),
        "it has output_shape; write explicit pads and extents instead",
    ),
    (
        graph(helper.make_node("MaxPool", ["x"], ["y", "places"], kernel_shape=[2, 2])),
        "its output 'places' is not offered",
    ),
    (
        graph(helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[2, 2], dilations=[2, 2])),
        "dilations are [2, 2], wanted 1",
    ),
    (
        graph(helper.make_node("Shape", ["x"], ["s"]), helper.make_node("ReduceSum", ["x", "s"], ["y"])),
        "its input 1, 's', must be a constant",
    ),
    (
        graph(helper.make_node("Gemm", ["x", "w"], ["y"], alpha=0.5), w=W[0, 0]),
        "alpha is 0.5, wanted 1.0",
    ),
    (
        graph(helper.make_node("Resize", ["x", "", "", "s"], ["y"], mode="cubic"), s=SHAPE),
        "mode is b'cubic', wanted b'nearest' or b'linear'",
    ),
    (
        graph(helper.make_node("Dropout", ["x", "", "t"], ["y"]), t=np.array(True)),
        "it is in training mode; masks are inputs, never nodes",
    ),
    (
        graph(helper.make_node("Cast", ["x"], ["d"], to=TensorProto.DOUBLE), helper.make_node("Cast", ["d"], ["y"], to=1)),
        "output 'd' is TensorProto.DOUBLE",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("net", "text"), REFUSED, ids=[text for _, text in REFUSED])
def test_what_tensorrt_would_refuse(net: onnx.ModelProto, text: str) -> None:
    found = problems(net)
    assert any(text in one for one in found), found
    assert problems(net.SerializeToString()) == found


def test_transposed_convolutions_in_bfloat16_do_not_exist() -> None:
    kind = TensorProto.BFLOAT16
    net = helper.make_graph(
        [helper.make_node("ConvTranspose", ["x", "w"], ["y"])],
        "net",
        [helper.make_tensor_value_info(n, kind, s) for n, s in (("x", ["N", 2, 8, 8]), ("w", [2, 2, 3, 3]))],
        [helper.make_tensor_value_info("y", kind, None)],
    )
    found = problems(helper.make_model(net, opset_imports=[helper.make_opsetid("", 22)], ir_version=10))
    assert "node 'y' (ConvTranspose): there is none in bfloat16" in found


@pytest.mark.parametrize(
    ("opset", "ir_version", "text"),
    [
        (8, 8, "opset 8, wanted 9 to 24"),
        (25, 10, "opset 25, wanted 9 to 24"),
        (17, 12, "ir_version 12, wanted at most 10"),
    ],
)
def test_files_of_other_times(opset: int, ir_version: int, text: str) -> None:
    net = model(
        [helper.make_node("Relu", ["x"], ["y"])], {"x": ("N", 2)}, {"y": ("N", 2)}, opset=min(opset, 24)
    )
    net.opset_import[0].version, net.ir_version = opset, ir_version
    assert text in problems(net)
