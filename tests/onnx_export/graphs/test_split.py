"""Loading, cutting and freeing the batch of ONNX graphs."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import pytest

from fiqx_trt.errors import ModelError
from fiqx_trt.onnx_export.graphs.reading import read_model
from fiqx_trt.onnx_export.graphs.split import cut, dynamic_batch, with_outputs
from fiqx_trt.onnx_export.graphs.taps import tensor_shapes
from reference.onnx_graphs import normal, operators, parse, run

WEIGHTS = {"w": normal(6, 3, 3, 3), "fc": normal(4, 6), "b": normal(4), "unused": normal(9)}
BODY = (
    "c = Conv<pads=[1,1,1,1]>(image, w) r = Relu(c) dead = Sigmoid(r) p = GlobalAveragePool(r) "
    "h = Flatten(p) e = Gemm<transB=1>(h, fc, b) n = ReduceL2<axes=[1]>(e) embedding = Div(e, n)"
)
IMAGES = normal(3, 3, 8, 8, seed=1)


@pytest.fixture
def model() -> onnx.ModelProto:
    return parse(BODY, WEIGHTS)


def batch_of(model: onnx.ModelProto) -> list[str]:
    return [v.type.tensor_type.shape.dim[0].dim_param for v in (*model.graph.input, *model.graph.output)]


def test_chosen_outputs_come_in_the_order_asked_for(model: onnx.ModelProto) -> None:
    part = with_outputs(model, ["h", "e", "r"])
    found = run(part, {"image": IMAGES})
    assert list(found) == ["h", "e", "r"]
    mean = found["r"].mean(axis=(2, 3))
    np.testing.assert_allclose(found["h"], mean, atol=1e-6)
    np.testing.assert_allclose(found["e"], mean @ WEIGHTS["fc"].T + WEIGHTS["b"], atol=1e-5)
    assert batch_of(part) == ["N"] * 4


def test_dead_nodes_and_weights_are_gone_and_the_source_is_untouched(model: onnx.ModelProto) -> None:
    before = model.SerializeToString()
    part = with_outputs(model, ["e"])
    assert operators(part) == ["Conv", "Relu", "GlobalAveragePool", "Flatten", "Gemm"]
    assert {t.name for t in part.graph.initializer} == {"w", "fc", "b"}
    assert model.SerializeToString() == before
    assert 8 <= part.ir_version <= 10


def test_trunk_and_head_make_the_whole(model: onnx.ModelProto) -> None:
    trunk = cut(model, inputs=["image"], outputs=["h"])
    head = cut(model, inputs=["h"], outputs=["embedding"])
    assert tensor_shapes(head)["h"] == (None, 6)
    h = run(trunk, {"image": IMAGES})["h"]
    whole = run(model, {"image": IMAGES})["embedding"]
    np.testing.assert_array_equal(run(head, {"h": h})["embedding"], whole)


def test_a_cut_refuses_names_it_cannot_use(model: onnx.ModelProto) -> None:
    with pytest.raises(
        ModelError, match="no tensor 'embeddin' to use as an output; similar names: 'embedding'"
    ):
        with_outputs(model, ["embeddin"])
    with pytest.raises(ModelError, match="no tensor 'w' to use as an output"):
        with_outputs(model, ["w"])
    with pytest.raises(ModelError, match=r"a cut wants an output at least, each once; got \['e', 'e'\]"):
        with_outputs(model, ["e", "e"])
    with pytest.raises(ModelError, match=r"a cut wants an input at least, each once; got \[\]"):
        cut(model, inputs=[], outputs=["e"])
    with pytest.raises(
        ModelError, match=r"outputs \['e'\] also need the input 'image'; cut inputs: \['dead'\]"
    ):
        cut(model, inputs=["dead"], outputs=["e"])


@pytest.mark.parametrize(
    "shape", [[1, 384], [1, -1], [-1, 384], [0, -1], [1, 6, 64]], ids=lambda s: "x".join(map(str, s))
)
def test_a_static_batch_becomes_symbolic(shape: list[int]) -> None:
    rest = "embedding = Reshape(k, shape)"
    if len(shape) == 3:
        rest = "j = Reshape(k, shape) embedding = ReduceMean<axes=[2], keepdims=0>(j)"
    wide = 6 if len(shape) == 3 else 384
    model = parse(
        f"k = Conv<pads=[1,1,1,1]>(image, w) {rest}",
        {"w": WEIGHTS["w"], "shape": np.array(shape, np.int64)},
        inputs="float[1,3,8,8] image",
        outputs=f"float[1,{wide}] embedding",
    )
    free = dynamic_batch(model)
    assert batch_of(free) == ["N", "N"]
    assert {t.name for t in free.graph.initializer} == {
        name for node in free.graph.node for name in node.input[1:]
    }
    rows = [run(model, {"image": image[None]})["embedding"] for image in IMAGES]
    np.testing.assert_allclose(run(free, {"image": IMAGES})["embedding"], np.concatenate(rows), atol=1e-6)


def test_a_static_batch_larger_than_one_is_freed_too() -> None:
    model = parse(
        "embedding = Reshape(image, shape)",
        {"shape": np.array([4, 192], np.int64)},
        inputs="float[4,3,8,8] image",
        outputs="float[4,192] embedding",
    )
    np.testing.assert_array_equal(
        run(dynamic_batch(model), {"image": IMAGES})["embedding"], IMAGES.reshape(3, -1)
    )


def test_reshapes_of_constants_keep_their_shape() -> None:
    model = parse(
        "v = Reshape(b, shape) h = Flatten(image) embedding = Add(h, v)",
        {"b": normal(192), "shape": np.array([1, -1], np.int64)},
        inputs="float[1,3,8,8] image",
        outputs="float[1,192] embedding",
    )
    np.testing.assert_allclose(
        run(dynamic_batch(model), {"image": IMAGES})["embedding"],
        IMAGES.reshape(3, -1) + model_constant(model, "b"),
    )


def model_constant(model: onnx.ModelProto, name: str) -> np.ndarray:
    return onnx.numpy_helper.to_array(next(t for t in model.graph.initializer if t.name == name))


@pytest.mark.parametrize(
    ("body", "weights", "message"),
    [
        (
            "f = Reshape(image, s) q = Transpose<perm=[1,0]>(f) embedding = Reshape(q, s)",
            {"s": np.array([3, 64], np.int64)},
            r"the batch is fixed: node 'f' \(Reshape\) makes \(3, 64\) of \(2, 3, 8, 8\)",
        ),
        (
            "h = Flatten(image) k = ReduceMean<axes=[0]>(h) embedding = Identity(k)",
            {},
            r"the batch is fixed: node 'k' \(ReduceMean\) does not follow a batch of another size",
        ),
    ],
)
def test_a_batch_that_cannot_be_freed_names_the_node(
    body: str, weights: dict[str, np.ndarray], message: str, caplog: pytest.LogCaptureFixture
) -> None:
    model = parse(body, weights, inputs="float[1,3,8,8] image", outputs="float[A,B] embedding")
    with pytest.raises(ModelError, match=message):
        dynamic_batch(model)
    with caplog.at_level(logging.INFO):
        part = with_outputs(model, ["embedding"])
    assert part.graph.input[0].type.tensor_type.shape.dim[0].dim_value == 1
    assert "the batch dimension stays as it is: the batch is fixed" in caplog.text


def test_inputs_of_different_batches_are_refused() -> None:
    model = parse(
        "embedding = MatMul(a, b)", inputs="float[2,3] a, float[3,4] b", outputs="float[2,4] embedding"
    )
    with pytest.raises(ModelError, match=r"the inputs \['a', 'b'\] share no batch dimension: \['2', '3'\]"):
        dynamic_batch(model)


def test_initializers_listed_as_inputs_are_weights_afterwards() -> None:
    model = parse(BODY, WEIGHTS, inputs="float[N,3,8,8] image, float[6,3,3,3] w, float[4,6] fc, float[4] b")
    model.ir_version = 3
    part = with_outputs(model, ["e"])
    assert [v.name for v in part.graph.input] == ["image"]
    assert run(part, {"image": IMAGES})["e"].shape == (3, 4)


def test_what_a_subgraph_captures_is_kept() -> None:
    then, other = ("t", "Neg"), ("o", "Abs")
    branches = {
        f"{name}_branch": onnx.helper.make_graph(
            [onnx.helper.make_node(op, ["k"], [name])],
            name,
            [],
            [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)],
        )
        for name, op in (then, other)
    }
    model = parse(
        "k = Flatten(image) embedding = Identity(k)",
        {"yes": np.array(True)},
        outputs="float[N,192] embedding",
    )
    model.graph.node[1].CopyFrom(
        onnx.helper.make_node(
            "If", ["yes"], ["embedding"], then_branch=branches["t_branch"], else_branch=branches["o_branch"]
        )
    )
    part = with_outputs(model, ["embedding"])
    np.testing.assert_array_equal(run(part, {"image": IMAGES})["embedding"], -IMAGES.reshape(3, -1))


def test_reads_files_bytes_and_models(model: onnx.ModelProto, tmp_path: Path) -> None:
    path = tmp_path / "übung 1.onnx"
    onnx.save(model, path)
    assert read_model(path) == read_model(str(path)) == read_model(path.read_bytes()) == model
    assert read_model(model) is model


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", r"net.onnx is empty \(0 bytes\); wanted an ONNX model"),
        (b"PK\x03\x04 weights", "net.onnx is not an ONNX model but a PyTorch checkpoint .*model export"),
        (b"\x89HDF\r\n", "but a Keras HDF5 file; convert it with tf2onnx"),
        (b"\xff\xd8\xff\xe0 JFIF", "net.onnx is not an ONNX model but a JPEG picture"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer; fetch the file itself"),
        (b"hello, world\n" * 40, "net.onnx is not an ONNX model, or is cut short"),
        (b"\x00" * 100, r"net.onnx is not an ONNX model, or is cut short \(100 bytes\)"),
        (onnx.ModelProto(ir_version=8).SerializeToString(), "no graph with nodes and outputs in its 2 bytes"),
    ],
)
def test_a_file_that_is_no_model_gives_one_line(data: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(data)
    with pytest.raises(ModelError, match=message) as caught:
        read_model(path)
    assert "\n" not in str(caught.value)


def test_a_truncated_file_is_refused_wherever_it_ends(model: onnx.ModelProto) -> None:
    data = model.SerializeToString()
    for end in [*range(1, 40), *range(40, len(data) - 1, 97)]:
        with pytest.raises(ModelError, match="is not an ONNX model"):
            read_model(data[:end])


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"cannot read the model .*none.onnx: No such file"):
        read_model(tmp_path / "none.onnx")
    with pytest.raises(ModelError, match=r"cannot read the model .*: Is a directory"):
        read_model(tmp_path)


def test_external_weights_are_loaded_or_missed_clearly(model: onnx.ModelProto, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    wanted = run(model, {"image": IMAGES})["embedding"]
    onnx.save_model(model, path, save_as_external_data=True, location="net.data", size_threshold=0)
    part = with_outputs(read_model(path), ["embedding"])
    np.testing.assert_array_equal(run(part, {"image": IMAGES})["embedding"], wanted)
    with pytest.raises(ModelError, match="keeps its weights in another file; give the path"):
        read_model(path.read_bytes())
    (tmp_path / "net.data").unlink()
    with pytest.raises(
        ModelError, match=r"the weights that belong to .*net.onnx cannot be read: .*net\.data"
    ):
        read_model(path)


def test_local_functions_are_inlined() -> None:
    text = (
        '<ir_version: 8, opset_import: ["": 17, "own": 1]> '
        "net (float[N,3,8,8] image) => (float[N,192] embedding) { embedding = own.twice(image) } "
        '<domain: "own", opset_import: ["": 17]> twice (x) => (y) { f = Flatten(x) y = Add(f, f) }'
    )
    model = read_model(onnx.parser.parse_model(text).SerializeToString())
    assert operators(model) == ["Flatten", "Add"]
