"""MTCNN's networks: the conversion against their layers in float64, and files that are not their weights."""

from __future__ import annotations

import io
import os
import pickle
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from fiqx_trt.errors import DependencyError, ModelError
from fiqx_trt.onnx_export.architectures.joblib_format import read_arrays
from fiqx_trt.onnx_export.architectures.mtcnn import build_mtcnn, find_weights

ort = pytest.importorskip("onnxruntime")
joblib = pytest.importorskip("joblib")
lz4_frame = pytest.importorskip("lz4.frame")

SIDES = {"pnet": 31, "rnet": 24, "onet": 48}


@pytest.fixture(scope="module")
def folder() -> Path:
    try:
        return find_weights()
    except DependencyError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def models(folder: Path) -> dict[str, onnx.ModelProto]:
    return build_mtcnn(folder)


def run(model: onnx.ModelProto, image: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"image": image}), strict=True))


class Reference:
    """The layers as the mtcnn package defines them: rows, columns, channels; one picture; float64."""

    def __init__(self, arrays: list[NDArray[np.float32]], x: NDArray[np.float32]) -> None:
        self.arrays = [array.astype(np.float64) for array in arrays]
        self.x = x.astype(np.float64)

    def take(self) -> NDArray[np.float64]:
        return self.arrays.pop(0)

    def convolution(self) -> None:
        kernel, bias = self.take(), self.take()
        size = kernel.shape[0]
        windows = np.lib.stride_tricks.sliding_window_view(self.x, (size, size), axis=(0, 1))
        self.x = np.einsum("hwcij,ijco->hwo", windows, kernel) + bias
        self.prelu()

    def prelu(self) -> None:
        self.x = np.where(self.x > 0, self.x, self.x * self.take())

    def pool(self, size: int, *, same: bool) -> None:
        height, width, channels = self.x.shape
        if same:
            grown = [(-(-extent // 2) - 1) * 2 + size for extent in (height, width)]
            padded = np.full((max(grown[0], height), max(grown[1], width), channels), -np.inf)
            padded[:height, :width] = self.x
            self.x = padded
        windows = np.lib.stride_tricks.sliding_window_view(self.x, (size, size), axis=(0, 1))
        self.x = windows[::2, ::2].max(axis=(3, 4))

    def dense(self) -> None:
        self.x = self.x.transpose(1, 0, 2).reshape(-1) @ self.take() + self.take()
        self.prelu()

    def head(self) -> NDArray[np.float64]:
        weight, bias = self.take(), self.take()
        return self.x @ weight.reshape(weight.shape[-2:]) + bias


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(logits)
    return powers / powers.sum(axis=-1, keepdims=True)


def reference(
    name: str, arrays: list[NDArray[np.float32]], picture: NDArray[np.float32]
) -> dict[str, NDArray]:
    net = Reference(arrays, picture)
    plan = {
        "pnet": "conv pool2same conv conv",
        "rnet": "conv pool3same conv pool3 conv dense",
        "onet": "conv pool3same conv pool3 conv pool2same conv dense",
    }
    for step in plan[name].split():
        if step == "conv":
            net.convolution()
        elif step == "dense":
            net.dense()
        else:
            net.pool(int(step[4]), same=step.endswith("same"))
    answers = {"regression": net.head()}
    if name == "onet":
        xs, ys = np.split(net.head(), 2)
        answers["landmarks"] = np.stack([xs, ys], axis=1).reshape(-1)
    answers["probability"] = softmax(net.head())[..., 1:]
    assert net.arrays == []
    return answers


@pytest.mark.parametrize("name", ["pnet", "rnet", "onet"])
def test_networks_equal_their_layers_in_float64(folder, models, name):
    rng = np.random.default_rng(3)
    side = SIDES[name]
    pictures = rng.normal(0, 0.6, (3, side, side + (4 if name == "pnet" else 0), 3)).astype(np.float32)
    answers = run(models[name], pictures.transpose(0, 3, 1, 2))
    for at, picture in enumerate(pictures):
        arrays = joblib.load(folder / f"{name}.lz4")
        for key, expected in reference(name, list(arrays), picture).items():
            if name == "pnet":
                expected = expected.transpose(2, 0, 1)
            np.testing.assert_allclose(answers[key][at], expected, rtol=2e-4, atol=2e-5, err_msg=key)


@pytest.mark.parametrize("name", ["pnet", "rnet", "onet"])
def test_arrays_are_what_joblib_reads(folder, name):
    path = folder / f"{name}.lz4"
    ours = read_arrays(lz4_frame.decompress(path.read_bytes()), name=name)
    for mine, theirs in zip(ours, joblib.load(path), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_graphs_are_plain_onnx(models):
    for model in models.values():
        onnx.checker.check_model(model, full_check=True)
        assert model.ir_version <= 10
        assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 17)]


def test_proposal_network_takes_any_size(models):
    picture = np.zeros((2, 3, 40, 40), np.float32)
    assert run(models["pnet"], picture)["probability"].shape == (2, 1, 15, 15)
    assert run(models["pnet"], picture[:1, :, :12, :30])["regression"].shape == (1, 4, 1, 10)


def test_neither_the_package_nor_tensorflow_is_imported(models):
    assert "mtcnn" not in sys.modules
    assert "tensorflow" not in sys.modules


def test_absent_lz4_names_the_extra(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "lz4.frame", None)
    with pytest.raises(DependencyError, match=r'needs lz4 to read pnet.lz4.*pip install "fiqx-trt\[demo\]"'):
        build_mtcnn(folder)


def test_absent_package_names_the_extra(monkeypatch):
    monkeypatch.setattr("fiqx_trt.onnx_export.architectures.weights.find_spec", lambda name: None)
    with pytest.raises(DependencyError, match="face detector mtcnn needs the package 'mtcnn', which is not"):
        find_weights()


def test_absent_file_is_refused(tmp_path):
    with pytest.raises(ModelError, match=r"cannot read the weights .*pnet\.lz4: No such file"):
        build_mtcnn(tmp_path)


def test_file_that_is_not_lz4_is_refused(tmp_path):
    (tmp_path / "pnet.lz4").write_bytes(b"not compressed")
    with pytest.raises(ModelError, match=r"pnet\.lz4: not an lz4 file, or damaged: .*install mtcnn again"):
        build_mtcnn(tmp_path)


def test_truncated_file_is_refused(tmp_path, folder):
    whole = (folder / "pnet.lz4").read_bytes()
    (tmp_path / "pnet.lz4").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match=r"pnet\.lz4: not an lz4 file, or damaged"):
        build_mtcnn(tmp_path)


def test_weights_of_another_network_are_refused(tmp_path, folder):
    (tmp_path / "pnet.lz4").write_bytes((folder / "rnet.lz4").read_bytes())
    with pytest.raises(ModelError, match=r"arrays of shapes 3,3,3,10 10 1,1,10 .* found 3,3,3,28 28"):
        build_mtcnn(tmp_path)


class Harmful:
    def __reduce__(self):
        return os.system, ("echo harmful",)


def dumped(value: object) -> bytes:
    stream = io.BytesIO()
    joblib.dump(value, stream)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (pickle.dumps([Harmful()]), r"it names posix\.system, and only numpy arrays are let through"),
        (dumped([np.zeros(3)]), "float32 arrays were expected, found float64"),
        (dumped([np.array([None])]), r"a NumPy type 'O8', which is no number|it names numpy"),
        (dumped(np.zeros(3, np.float32)), "a list of arrays was expected, found"),
        (dumped([1, 2]), "a list of arrays was expected, found list"),
        (dumped([np.zeros(3, np.float32)])[:-6], "the file ends where 12 more bytes are needed"),
        (b"", "pickle exhausted before seeing STOP; a list of arrays as joblib writes it was expected"),
        (b"\x80\x04]q", "a list of arrays as joblib writes it was expected"),
    ],
)
def test_only_lists_of_float32_arrays_are_read(data, message):
    with pytest.raises(ModelError, match=f"example[^:]*: .*{message}|example[^:]*: {message}"):
        read_arrays(data, name="example")


def test_arrays_in_column_order_are_read():
    array = np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3))
    (read,) = read_arrays(dumped([array]), name="example")
    np.testing.assert_array_equal(read, array)
