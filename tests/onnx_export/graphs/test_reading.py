"""Reading foreign files: the hash, what is concluded of whole pixels, and files that would exhaust a recursion."""

from __future__ import annotations

import hashlib
import itertools
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from fiqx_trt.errors import ModelError
from fiqx_trt.models import load_spec
from fiqx_trt.onnx_export.graphs.half import to_half
from fiqx_trt.onnx_export.graphs.reading import model_sha256, read_hashed, read_model
from fiqx_trt.onnx_export.graphs.split import with_outputs
from fiqx_trt.onnx_export.graphs.view import GraphView
from fiqx_trt.quality.onnx_scorer import OnnxScorer
from fiqx_trt.quality.scorer_contract import ScorerContract
from reference.onnx_graphs import normal, operators, run
from support import foreign_graphs as graphs
from support.foreign import FOREIGN, Foreign, beside, changed
from support.nets import save, small_recogniser

ROWS = [row for row in FOREIGN if not row.refused]


def flip_a_bit(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[100] ^= 1
    file.write_bytes(bytes(data))


def test_the_hash_of_a_file_that_holds_everything_is_the_files(tmp_path: Path) -> None:
    path = save(small_recogniser(), tmp_path / "small.onnx")
    want = hashlib.sha256(path.read_bytes()).hexdigest()
    assert model_sha256(path) == read_hashed(path)[1] == read_hashed(path.read_bytes())[1] == want
    assert load_spec(path)[0].sha256 == want


@pytest.mark.parametrize("in_node", [False, True])
def test_weights_in_another_file_belong_to_the_hash_wherever_it_is_a_key(
    tmp_path: Path, in_node: bool
) -> None:
    path = beside("weights.bin", in_node=in_node)(tmp_path)
    contract = ScorerContract((32, 32), (127.5,), (127.5,), "rgb", True, reduce="norm")

    def keys() -> list[object]:
        scorer = OnnxScorer(path, contract=contract)
        return [read_hashed(path)[1], load_spec(path)[0].sha256, scorer.parameters["foreign.sha256"]]

    before = keys()
    assert before == [model_sha256(path)] * 3
    assert before[0] != hashlib.sha256(path.read_bytes()).hexdigest()
    flip_a_bit(path.with_name("weights.bin"))
    after = keys()
    assert after == [model_sha256(path)] * 3
    assert after[0] != before[0]


def test_the_names_of_the_weights_files_belong_to_the_hash(tmp_path: Path) -> None:
    hashes = set()
    for name in ("a.bin", "b.bin"):
        folder = tmp_path / name
        folder.mkdir()
        hashes.add(model_sha256(beside(name)(folder)))
    assert len(hashes) == 2


def test_a_network_for_whole_pixels_is_given_them_raw(tmp_path: Path) -> None:
    path = changed(graphs.whole_pixels())(tmp_path)
    spec = load_spec(path)[0]
    assert (spec.mean, spec.std) == ((0.0,) * 3, (1.0,) * 3)
    plain = small_recogniser()
    plain.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.UINT8
    cast = helper.make_node("Cast", ["image"], ["pixels"], to=onnx.TensorProto.FLOAT)
    graphs.between(plain, "image", "c1", cast)
    spec = load_spec(save(plain, tmp_path / "plain.onnx"))[0]
    assert (spec.mean, spec.std) == ((0.0,) * 3, (1.0,) * 3)
    assert spec.scaling == "its file takes whole numbers: intensities 0 … 255"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_what_was_read_is_plain_and_can_be_written_in_half_precision(row: Foreign, tmp_path: Path) -> None:
    model = with_outputs(read_model(row.build(tmp_path)), ["embedding"])
    assert not {"Dropout", "Cast"} & set(operators(model))
    channels = GraphView(model).shapes["image"][1]
    fixed = model.graph.input[0].type.tensor_type.shape.dim[0].dim_value
    pixels = normal(fixed or 3, channels or 3, 32, 32)
    want = run(model, {"image": pixels})["embedding"]
    got = run(to_half(model), {"image": pixels})["embedding"]
    assert not np.array_equal(got, want), "nothing became half"
    np.testing.assert_allclose(got, want, atol=5e-3 * float(np.abs(want).max()))


def test_computed_shapes_are_gone(tmp_path: Path) -> None:
    for row in ROWS:
        if row.name.startswith("view"):
            folder = tmp_path / row.name
            folder.mkdir()
            found = operators(read_model(row.build(folder)))
            assert found.count("Reshape") == 1, row.name
            assert not {"Shape", "Gather", "Concat", "Slice", "Where"} & set(found), row.name


def test_constants_in_a_long_row_are_followed_without_recursion() -> None:
    model = small_recogniser()
    names = ["g", *(f"g{n}" for n in range(3000))]
    chain = [helper.make_node("Identity", [a], [b]) for a, b in itertools.pairwise(names)]
    graphs.put_before(model, "embedding", *chain)
    graphs.node_of(model, "embedding").input[1] = names[-1]
    view = GraphView(model)
    want = onnx.numpy_helper.to_array(graphs.weight(model, "g"))
    np.testing.assert_array_equal(view.constant(names[-1]), want)


def test_constants_in_a_circle_have_no_value() -> None:
    model = small_recogniser()
    model.graph.node.insert(0, helper.make_node("Add", ["p", "q"], ["q"]))
    model.graph.node.insert(0, helper.make_node("Add", ["q", "g"], ["p"]))
    assert GraphView(model).constant("p") is None


@pytest.mark.parametrize("place", ["graph", "dimension", "attribute", "domain", "weight"])
def test_names_that_are_not_utf8_are_found_wherever_they_stand(place: str) -> None:
    model = small_recogniser()
    text = {"graph": model.graph, "weight": graphs.weight(model, "w1")}
    if place in text:
        text[place].name = "ZZZZ"
    elif place == "dimension":
        model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "ZZZZ"
    elif place == "domain":
        model.opset_import.add(domain="ZZZZ", version=1)
    else:
        graphs.node_of(model, "c1").attribute.append(helper.make_attribute("auto_pad", "ZZZZ"))
    data = model.SerializeToString().replace(b"ZZZZ", b"Z\xe9\xe8Z")
    with pytest.raises(ModelError, match=r"a name that is not UTF-8, b'Z\\xe9\\xe8Z'; export"):
        read_model(data)


@pytest.mark.parametrize(
    ("start", "what"),
    [
        (b"PK\x03\x04", "a PyTorch checkpoint or zip archive"),
        (b"\xef\xbb\xbf<?xml version", "an XML file, such as OpenVINO's IR"),
        (b"<net name", "OpenVINO's IR"),
        (b"version https://git-lfs", "a Git LFS pointer"),
    ],
)
def test_other_formats_are_named(start: bytes, what: str) -> None:
    with pytest.raises(ModelError, match=f"is not an ONNX model but {what}"):
        read_model(start + b" and so on")
