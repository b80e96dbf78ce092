"""Files that are no usable ONNX graph, and those that are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from fiqx_trt.errors import ModelError
from fiqx_trt.runtime import open_session
from fiqx_trt.runtime.graph import read_graph
from runtime.small_nets import head_net, images, model, residual_net

RELU = helper.make_node("Relu", ["x"], ["y"])


def test_path_text_bytes_and_proto_are_the_same_graph(tmp_path: Path) -> None:
    net = residual_net()
    path = tmp_path / "net.onnx"
    path.write_bytes(net.SerializeToString())
    graphs = [read_graph(m) for m in (path, str(path), path.read_bytes(), net)]
    assert {graph.digest for graph in graphs} == {graphs[0].digest}
    assert [graph.label for graph in graphs] == [str(path), str(path), "the given model", "the given model"]
    assert [str(i) for i in graphs[0].inputs] == ["image: float32 (N, 3, 32, 32)"]


def test_weights_in_another_file_are_read(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    onnx.save(residual_net(), path, save_as_external_data=True, location="net.weights", size_threshold=64)
    x = images(2)
    with open_session(path, backend="openvino", max_batch=1) as outside:
        got = outside.run({"image": x})
    with open_session(residual_net(), backend="openvino", max_batch=1) as inside:
        want = inside.run({"image": x})
    for name, value in want.items():
        np.testing.assert_array_equal(got[name], value)
    with pytest.raises(ModelError, match=r"keeps its weights in another file; give the path"):
        read_graph(path.read_bytes())
    (tmp_path / "net.weights").unlink()
    with pytest.raises(ModelError, match=r"belong to .*net\.onnx cannot be read: net\.weights: No such file"):
        read_graph(path)


def test_a_name_that_is_not_utf8() -> None:
    net = model([helper.make_node("Relu", ["x"], ["y"], name="ZZZZ")], {"x": ("N", 2)}, {"y": ("N", 2)})
    with pytest.raises(ModelError, match="a name that is not UTF-8"):
        read_graph(net.SerializeToString().replace(b"ZZZZ", b"Z\xe9\xe8Z"))


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"cannot read the model .*none\.onnx: No such file"):
        read_graph(tmp_path / "none.onnx")


@pytest.mark.parametrize("data", [b"", b"no network", residual_net().SerializeToString()[:2000]])
def test_bytes_that_are_no_onnx(data: bytes) -> None:
    with pytest.raises(
        ModelError,
        match=r"the given model is (not an ONNX model, or is cut short \(\d+ bytes\)|empty \(0 bytes\))",
    ):
        read_graph(data)


@pytest.mark.parametrize(
    ("net", "text"),
    [
        (model([RELU], {}, {"y": ("N",)}), r"the given model has 0 inputs and 1 outputs"),
        (
            model([RELU], {"x": ()}, {"y": ("N",)}),
            r"input 'x' is a scalar; its first dimension must be the batch",
        ),
        (model([RELU], {"x": ("N",)}, {"y": ()}), r"output 'y' is a scalar"),
        (
            model([helper.make_node("Add", ["x", "z"], ["y"])], {"x": (2, 3), "z": (4, 3)}, {"y": (2, 3)}),
            r"different numbers of rows, \{'x': 2, 'z': 4\}; they must share one batch",
        ),
    ],
)
def test_a_graph_without_rows(net: onnx.ModelProto, text: str) -> None:
    with pytest.raises(ModelError, match=text):
        read_graph(net)


def test_an_input_without_a_shape() -> None:
    net = model([RELU], {"x": ("N", 2)}, {"y": ("N", 2)})
    net.graph.input[0].type.tensor_type.ClearField("shape")
    with pytest.raises(ModelError, match=r"input 'x' has no shape; write one into the file"):
        read_graph(net)


def test_an_output_without_a_shape_runs() -> None:
    net = model([RELU], {"x": ("N", 2)}, {"y": ("N", 2)})
    net.graph.output[0].type.tensor_type.ClearField("shape")
    assert read_graph(net).outputs[0].shape == (None, None)
    for backend in ("openvino", "onnxruntime", "torch"):
        pytest.importorskip(f"fiqx_trt.runtime.{backend}")
        with open_session(net, backend=backend) as session:
            assert session.run({"x": np.zeros((0, 2), np.float32)})["y"].shape == (0, 2)


def test_weights_in_half_precision_are_noticed() -> None:
    net = head_net(8, 4)
    assert read_graph(net).stored == "fp32"
    for tensor in net.graph.initializer:
        half = onnx.numpy_helper.to_array(tensor).astype(np.float16)
        tensor.CopyFrom(onnx.numpy_helper.from_array(half, tensor.name))
    assert read_graph(net).stored == "fp16"
