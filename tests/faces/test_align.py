"""Alignment against float64 least squares, exact transforms and pictures with marks at the landmarks."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import least_squares

from faces.pictures import scene
from fiqx_trt.errors import InvalidInputError
from fiqx_trt.faces.align import TEMPLATES, Template, align, exchanged, similarity, template_by_name

coordinate = st.floats(-500, 500, allow_nan=False)
clouds = st.lists(st.tuples(coordinate, coordinate), min_size=2, max_size=8)


def _matrix(scale: float, angle: float, shift: tuple[float, float]) -> np.ndarray:
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    return np.array([[c, -s, shift[0]], [s, c, shift[1]]])


def _apply(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    return points @ matrix[:, :2].T + matrix[:, 2]


def _umeyama(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Umeyama's Eq. 40-43 by the singular value decomposition."""
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    x, y = source - source_mean, target - target_mean
    U, D, Vt = np.linalg.svd(y.T @ x / len(x))
    S = np.diag([1.0, np.sign(np.linalg.det(U) * np.linalg.det(Vt))])
    R = U @ S @ Vt
    scale = np.trace(np.diag(D) @ S) / (x**2).sum(axis=1).mean()
    return np.hstack([scale * R, (target_mean - scale * R @ source_mean)[:, None]])


@given(clouds, st.floats(1e-3, 1e3), st.floats(-np.pi, np.pi), st.tuples(coordinate, coordinate))
def test_a_known_transform_is_recovered(
    cloud: list[tuple[float, float]], scale: float, angle: float, shift: tuple[float, float]
) -> None:
    points = np.array(cloud)
    if np.ptp(points, axis=0).max() < 1e-3:
        return
    wanted = _matrix(scale, angle, shift)
    found = similarity(points, _apply(wanted, points))
    size = 1 + np.abs(points).max()
    assert np.abs(_apply(found, points) - _apply(wanted, points)).max() <= 1e-9 * (size * scale + 1e3)


@given(st.integers(0, 2**32 - 1), st.integers(3, 9))
def test_it_is_umeyamas_solution_and_the_least_squares_optimum(seed: int, count: int) -> None:
    random = np.random.default_rng(seed)
    source, target = random.normal(0, 30, (2, count, 2))
    found = similarity(source, target)
    assert np.allclose(found, _umeyama(source, target), atol=1e-9)
    # The same without a rotation matrix: least squares over a, b, tx, ty.
    rows = np.zeros((2 * count, 4))
    rows[0::2] = np.c_[source[:, 0], -source[:, 1], np.ones(count), np.zeros(count)]
    rows[1::2] = np.c_[source[:, 1], source[:, 0], np.zeros(count), np.ones(count)]
    a, b, tx, ty = np.linalg.lstsq(rows, target.ravel(), rcond=None)[0]
    assert np.allclose(found, [[a, -b, tx], [b, a, ty]], atol=1e-8)


def test_no_better_transform_is_found_by_search() -> None:
    random = np.random.default_rng(3)
    source, target = random.normal(0, 20, (2, 5, 2))

    def residual(p: np.ndarray) -> np.ndarray:
        return (_apply(_matrix(p[0], p[1], (p[2], p[3])), source) - target).ravel()

    best = min(least_squares(residual, [1, angle, 0, 0]).cost for angle in (-2.0, 0.0, 2.0))
    ours = ((_apply(similarity(source, target), source) - target) ** 2).sum() / 2
    assert ours == pytest.approx(best, rel=1e-9)


@pytest.mark.parametrize("degrees", range(0, 360, 30))
@pytest.mark.parametrize("narrow", [1.0, 0.5, 0.1])
def test_exchanged_sides_are_told_at_every_angle_unless_it_is_a_profile(degrees: int, narrow: float) -> None:
    points = TEMPLATES["arcface"].scaled((112, 112)) * (narrow, 1)
    moved = _apply(_matrix(0.7, np.deg2rad(degrees), (30, -5)), points)
    sides = [1, 0, 2, 4, 3]
    assert not exchanged(moved)
    assert exchanged(moved[sides]) == (narrow > 0.3)
    assert exchanged(np.stack([moved, moved[sides]])).tolist() == [False, narrow > 0.3]
    assert not exchanged(np.full((5, 2), np.nan))


def test_a_mirrored_face_is_not_mirrored_back() -> None:
    points = TEMPLATES["arcface"].scaled((112, 112))
    mirrored = points * (-1, 1) + (112, 0)
    assert np.linalg.det(similarity(mirrored, points)[:, :2]) > 0


@pytest.mark.parametrize(
    ("source", "target", "text"),
    [
        ([[1, 1]] * 5, [[0, 0], [1, 0], [0, 1], [1, 1], [2, 2]], "the points coincide"),
        (
            [[0, 0], [1, 1]],
            [[0, np.nan], [1, 1]],
            r"finite points within 1e\+12; one is NaN, infinite or beyond",
        ),
        ([[np.inf, 0], [1, 1]], [[0, 0], [1, 1]], "finite points"),
        ([[0, 0], [1, 1], [2, 2]], [[0, 0], [1, 1]], r"not \(3, 2\) and \(2, 2\)"),
        ([[0, 0]], [[0, 0]], r"n >= 2 points \(n, 2\), not \(1, 2\)"),
        ([[0, 0, 0]] * 5, [[0, 0, 0]] * 5, r"not \(5, 3\)"),
        ([[0, 0], [1, 0]], [[3, 3], [3, 3]], "no best rotation: every angle fits them equally"),
        ([[1, 0], [-1, 0], [0, 1], [0, -1]], [[1, 0], [-1, 0], [0, -1], [0, 1]], "no best rotation"),
    ],
)
def test_degenerate_points(source: list[list[float]], target: list[list[float]], text: str) -> None:
    with pytest.raises(InvalidInputError, match=text):
        similarity(source, target)


# --- templates -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=lambda template: template.name)
def test_templates_are_faces(template: Template) -> None:
    points = template.scaled(template.size)
    height, width = template.size
    assert np.array_equal(points, template.points)
    assert (points > 0).all()
    assert (points < (width, height)).all()
    left_eye, right_eye, nose, left_mouth, right_mouth = points
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_mouth[0] < right_mouth[0]
    assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])
    assert np.allclose(template.scaled((2 * height, 2 * width)), 2 * points)
    wide = template.scaled((2 * height, 3 * width))  # the middle of a face three times as large
    assert np.allclose(wide, 3 * points - (0, height / 2))
    assert template_by_name(template.name) is template


def test_a_narrow_face_is_cut_from_the_square_one_not_squeezed() -> None:
    """The SphereFace family's 112×96: the ArcFace points, 8 px further left."""
    square, narrow = (TEMPLATES["arcface"].scaled(size) for size in ((112, 112), (112, 96)))
    assert np.array_equal(narrow, square - (8, 0))
    assert np.hypot(*(narrow[1] - narrow[0])) == pytest.approx(35.2, abs=0.05)
    picture = scene(300, 300)
    landmarks = square * 1.7 + (40.0, 30.0)
    wide, cut = (align(picture, landmarks, "arcface", size) for size in ((112, 112), (112, 96)))
    assert np.abs(cut.astype(int) - wide[:, 8:-8]).max() <= 2  # OpenCV interpolates in steps of 1/32 px


def test_an_unknown_template_names_the_known_ones() -> None:
    with pytest.raises(
        InvalidInputError, match="no alignment template named 'insight'; known are arcface, dlib, facenet"
    ):
        template_by_name("insight")


# --- pictures ------------------------------------------------------------------------------------------


def _face_picture(
    matrix: np.ndarray, template: Template, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """A picture with a soft white dot at each landmark of a face that `matrix` placed there."""
    landmarks = _apply(matrix, template.scaled(template.size))
    rows, columns = np.mgrid[: size[0], : size[1]]
    radius = 3 * np.hypot(matrix[0, 0], matrix[1, 0])
    picture = np.zeros(size)
    for x, y in landmarks:
        picture = np.maximum(picture, np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * radius**2)))
    return np.repeat((255 * picture)[:, :, None], 3, axis=2).astype(np.uint8), landmarks


def _dots(face: np.ndarray, template: Template) -> np.ndarray:
    """Centre of the light around each point of the template."""
    found = []
    reach = 8 * face.shape[0] // template.size[0]
    side = 2 * reach + 1
    for x, y in template.scaled(face.shape[:2]):
        x0, y0 = round(x) - reach, round(y) - reach
        window = face[y0 : y0 + side, x0 : x0 + side, 0].astype(float)
        rows, columns = np.mgrid[:side, :side]
        found.append(
            ((window * columns).sum() / window.sum() + x0, (window * rows).sum() / window.sum() + y0)
        )
    return np.array(found)


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=lambda template: template.name)
@pytest.mark.parametrize("scale", [0.6, 1.0, 1.9, 2.5, 5.3])
def test_landmarks_land_on_the_template(template: Template, scale: float) -> None:
    matrix = _matrix(scale, 0.4, (60.0 + 50 * scale, 30.0))
    picture, landmarks = _face_picture(matrix, template, (int(260 * scale) + 60, int(260 * scale) + 100))
    face = align(picture, landmarks, template)
    assert face.shape == (*template.size, 3)
    assert face.dtype == np.uint8
    assert face.flags.c_contiguous
    assert np.abs(_dots(face, template) - template.points).max() < 0.15


def test_an_aligned_face_is_left_as_it_is() -> None:
    face = scene(112, 112)
    assert np.array_equal(align(face, TEMPLATES["arcface"].points, "arcface"), face)


def test_another_size_scales_the_points() -> None:
    template = TEMPLATES["arcface"]
    picture, landmarks = _face_picture(_matrix(1.5, -0.2, (80.0, 90.0)), template, (320, 320))
    face = align(picture, landmarks, template, (224, 224))
    assert face.shape == (224, 224, 3)
    assert np.abs(_dots(face, template) - template.scaled((224, 224))).max() < 0.2


def test_small_faces_are_plain_bilinear_interpolation() -> None:
    picture = scene(200, 200)
    landmarks = _apply(_matrix(1.3, 0.1, (20.0, 10.0)), TEMPLATES["arcface"].scaled((112, 112)))
    matrix = similarity(landmarks, TEMPLATES["arcface"].points)
    plain = cv2.warpAffine(picture, matrix, (112, 112), flags=cv2.INTER_LINEAR)
    difference = np.abs(align(picture, landmarks, "arcface").astype(int) - plain)
    assert difference.max() <= 2  # the cut moves the origin, which warpAffine rounds to 1/32 px


def test_fine_texture_of_a_large_face_becomes_grey_not_noise() -> None:
    checkers = (np.indices((1200, 1200)).sum(axis=0) % 2 * 255).astype(np.uint8)
    picture = np.repeat(checkers[:, :, None], 3, axis=2)
    landmarks = _apply(_matrix(8.0, 0.3, (200.0, 20.0)), TEMPLATES["arcface"].scaled((112, 112)))
    face = align(picture, landmarks, "arcface")[30:80, 30:80]
    plain = cv2.warpAffine(picture, similarity(landmarks, TEMPLATES["arcface"].points), (112, 112))[
        30:80, 30:80
    ]
    assert plain.std() > 20
    assert face.std() < 1
    assert abs(face.mean() - 127.5) < 2


def test_what_lies_outside_the_picture_is_black() -> None:
    picture = np.full((100, 100, 3), 200, np.uint8)
    for scale in (0.5, 3.0):
        landmarks = _apply(
            _matrix(scale, 0.0, (-20.0 * scale, -20.0 * scale)), TEMPLATES["arcface"].scaled((112, 112))
        )
        face = align(picture, landmarks, "arcface")
        assert (face[:19] == 0).all()
        assert (face[:, :19] == 0).all()
        assert (face[22:40, 22:40] == 200).all()


def test_a_picture_wider_than_opencv_warps() -> None:
    picture = np.full((300, 40_000, 3), 90, np.uint8)
    landmarks = _apply(_matrix(2.0, 0.0, (39_000.0, 20.0)), TEMPLATES["arcface"].scaled((112, 112)))
    assert (align(picture, landmarks, "arcface") == 90).all()


@pytest.mark.parametrize("shift", [(-1e4, 0.0), (1e4, 0.0), (0.0, 1e9), (-1e300, 0.0)])
def test_a_face_outside_the_picture_is_an_error(shift: tuple[float, float]) -> None:
    landmarks = TEMPLATES["arcface"].scaled((112, 112)) + shift
    with pytest.raises(
        InvalidInputError, match=r"the face outside the picture of 100 x 90 px|finite points within"
    ):
        align(np.zeros((90, 100, 3), np.uint8), landmarks, "arcface")


def test_only_rgb_pictures_are_aligned() -> None:
    for image in (np.zeros((9, 9), np.uint8), np.zeros((9, 9, 4), np.uint8), np.zeros((9, 9, 3), np.float32)):
        with pytest.raises(InvalidInputError, match=r"align wants an image \(H, W, 3\) uint8, not"):
            align(image, TEMPLATES["arcface"].points, "arcface")
