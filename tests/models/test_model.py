from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from fiqx_trt.errors import BackendUnavailableError, InvalidInputError, ModelError
from fiqx_trt.models import load_model
from reference.onnx_graphs import normal, parse
from support.nets import DIMENSIONS, FEATURES, deep_headed, noise_faces, save, small_recogniser


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return save(small_recogniser(), tmp_path / "small.onnx")


def test_embedding_is_the_network_applied_to_normalised_pixels(path: Path) -> None:
    faces = noise_faces(5)
    with load_model(path, mean=(100.0, 120.0, 130.0), std=64.0, color="bgr", precision="fp32") as model:
        got = model.embed(faces)
    normalised = (faces[..., ::-1].astype(np.float64) - [100.0, 120.0, 130.0]) / 64.0
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (raw,) = session.run(["embedding"], {"image": normalised.transpose(0, 3, 1, 2).astype(np.float32)})
    want = raw / np.linalg.norm(raw, axis=1, keepdims=True)
    np.testing.assert_allclose(got, want, atol=2e-6)
    np.testing.assert_allclose(np.linalg.norm(got, axis=1), 1.0, atol=1e-6)


def test_what_is_printed_says_what_it_takes_and_where_it_runs(path: Path) -> None:
    with load_model(path, mean=127.5, std=127.5, color="bgr", template="arcface", precision="fp32") as model:
        assert (
            repr(model)
            == "Model(small: faces 32x32 bgr, template arcface, not calibrated; openvino on cpu, fp32)"
        )
    with load_model(path, template="dlib", alpha=90.0, r=0.5, backend="onnxruntime") as model:
        assert "template dlib, calibrated; onnxruntime on cpu, " in repr(model)


def test_taps_have_their_shapes_and_the_head_maps_one_to_the_other(path: Path) -> None:
    with load_model(path, precision="fp32") as model:
        extracted = model.extract(noise_faces(3))
        assert extracted.embedding.shape == (3, DIMENSIONS)
        assert extracted.pre_dropout.shape == (3, FEATURES)
        assert extracted.features.shape == (3, 8, 8, 8)
        np.testing.assert_allclose(
            model.head(extracted.pre_dropout), extracted.embedding, rtol=1e-4, atol=1e-4
        )
        weights, bias = model.head_affine
        affine = extracted.pre_dropout.astype(np.float64) @ weights.T + bias
        np.testing.assert_allclose(affine, extracted.embedding, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(model.head_column_norms, (weights**2).sum(axis=0))


@pytest.mark.parametrize("backend", ["openvino", "onnxruntime", "torch"])
def test_a_face_has_one_embedding_whatever_the_batch(path: Path, backend: str) -> None:
    faces = noise_faces(9)
    with load_model(path, backend=backend) as model:
        together = model.embed(faces)
        alone = np.concatenate([model.embed(face[None]) for face in faces])
        reversed_order = model.embed(faces[::-1])[::-1]
    np.testing.assert_array_equal(together, alone)
    np.testing.assert_array_equal(together, reversed_order)


@pytest.mark.parametrize("backend", ["openvino", "onnxruntime", "torch"])
def test_a_head_of_two_layers_is_the_graphs_and_runs_alike_in_any_batch(tmp_path: Path, backend: str) -> None:
    path = save(deep_headed(), tmp_path / "deep.onnx")
    with load_model(path, backend=backend, precision="fp32") as model:
        assert model.spec.pre_dropout == "flatten"
        extracted = model.extract(noise_faces(7))
        session = model.head_session(5)
        assert (session.backend, session.device) == (model.backend, model.device)
        together = model.head(extracted.pre_dropout, rows_per_face=5)
        alone = np.concatenate([model.head(h[None], rows_per_face=5) for h in extracted.pre_dropout])
    np.testing.assert_allclose(together, extracted.embedding, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(together, alone)


@pytest.mark.parametrize("backend", ["auto", "openvino", "onnxruntime", "torch"])
def test_an_inactive_dropout_before_the_last_layer_leaves_the_head_on_the_trunks_backend(
    tmp_path: Path, backend: str
) -> None:
    body = "k = Conv<pads=[1,1,1,1]>(image, w) r = Relu(k) f = Flatten(r) d = Dropout(f) embedding = Gemm<transB=1>(d, fc)"
    path = save(parse(body, {"w": normal(6, 3, 3, 3), "fc": normal(4, 384)}), tmp_path / "dropout.onnx")
    with load_model(path, backend=backend, precision="fp32") as model:
        extracted = model.extract(noise_faces(3, size=8))
        assert model.head_session(1).backend == model.backend
        np.testing.assert_allclose(
            model.head(extracted.pre_dropout), extracted.embedding, rtol=1e-4, atol=1e-4
        )


def test_a_head_that_is_not_affine_says_what_to_name(tmp_path: Path) -> None:
    body = TRUNK + "e = Gemm(h, v) embedding = Tanh(e)"
    path = save(parse(body, {"w": normal(6, 3, 3, 3), "v": normal(6, 4)}), tmp_path / "tanh.onnx")
    wanted = r"\(Tanh\): the operator is not affine; name the output of the last linear layer with --tap embedding=NAME"
    with (
        load_model(path, pre_dropout="h", precision="fp32") as model,
        pytest.raises(ModelError, match=wanted),
    ):
        _ = model.head_affine


def test_no_faces_give_no_embeddings(path: Path) -> None:
    with load_model(path) as model:
        assert model.embed(np.zeros((0, 32, 32, 3), np.uint8)).shape == (0, DIMENSIONS)


def test_a_static_batch_of_one_is_no_obstacle(tmp_path: Path) -> None:
    static = save(small_recogniser(batch=1), tmp_path / "static.onnx")
    free = save(small_recogniser(), tmp_path / "free.onnx")
    faces = noise_faces(3)
    with load_model(static, precision="fp32") as a, load_model(free, precision="fp32") as b:
        np.testing.assert_allclose(a.embed(faces), b.embed(faces), atol=1e-6)


MIXED = "m = ReduceMean<axes=[0]>(h) c = Sub(h, m) embedding = Gemm(c, v)"
TRUNK = "k = Conv<pads=[1,1,1,1]>(image, w) r = Relu(k) p = GlobalAveragePool(r) h = Flatten(p) "


@pytest.mark.parametrize("backend", ["openvino", "onnxruntime", "torch"])
def test_rows_that_depend_on_each_other_in_a_fixed_batch_are_refused(tmp_path: Path, backend: str) -> None:
    weights = {"w": normal(6, 3, 3, 3), "v": normal(6, 4)}
    shapes = {"inputs": "float[4,3,8,8] image", "outputs": "float[4,4] embedding"}
    path = save(parse(TRUNK + MIXED, weights, **shapes), tmp_path / "mixed.onnx")
    with pytest.raises(
        ModelError, match="mixed has a fixed batch of 4, and a face's embedding depends on the others"
    ):
        load_model(path, backend=backend, pre_dropout="h", precision="fp32")


@pytest.mark.parametrize("backend", ["openvino", "onnxruntime", "torch"])
def test_rows_that_depend_on_each_other_in_a_free_batch_run_alone(tmp_path: Path, backend: str) -> None:
    body = TRUNK + "m = ReduceMax<axes=[0]>(h) c = Add(h, m) embedding = Gemm(c, v)"
    path = save(parse(body, {"w": normal(6, 3, 3, 3), "v": normal(6, 4)}), tmp_path / "mixed.onnx")
    faces = noise_faces(6, size=8)
    with load_model(path, backend=backend, pre_dropout="h", precision="fp32") as model:
        together = model.embed(faces)
        np.testing.assert_array_equal(together, np.concatenate([model.embed(f[None]) for f in faces]))


@pytest.mark.parametrize(
    ("faces", "given"),
    [
        (np.zeros((2, 32, 32, 3), np.float32), "faces are float32 of shape (2, 32, 32, 3)"),
        (np.zeros((2, 3, 32, 32), np.uint8), "faces are uint8 of shape (2, 3, 32, 32)"),
        (np.zeros((32, 32, 3), np.uint8), "faces are uint8 of shape (32, 32, 3)"),
    ],
)
def test_wrong_faces_are_refused(path: Path, faces: np.ndarray, given: str) -> None:
    with (
        load_model(path) as model,
        pytest.raises(InvalidInputError, match="expects uint8 RGB of shape") as caught,
    ):
        model.embed(faces)
    assert given in str(caught.value)


def test_a_name_that_is_nothing(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"neither a file nor a known model\. .*model list"):
        load_model(tmp_path / "no.onnx")


def test_a_backend_that_is_nothing(path: Path) -> None:
    with pytest.raises((BackendUnavailableError, InvalidInputError), match="no-such"):
        load_model(path, backend="no-such")


@pytest.mark.parametrize(
    "content",
    [b"", b"not a network at all", small_recogniser().SerializeToString()[:-200]],
    ids=["empty", "text", "torn"],
)
def test_files_that_are_no_network(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"bad\.onnx"):
        load_model(path)


def test_a_name_that_is_nearly_known_is_suggested_and_a_detector_is_no_recogniser() -> None:
    with pytest.raises(ModelError, match="known names like it: mobilefacenet"):
        load_model("mobile-facenet")
    with pytest.raises(ModelError, match="yunet is a detector network, not a recogniser"):
        load_model("yunet")
