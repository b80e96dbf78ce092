"""YuNet: OpenCV's own program on the same pictures, the definition in float64, turned faces, laws, errors."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError, ModelError, ModelUnavailableError
from fiqx_trt.faces.align import align, exchanged
from fiqx_trt.faces.detect import Detections, open_detector
from fiqx_trt.faces.yunet import CONFIDENCE, Yunet, _candidates, _copy, _turned_back

PHOTOS = "pose-mask-expression"


@pytest.fixture(scope="module")
def model(yunet_file) -> bytes:
    return yunet_file.read_bytes()


@pytest.fixture(scope="module")
def detector(model):
    with Yunet(model=model, threads=1) as opened:
        yield opened


@pytest.fixture(scope="module")
def upright_only(model):
    with Yunet(model=model, threads=1, turned=False) as opened:
        yield opened


@pytest.fixture(scope="module")
def astronaut() -> NDArray[np.uint8]:
    return np.asarray(pytest.importorskip("skimage.data").astronaut())


def read(path: Path) -> NDArray[np.uint8]:
    return cv2.imread(str(path))[..., ::-1].copy()


def opencv_faces(file: Path, image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return x, y, width, height, five points and the score of each face, the surest first."""
    peer = cv2.FaceDetectorYN.create(str(file), "", image.shape[1::-1], CONFIDENCE, 0.3, 5000)
    found = peer.detect(np.ascontiguousarray(image[..., ::-1]))[1]
    found = np.zeros((0, 15), np.float32) if found is None else found
    return found[np.argsort(-found[:, 14], kind="stable")]


def assert_as_opencv(ours: Detections, theirs: NDArray[np.float32]) -> None:
    """Boxes and landmarks within a tenth of a pixel of the picture that the network reads; scores within 0.001."""
    assert len(ours) == len(theirs)
    boxes = np.concatenate([theirs[:, :2], theirs[:, :2] + theirs[:, 2:4]], axis=1)
    height_width = np.maximum(ours.boxes.max(initial=0), 1)
    np.testing.assert_allclose(ours.confidence, theirs[:, 14], atol=1e-3)
    np.testing.assert_allclose(ours.landmarks, theirs[:, 4:14].reshape(-1, 5, 2), atol=0.1)
    np.testing.assert_allclose(ours.boxes, boxes.clip(0, height_width), atol=0.1)


def test_faces_are_those_of_opencv_on_a_public_photo(upright_only, yunet_file, astronaut):
    expected = opencv_faces(yunet_file, astronaut)
    assert len(expected) >= 1
    assert_as_opencv(upright_only.detect(astronaut), expected)


@pytest.mark.parametrize(
    "name",
    [f"{PHOTOS}/{name}" for name in ("1996.jpg", "7242.jpg", "r0.jpg", "r180.jpg", "rot_90.jpg", "crop.png")]
    + ["group-and-masks/t1.jpg", "plq-aligned/cap.png", "ser-fiq/test_img.jpeg"],
)
def test_faces_are_those_of_opencv_on_photos(upright_only, yunet_file, shared_faces, name):
    """Both are given the same picture of at most 640 pixels: nothing is left but the network and what follows."""
    image = read(shared_faces / name)
    factor = min(1.0, 640 / max(image.shape[:2]))
    image = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    expected = opencv_faces(yunet_file, image)
    assert len(expected) >= 1
    found = upright_only.detect(image)
    expected[:, 2:4] += expected[:, :2].clip(max=0)  # cut at the picture's edges, as ours are
    expected[:, :2] = expected[:, :2].clip(0)
    expected[:, 2:4] = np.minimum(expected[:, 2:4], np.array(image.shape[1::-1]) - expected[:, :2])
    assert_as_opencv(found, expected)


def test_cells_are_decoded_by_the_definition():
    """Cell (row 1, column 2) of stride 16 in a 64-pixel-wide picture, worked out by hand."""
    answers = {}
    for stride in (8, 16, 32):
        cells = (64 // stride) * (96 // stride)
        answers |= {f"{kind}_{stride}": np.zeros((1, cells, 1), np.float32) for kind in ("cls", "obj")}
        answers |= {f"bbox_{stride}": np.zeros((1, cells, 4), np.float32)}
        answers |= {f"kps_{stride}": np.zeros((1, cells, 10), np.float32)}
    at = 1 * (64 // 16) + 2
    answers["cls_16"][0, at], answers["obj_16"][0, at] = 0.9, 0.4
    answers["bbox_16"][0, at] = [0.5, 0.25, np.log(2), np.log(3)]
    answers["kps_16"][0, at] = np.arange(10) / 10
    boxes, scores, landmarks = (
        np.concatenate(part) for part in zip(*_candidates(answers, 64, 0.5), strict=True)
    )
    np.testing.assert_allclose(boxes, [[40 - 16, 20 - 24, 40 + 16, 20 + 24]], rtol=1e-6)
    np.testing.assert_allclose(scores, [0.6], rtol=1e-6)
    expected = np.array([[32 + 16 * 0.2 * i, 16 + 16 * (0.2 * i + 0.1)] for i in range(5)])
    np.testing.assert_allclose(landmarks, [expected], rtol=1e-6)


@pytest.mark.parametrize("turn", range(4))
def test_points_are_turned_back(turn):
    image = np.zeros((5, 9), np.uint8)
    image[1, 6] = 1
    (row,), (column,) = np.nonzero(np.rot90(image, turn))
    back = _turned_back(np.array([column + 0.5, row + 0.5]), turn, image.shape)
    np.testing.assert_array_equal(back, [6.5, 1.5])


@pytest.mark.parametrize(
    ("upright", "turned"),
    [
        ("r0", "r90"),
        ("r0", "r180"),
        ("r0", "r270"),
        ("rot_0", "rot_90"),
        ("rot_0", "rot_180"),
        ("rot_0", "rot_270"),
    ],
)
def test_turned_faces_are_found_and_recognised(detector, shared_faces, mobilefacenet_file, upright, turned):
    """The aligned turned face is the aligned upright one: without the search in four directions the similarity is below 0.5."""
    from fiqx_trt.models import load_model

    faces = []
    with load_model("mobilefacenet", threads=1) as recogniser:
        for name in (upright, turned):
            image = read(shared_faces / PHOTOS / f"{name}.jpg")
            found = detector.detect(image)
            assert len(found) == 1
            assert not exchanged(found.landmarks[0])
            faces.append(
                align(image, found.landmarks[0], recogniser.spec.template, recogniser.spec.input_size)
            )
        one, other = recogniser.embed(np.stack(faces))
    assert one @ other > 0.95


@pytest.mark.parametrize("turn", [1, 2, 3])
def test_a_turned_picture_has_the_same_face_turned(detector, astronaut, turn):
    """The landmarks turn with the picture, in the same order, within a hundredth of the distance between the eyes."""
    expected = detector.detect(astronaut)
    found = detector.detect(np.ascontiguousarray(np.rot90(astronaut, turn)))
    assert len(found) == len(expected) == 1
    eyes = np.linalg.norm(expected.landmarks[0, 0] - expected.landmarks[0, 1])
    back = _turned_back(found.landmarks[0].astype(np.float64), turn, astronaut.shape[:2])
    assert np.abs(back - expected.landmarks[0]).max() < 0.01 * eyes
    assert found.confidence[0] == pytest.approx(expected.confidence[0], abs=1e-3)


@pytest.mark.parametrize("name", ["mask.png", "crop_mask.png"])
def test_masked_faces_are_found_upright(detector, shared_faces, name):
    """In another direction they have a higher confidence, and landmarks in the wrong places."""
    (points,) = detector.detect(read(shared_faces / PHOTOS / name)).landmarks
    assert points[0, 0] < points[1, 0]
    assert points[:2, 1].max() < points[3:, 1].min()


@pytest.mark.parametrize(
    ("name", "faces"),
    [
        (f"{PHOTOS}/no_face.png", 0),
        (f"{PHOTOS}/view.jpg", 0),
        ("group-and-masks/mask_black.jpg", 0),
        ("group-and-masks/t1.jpg", 6),
        (f"{PHOTOS}/7242.jpg", 2),
        (f"{PHOTOS}/right_face.png", 1),
        ("amva-example/example_image.jpg", 1),
    ],
)
def test_photos_have_the_faces_one_sees(detector, shared_faces, name, faces):
    assert len(detector.detect(read(shared_faces / name))) == faces


def test_results_have_the_promised_form(detector, astronaut):
    found = detector.detect(astronaut)
    count = len(found)
    assert [found.boxes.shape, found.confidence.shape, found.landmarks.shape] == [
        (count, 4),
        (count,),
        (count, 5, 2),
    ]
    assert {found.boxes.dtype, found.confidence.dtype, found.landmarks.dtype} == {np.dtype(np.float32)}
    assert all(one >= other for one, other in pairwise(found.confidence))
    left_eye, right_eye, nose, left_mouth, right_mouth = found.landmarks[0]
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_mouth[0] < right_mouth[0]
    assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])


def test_a_large_picture_is_searched_in_a_smaller_copy(detector, astronaut):
    small = detector.detect(astronaut)
    large = detector.detect(cv2.resize(astronaut, None, fx=5, fy=5, interpolation=cv2.INTER_CUBIC))
    eyes = np.linalg.norm(small.landmarks[0, 0] - small.landmarks[0, 1])
    assert large.smallest == 10 * 5 * 512 / 640
    assert np.abs(large.landmarks[0] / 5 - small.landmarks[0]).max() < 0.15 * eyes


@pytest.mark.parametrize(
    "shape", [(1003, 1503), (1503, 1003), (640, 400), (641, 700), (3000, 2001), (90, 2999)]
)
def test_a_smaller_copy_shows_what_lies_there(shape):
    """On a ramp, the value of a copy's pixel is that of the place in the picture which it stands for."""
    height, width = shape
    across = np.arange(width) * 200 / width
    down = np.arange(height) * 200 / height
    ramp = np.stack(np.broadcast_arrays(across[None], down[:, None], across[None]), axis=2)
    copy = _copy(np.rint(ramp).astype(np.uint8), 640)
    assert max(copy.pixels.shape) == 640
    rows, columns = copy.pixels.shape[:2]
    x = (np.arange(columns) + 0.5) * copy.factors[0] - 0.5
    y = (np.arange(rows) + 0.5) * copy.factors[1] - 0.5
    assert np.abs(copy.pixels[..., 0] - x[None] * 200 / width).max() < 1.01
    assert np.abs(copy.pixels[..., 1] - y[:, None] * 200 / height).max() < 1.01 + 200 / rows


def test_small_faces_are_found_where_they_are_asked_for(model, astronaut):
    """A face of about 25 pixels in a picture of 4000: a copy of 640 pixels shows 4 of them."""
    wall = np.full((2000, 4000, 3), 90, np.uint8)
    small = cv2.resize(astronaut, (150, 150), interpolation=cv2.INTER_AREA)
    wall[900:1050, 3000:3150] = small
    with Yunet(model=model, threads=1) as plain, Yunet(model=model, threads=1, min_face=16) as keen:
        missed, found = plain.detect(wall), keen.detect(wall)
    assert len(missed) == 0
    assert missed.smallest == 10 * 4000 / 640
    assert len(found) == 1
    assert 3000 < found.landmarks[0, 0, 0] < found.landmarks[0, 1, 0] < 3150
    assert found.smallest == 16


def test_small_boxes_are_left_out_where_large_faces_are_asked_for(model, astronaut):
    with Yunet(model=model, threads=1, min_face=300) as coarse:
        assert len(coarse.detect(astronaut)) == 0
    with Yunet(model=model, threads=1, min_face=60) as fitting:
        assert len(fitting.detect(astronaut)) == 1


def test_the_least_confidence_can_be_chosen(model, astronaut):
    with Yunet(model=model, threads=1, confidence=0.99) as strict:
        assert len(strict.detect(astronaut)) == 0


@pytest.mark.parametrize("shape", [(1, 1), (0, 0), (9, 400), (10, 10), (33, 3000), (3000, 33), (113, 97)])
def test_pictures_of_any_shape_are_searched(detector, shape):
    noise = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    for image in (noise, np.zeros_like(noise), np.full_like(noise, 255), noise[..., 0]):
        assert len(detector.detect(image)) == 0


def test_backends_agree(model, detector, astronaut):
    pytest.importorskip("onnxruntime")
    with Yunet(model=model, threads=1, backend="openvino") as other:
        one, two = detector.detect(astronaut), other.detect(astronaut)
    np.testing.assert_allclose(one.boxes, two.boxes, atol=0.1)
    np.testing.assert_allclose(one.landmarks, two.landmarks, atol=0.1)


def test_the_file_is_that_of_the_table(yunet_file, tmp_path, monkeypatch, astronaut):
    from fiqx_trt.zoo import fetch, models

    monkeypatch.setenv("FIQX_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("FIQX_OFFLINE", "1")
    with pytest.raises(ModelUnavailableError, match="Run `fiqx-trt model fetch yunet`"):
        open_detector("yunet")
    fetch(models()["yunet"], file=yunet_file)
    detector = open_detector("yunet", threads=1, min_face=20, confidence=0.7)
    assert isinstance(detector, Yunet)
    assert len(detector.detect(astronaut)) == 1
    detector.close()
    detector.close()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"min_face": 5},
            r"min_face=5 is below 10 pixels, the smallest face that the detector yunet sees; give .*--min-face",
        ),
        ({"min_face": float("nan")}, "min_face=nan is below 10"),
        ({"confidence": 0}, r"confidence=0 is not between 0 and 1; give one such as 0.6 \(--confidence\)"),
        ({"confidence": 1.5}, "confidence=1.5 is not between"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(InvalidInputError, match=message):
        Yunet(**options)


def test_another_network_is_refused(tmp_path):
    from fiqx_trt.models.export import export_model

    path = tmp_path / "other.onnx"
    export_model("mobilefacenet", path, seed=0)
    with pytest.raises(ModelError, match="the file is not the detector YuNet of 2023: its inputs are"):
        Yunet(model=path.read_bytes())
    with pytest.raises(ModelError, match="the detector yunet is not an ONNX model"):
        Yunet(model=b"nothing")


def test_threads_share_a_detector(model, detector, astronaut):
    """Each has a session of its own, and all give the bits of one."""
    expected = detector.detect(astronaut)
    with Yunet(model=model, threads=3) as shared, ThreadPoolExecutor(3) as pool:
        for found in pool.map(shared.detect, [astronaut] * 9):
            np.testing.assert_array_equal(found.landmarks, expected.landmarks)
            np.testing.assert_array_equal(found.boxes, expected.boxes)
