"""Detection: real photos against dlib's detector and landmarks, laws of MTCNN, odd pictures, errors."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from fiqx_trt.errors import BackendUnavailableError, DependencyError, InvalidInputError
from fiqx_trt.faces.detect import Detections, check_image, open_detector
from fiqx_trt.faces.mtcnn import Mtcnn, _searched
from fiqx_trt.onnx_export.architectures.dlib_resnet import find_weights

SAME_FACE = 0.4  # least overlap of the boxes of two detectors that draw boxes of different extent
PHOTOS = "pose-mask-expression"


@pytest.fixture(scope="module")
def detector():
    try:
        opened = Mtcnn()
    except DependencyError as error:
        pytest.skip(str(error))
    with opened:
        yield opened


@pytest.fixture(scope="module")
def photo(shared_faces) -> NDArray[np.uint8]:
    return read(shared_faces / PHOTOS / "1996.jpg")


def read(path: Path) -> NDArray[np.uint8]:
    return cv2.imread(str(path))[..., ::-1].copy()


def overlap(a, b) -> float:
    common = np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None).prod()
    return common / ((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - common)


def assert_same(one: Detections, other: Detections, *, pixels: float, sure: float = 0.02) -> None:
    assert len(one) == len(other)
    np.testing.assert_allclose(one.boxes, other.boxes, atol=pixels)
    np.testing.assert_allclose(one.landmarks, other.landmarks, atol=pixels)
    np.testing.assert_allclose(one.confidence, other.confidence, atol=sure)


def test_faces_and_landmarks_agree_with_dlib(detector, shared_faces):
    """dlib finds faces by histograms of gradients and landmarks by regression trees: nothing like MTCNN.

    Its 68 landmarks give both eyes' centres, the tip of the nose and the corners of the mouth. Profiles and
    mouths behind masks have no right answer, so single photos may differ; nearly all must not.
    """
    dlib = pytest.importorskip("dlib")
    find = dlib.get_frontal_face_detector()
    mark = dlib.shape_predictor(str(find_weights().with_name("shape_predictor_68_face_landmarks.dat")))
    overlaps, errors = [], []
    for path in sorted((shared_faces / PHOTOS).iterdir()):
        image = read(path)
        image = cv2.resize(image, None, fx=500 / max(image.shape), fy=500 / max(image.shape))
        theirs, ours = find(image), detector.detect(image)
        if len(theirs) != 1 or len(ours) != 1:
            continue
        box = np.array([theirs[0].left(), theirs[0].top(), theirs[0].right(), theirs[0].bottom()], float)
        points = np.array([(point.x, point.y) for point in mark(image, theirs[0]).parts()], float)
        eyes = points[36:42].mean(axis=0), points[42:48].mean(axis=0)
        expected = np.stack([*eyes, points[30], points[48], points[54]])
        distance = np.linalg.norm(eyes[0] - eyes[1])
        overlaps.append(overlap(ours.boxes[0], box))
        errors.append(np.linalg.norm(ours.landmarks[0] - expected, axis=1).mean() / distance)
    assert len(overlaps) >= 30
    assert np.mean(np.array(overlaps) >= SAME_FACE) >= 0.95
    assert np.median(overlaps) >= 0.6
    assert np.mean(np.array(errors) < 0.15) >= 0.95
    assert np.median(errors) < 0.08


@pytest.mark.parametrize(
    ("name", "faces"),
    [
        (f"{PHOTOS}/no_face.png", 0),
        (f"{PHOTOS}/view.jpg", 0),
        (f"{PHOTOS}/rot_0.jpg", 1),
        (f"{PHOTOS}/mask.png", 1),
        (f"{PHOTOS}/right_face.png", 1),
        (f"{PHOTOS}/7242.jpg", 2),
        ("ser-fiq/test_img.jpeg", 1),
        ("ser-fiq/test_img2.jpeg", 1),
        ("plq-aligned/cap.png", 1),
        ("amva-example/example_image.jpg", 1),
    ],
)
def test_photos_have_the_faces_one_sees(detector, shared_faces, name, faces):
    assert len(detector.detect(read(shared_faces / name))) == faces


@pytest.mark.parametrize("name", ["r90", "r180", "r270", "rot_90", "rot_180", "rot_270"])
def test_faces_on_their_side_or_head_are_missed_or_doubtful(detector, shared_faces, name):
    assert (detector.detect(read(shared_faces / PHOTOS / f"{name}.jpg")).confidence < 0.95).all()


def test_group_photo_has_its_six_people(detector, shared_faces):
    found = detector.detect(read(shared_faces / "group-and-masks" / "t1.jpg"))
    assert len(found) == 6


def test_results_have_the_promised_form(detector, shared_faces):
    image = read(shared_faces / "group-and-masks" / "t1.jpg")
    found = detector.detect(image)
    count = len(found)
    assert [found.boxes.shape, found.confidence.shape, found.landmarks.shape] == [
        (count, 4),
        (count,),
        (count, 5, 2),
    ]
    assert {found.boxes.dtype, found.confidence.dtype, found.landmarks.dtype} == {np.dtype(np.float32)}
    assert (np.diff(found.confidence) <= 0).all()
    assert (found.boxes[:, :2] >= 0).all()
    assert (found.boxes[:, 2:] <= [image.shape[1], image.shape[0]]).all()
    assert (found.boxes[:, 2:] > found.boxes[:, :2]).all()


def test_landmarks_come_in_the_promised_order(detector, photo):
    (points,) = detector.detect(photo).landmarks
    left_eye, right_eye, nose, left_mouth, right_mouth = points
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_mouth[0] < right_mouth[0]
    assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])


def test_the_same_picture_gives_the_same_bits(detector, photo):
    one, other = detector.detect(photo), detector.detect(photo.copy())
    for first, second in zip(vars(one).values(), vars(other).values(), strict=True):
        np.testing.assert_array_equal(first, second)


def test_threads_share_a_detector(detector, photo):
    expected = detector.detect(photo)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(detector.detect, [photo] * 4):
            np.testing.assert_array_equal(found.landmarks, expected.landmarks)


def test_a_mirrored_picture_gives_mirrored_faces(detector, photo):
    (expected,) = detector.detect(photo).landmarks
    (found,) = detector.detect(np.ascontiguousarray(photo[:, ::-1])).landmarks
    mirrored = (found * [-1, 1] + [photo.shape[1], 0])[[1, 0, 2, 4, 3]]
    eyes = np.linalg.norm(expected[0] - expected[1])
    assert np.abs(mirrored - expected).max() < 0.15 * eyes


def test_a_huge_picture_is_searched_in_a_smaller_copy(detector, photo):
    small = detector.detect(photo)
    huge = detector.detect(cv2.resize(photo, None, fx=9, fy=9, interpolation=cv2.INTER_CUBIC))
    eyes = np.linalg.norm(small.landmarks[0, 0] - small.landmarks[0, 1])
    assert len(huge) == 1
    assert np.abs(huge.landmarks / 9 - small.landmarks).max() < 0.1 * eyes
    assert overlap(huge.boxes[0] / 9, small.boxes[0]) > 0.8


@pytest.mark.parametrize(
    ("shape", "least", "seen"),
    [((400, 500), 20.0, (400, 500)), ((2000, 3000), 80.0, (1200, 1800)), ((2000, 3000), 20.0, (2000, 3000))],
)
def test_a_copy_shows_the_smallest_face_in_48_pixels(shape, least, seen):
    assert _searched(np.zeros((*shape, 3), np.uint8), least).shape == (*seen, 3)


def test_grey_pictures_are_searched(detector, photo):
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    found = detector.detect(grey)
    assert len(found) == 1
    assert_same(found, detector.detect(grey[:, :, None]), pixels=0)
    assert_same(found, detector.detect(np.dstack([grey] * 3)), pixels=0)


@pytest.mark.parametrize(
    "shape", [(1, 1), (0, 0), (12, 12), (19, 400), (20, 20), (21, 3000), (3000, 21), (113, 97)]
)
def test_pictures_of_any_shape_are_searched(detector, shape):
    noise = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    for image in (noise, np.zeros_like(noise), np.full_like(noise, 255)):
        found = detector.detect(image)
        assert found.landmarks.shape == (len(found), 5, 2)
        assert len(found) <= 1


def test_a_face_in_a_banner_is_found(detector, photo):
    banner = np.full((photo.shape[0], 9000, 3), 90, np.uint8)
    banner[:, 7000 : 7000 + photo.shape[1]] = photo
    (expected,) = detector.detect(photo).landmarks
    surest = detector.detect(banner).landmarks[0]
    assert np.abs(surest - [7000, 0] - expected).max() < 0.1 * np.linalg.norm(expected[0] - expected[1])


def test_the_smallest_face_can_be_chosen(photo):
    with Mtcnn(min_face=400) as coarse:
        assert len(coarse.detect(photo)) == 0
    with Mtcnn(min_face=100) as fitting:
        assert len(fitting.detect(photo)) == 1


def test_opening_by_name_imports_neither_mtcnn_nor_tensorflow(photo):
    detector = open_detector("mtcnn", min_face=60)
    assert isinstance(detector, Mtcnn)
    detector.close()
    detector.close()
    assert "mtcnn" not in sys.modules
    assert "tensorflow" not in sys.modules


def test_unknown_detector_is_refused():
    with pytest.raises(
        InvalidInputError, match="no detector is called 'haar'; there are mtcnn, yunet and landmarks:FILE"
    ):
        open_detector("haar")


def test_a_backend_is_refused():
    with pytest.raises(
        BackendUnavailableError, match=r"mtcnn runs on kernels .* not on the backend 'openvino'; leave"
    ):
        open_detector(backend="openvino")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_face": 5}, "min_face=5 is below 12 pixels, the window of the detector; give at least 12"),
        ({"min_face": float("nan")}, "min_face=nan is below 12"),
        ({"thresholds": (0.5, 0.5)}, r"thresholds=\(0.5, 0.5\) are not three numbers between 0 and 1"),
        ({"thresholds": (0.5, 0.5, 1)}, r"thresholds=\(0.5, 0.5, 1\) are not three numbers"),
        ({"confidence": 1}, r"confidence=1 is not between 0 and 1; give one such as 0.6 \(--confidence\)"),
        ({"factor": 1.0}, "factor=1.0 is not between 0.1 and 0.95"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(InvalidInputError, match=message):
        Mtcnn(**options)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((8, 8, 3)), r"takes a uint8 RGB picture \(H, W, 3\); got an array of float64"),
        ([[1]], r"takes a uint8 RGB picture \(H, W, 3\); got list"),
        (np.zeros((2, 8, 8, 3), np.uint8), r"one RGB picture .*; got shape \(2, 8, 8, 3\)"),
        (np.zeros((8, 8, 4), np.uint8), r"one RGB picture .*; got shape \(8, 8, 4\)"),
    ],
)
def test_what_is_no_picture_is_refused(image, message):
    with pytest.raises(InvalidInputError, match=message):
        check_image(image)
