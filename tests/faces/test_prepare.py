"""One source to its records: which pictures are crops, which are searched, and what each bad one says."""

from __future__ import annotations

import logging
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from faces.pictures import encode, png, scene
from fiqx_trt.errors import (
    BackendUnavailableError,
    DependencyError,
    FiqxError,
    InferenceError,
    InvalidInputError,
    ModelError,
)
from fiqx_trt.faces import detect, prepare
from fiqx_trt.faces.align import TEMPLATES, align
from fiqx_trt.faces.detect import Detections
from fiqx_trt.faces.prepare import MIN_FACE, STATUSES, FacePreparer, FaceRecord
from fiqx_trt.faces.sources import Source

SIZE = (112, 112)
ARCFACE = TEMPLATES["arcface"].scaled(SIZE)


@dataclass(frozen=True)
class Memory:
    """A source whose bytes are here."""

    data: bytes
    path: str = "x.png"

    def read(self) -> bytes:
        return self.data


class Fake:
    """A detector that finds what it is told."""

    def __init__(self, *faces: tuple[float, float, float], error: BaseException | None = None) -> None:
        self.faces = faces  # x0, y0, side
        self.error = error
        self.seen: list[tuple[int, ...]] = []
        self.closed = False

    def detect(self, image: np.ndarray) -> Detections:
        self.seen.append(image.shape)
        if self.error:
            raise self.error
        count = len(self.faces)
        corner = np.array([face[:2] for face in self.faces], np.float32).reshape(count, 2)
        side = np.array([face[2] for face in self.faces], np.float32).reshape(count, 1)
        landmarks = corner[:, None] + ARCFACE[None].astype(np.float32) / 112 * side[:, None]
        confidence = np.linspace(0.99, 0.7, count, dtype=np.float32)
        return Detections(np.hstack([corner, corner + side]), confidence, landmarks)

    def close(self) -> None:
        self.closed = True


def picture(height: int = 300, width: int = 400) -> Memory:
    return Memory(encode(scene(height, width), ".png"))


def only(records: list[FaceRecord]) -> FaceRecord:
    assert len(records) == 1
    record = records[0]
    assert record.status in STATUSES
    assert (record.image is None) == (record.status != "ok")
    assert bool(record.error) == (record.status != "ok")
    assert "\n" not in record.error
    return record


# --- crops ---------------------------------------------------------------------------------------------


def test_a_picture_of_the_models_size_is_a_crop_where_nothing_is_searched() -> None:
    image = scene(112, 112)
    for options in ({"aligned": True}, {"detector": None}, {"detector": None, "aligned": True}):
        record = only(FacePreparer(SIZE, "arcface", **options)(Memory(encode(image, ".png"))))
        assert (record.status, record.face, record.faces, record.path) == ("ok", 0, 1, "x.png")
        assert np.array_equal(record.image, image)
        assert record.box is record.confidence is record.landmarks is None


@pytest.mark.parametrize("side", [100, 112, 124])
def test_faces_are_searched_for_whatever_the_size(side: int, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = Fake((0, 0, side))
    monkeypatch.setattr(detect, "open_detector", lambda **_: fake)
    data = Memory(encode(scene(side, side), ".png"))
    for options in ({}, {"detector": "auto"}, {"detector": fake}):
        record = only(FacePreparer(SIZE, "arcface", **options)(data))
        assert record.confidence == pytest.approx(0.99)
        assert record.landmarks is not None
    assert fake.seen == [(side, side, 3)] * 3


def test_the_size_that_counts_is_the_upright_one() -> None:
    from faces.pictures import with_exif

    lying = with_exif(encode(scene(96, 112), ".jpg"), 6)
    record = only(FacePreparer((112, 96), "arcface", detector=None)(Memory(lying)))
    assert record.image.shape == (112, 96, 3)


@pytest.mark.parametrize(
    ("size", "way"),
    [((224, 224), cv2.INTER_AREA), ((56, 56), cv2.INTER_LINEAR), ((300, 300), cv2.INTER_AREA)],
)
def test_aligned_pictures_are_resized(size: tuple[int, int], way: int) -> None:
    image = scene(*size)
    record = only(FacePreparer(SIZE, "arcface", aligned=True)(Memory(encode(image, ".png"))))
    assert np.array_equal(record.image, cv2.resize(image, (112, 112), interpolation=way))
    assert (record.face, record.faces) == (0, 1)


@pytest.mark.parametrize("factor", [1, 2])
def test_aligned_crops_of_the_templates_shape_are_cut_for_a_narrow_model(
    factor: int, caplog: pytest.LogCaptureFixture
) -> None:
    """A 112×112 crop holds the 112×96 one in its middle; squeezing would move the eyes from 35.2 to 30.2 px apart."""
    image = scene(112 * factor, 112 * factor)
    record = only(FacePreparer((112, 96), "arcface", aligned=True)(Memory(encode(image, ".png"))))
    middle = image[:, 8 * factor : -8 * factor]
    assert np.array_equal(record.image, cv2.resize(middle, (96, 112), interpolation=cv2.INTER_AREA))
    assert not caplog.messages


def test_stretching_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    preparer = FacePreparer(SIZE, "arcface", aligned=True)
    with caplog.at_level(logging.WARNING):
        preparer(Memory(encode(scene(224, 222), ".png")))
        assert not caplog.messages
        for _ in range(3):
            preparer(Memory(encode(scene(218, 178), ".png")))
    assert len(caplog.messages) == 1
    assert "aligned pictures of 178 x 218 px are stretched to the model's 112 x 112 px" in caplog.messages[0]


# --- detection -----------------------------------------------------------------------------------------


def test_a_found_face_is_aligned_and_described() -> None:
    source = picture()
    record = only(FacePreparer(SIZE, "arcface", detector=Fake((50, 40, 150)))(source))
    assert (record.status, record.face, record.faces) == ("ok", 0, 1)
    assert record.box.tolist() == [50, 40, 200, 190]
    assert np.allclose(record.landmarks, ARCFACE / 112 * 150 + (50, 40), atol=1e-3)
    assert np.array_equal(record.image, align(scene(300, 400), record.landmarks, "arcface", SIZE))
    assert isinstance(record.confidence, float)


def test_the_largest_all_or_a_single_face() -> None:
    faces = [(0, 0, 60), (100, 50, 200), (310, 10, 80)]
    record = only(FacePreparer(SIZE, "arcface", detector=Fake(*faces))(picture()))
    assert (record.faces, record.face, record.box.tolist()) == (3, 0, [100, 50, 300, 250])
    records = FacePreparer(SIZE, "arcface", detector=Fake(*faces), select="all")(picture())
    assert [(r.face, r.faces, float(r.box[0])) for r in records] == [(0, 3, 100), (1, 3, 310), (2, 3, 0)]
    assert [r.confidence for r in records] == pytest.approx([0.845, 0.7, 0.99])
    record = only(FacePreparer(SIZE, "arcface", detector=Fake(*faces), select="single")(picture()))
    assert (record.status, record.faces) == ("several_faces", 3)
    assert record.error == "3 faces found where one is wanted"
    assert record.box is None
    record = only(FacePreparer(SIZE, "arcface", detector=Fake(faces[0]), select="single")(picture()))
    assert record.status == "ok"


def test_equal_faces_keep_the_detectors_order() -> None:
    records = FacePreparer(SIZE, "arcface", detector=Fake((200, 0, 50), (10, 0, 50)), select="all")(picture())
    assert [float(record.box[0]) for record in records] == [200, 10]


def test_no_face() -> None:
    record = only(FacePreparer(SIZE, "arcface", detector=Fake())(picture()))
    assert (record.status, record.error, record.faces) == ("no_face", "no face found", 0)


def test_small_faces() -> None:
    preparer = FacePreparer(SIZE, "arcface", detector=Fake((0, 0, 15), (100, 100, 60)), select="all")
    good, small = preparer(picture())
    assert good.status == "ok"
    assert (small.status, small.face, small.faces, small.image) == ("too_small", 1, 2, None)
    assert small.error == "a face of 15 x 15 px; the shorter side must have at least 16 px"
    preparer = FacePreparer(SIZE, "arcface", detector=Fake((0, 0, 15)), min_face=15)
    assert only(preparer(picture())).status == "ok"


def test_landmarks_that_are_no_face() -> None:
    class Broken(Fake):
        def __init__(self, landmarks: float) -> None:
            super().__init__((10, 10, 50))
            self.landmarks = landmarks

        def detect(self, image: np.ndarray) -> Detections:
            found = super().detect(image)
            return Detections(found.boxes, found.confidence, np.full((1, 5, 2), self.landmarks, np.float32))

    for value, status, text in (
        (7.0, "no_face", "the landmarks are not a face: the points coincide"),
        (1e20, "no_face", "the landmarks are not a face: similarity wants finite points within"),
        (np.nan, "not_finite", "the face's landmarks are not ten finite numbers"),
    ):
        record = only(FacePreparer(SIZE, "arcface", detector=Broken(value))(picture()))
        assert record.status == status
        assert record.error.startswith(text)


def test_without_a_detector_another_size_is_unsupported() -> None:
    record = only(FacePreparer(SIZE, "arcface", detector=None)(picture()))
    assert record.status == "unsupported"
    assert record.error.startswith(
        "a picture of 400 x 300 px where the model takes 112 x 112, and no detector"
    )


def test_the_default_detector_is_opened_once_and_only_when_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    fake, opened = Fake((50, 40, 150)), []

    def open_detector(*, threads: int | None = None) -> Fake:
        opened.append(threads)
        return fake

    monkeypatch.setattr(detect, "open_detector", open_detector)
    with FacePreparer(SIZE, "arcface", threads=3) as preparer:
        preparer(Memory(b"broken"))
        assert opened == []
        threads = [threading.Thread(target=preparer, args=(picture(),)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert opened == [3]
        assert len(fake.seen) == 4
        assert not fake.closed
    assert fake.closed
    given = Fake()
    with FacePreparer(SIZE, "arcface", detector=given):
        pass
    assert not given.closed


@pytest.mark.parametrize("kind", [DependencyError, BackendUnavailableError, ModelError])
def test_a_detector_that_cannot_be_opened_ends_the_run(
    kind: type[FiqxError], monkeypatch: pytest.MonkeyPatch
) -> None:
    def open_detector(**_: Any) -> Fake:
        raise kind("the package mtcnn is missing")

    monkeypatch.setattr(detect, "open_detector", open_detector)
    with pytest.raises(kind, match="the package mtcnn is missing"):
        FacePreparer(SIZE, "arcface")(picture())


# --- bad pictures --------------------------------------------------------------------------------------

BAD = {
    "empty": (b"", "decode_error", "the file is empty (0 bytes)"),
    "text": (b"<html>404</html>", "decode_error", "not a picture: 16 bytes"),
    "truncated": (encode(scene(200, 200), ".jpg")[:-99], "decode_error", "a truncated JPEG"),
    "one pixel": (
        encode(scene(1, 1), ".png"),
        "too_small",
        "a picture of 1 x 1 px; the shorter side of a face",
    ),
    "thin": (encode(scene(15, 500), ".png"), "too_small", "a picture of 500 x 15 px; the shorter side"),
    "bomb": (
        png(30_000, 30_000),
        "unsupported",
        "a PNG of 30000 x 30000 px: more than the limit of 100,000,000",
    ),
    "cut heic": (b"\0\0\0\x18ftypheic", "decode_error", "a file of HEIC that announces no picture"),
    "jxl": (b"\xff\x0a" + bytes(50), "unsupported", "this is JPEG XL, a format that is not read; convert"),
}


@pytest.mark.parametrize("name", sorted(BAD))
@pytest.mark.parametrize("options", [{"aligned": True}, {"detector": Fake((0, 0, 50))}])
def test_bad_pictures_are_rows(name: str, options: dict[str, Any]) -> None:
    data, status, text = BAD[name]
    record = only(FacePreparer(SIZE, "arcface", **options)(Memory(data)))
    assert record.status == status
    assert record.error.startswith(text)
    assert (record.face, record.faces) == (0, 0)


def test_thirty_thousand_wide_is_a_row_or_a_face() -> None:
    wide = Memory(encode(np.zeros((100, 30_000, 3), np.uint8), ".png"))
    assert only(FacePreparer(SIZE, "arcface", detector=Fake())(wide)).status == "no_face"
    assert only(FacePreparer(SIZE, "arcface", detector=Fake((29_000, 10, 80)))(wide)).status == "ok"
    assert only(FacePreparer(SIZE, "arcface", aligned=True)(wide)).status == "ok"


def test_missing_files_are_rows() -> None:
    record = only(FacePreparer(SIZE, "arcface")(Source("missing.jpg")))
    assert (record.path, record.status, record.error) == ("missing.jpg", "decode_error", "no such file")


def test_an_unexpected_error_is_a_row_and_leaves_its_trace_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    for error in (InferenceError("out of\nmemory"), RuntimeError("a bug"), KeyError("x")):
        caplog.clear()
        with caplog.at_level(logging.DEBUG):
            record = only(FacePreparer(SIZE, "arcface", detector=Fake(error=error))(picture()))
        assert record.status == "decode_error"
        assert record.error.startswith(f"unexpected {type(error).__name__}: ")
        assert caplog.records[0].exc_info[1] is error


@pytest.mark.parametrize("error", [MemoryError(), KeyboardInterrupt()])
def test_no_memory_and_interrupts_are_not_rows(error: BaseException) -> None:
    with pytest.raises(type(error)):
        FacePreparer(SIZE, "arcface", detector=Fake(error=error))(picture())


def test_large_pictures_are_in_memory_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare, "_LARGE", 1000)
    now, most, guard = [0], [0], threading.Lock()

    class Slow(Fake):
        def detect(self, image: np.ndarray) -> Detections:
            with guard:
                now[0] += 1
                most[0] = max(most[0], now[0])
            threading.Event().wait(0.02)
            with guard:
                now[0] -= 1
            return super().detect(image)

    preparer = FacePreparer(SIZE, "arcface", detector=Slow())
    threads = [threading.Thread(target=preparer, args=(picture(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"select": "best"}, "select is one of largest, all, single, not 'best'"),
        ({"detector": "mtcnn"}, "detector is \"auto\", None or a detector, not 'mtcnn'"),
        (
            {"detector": Fake(), "aligned": True},
            "aligned pictures are not searched for faces: give no detector",
        ),
        ({"min_face": 0}, "min_face is at least 1 pixel, not 0"),
        ({"size": (0, 112)}, r"size is \(height, width\) in pixels, not \(0, 112\)"),
        ({"template": "nose"}, "no alignment template named 'nose'"),
    ],
)
def test_wrong_arguments(options: dict[str, Any], text: str) -> None:
    arguments = {"size": SIZE, "template": "arcface", **options}
    with pytest.raises(InvalidInputError, match=text):
        FacePreparer(arguments.pop("size"), arguments.pop("template"), **arguments)


def test_every_development_photo_is_a_row(shared_faces: Path) -> None:
    preparer = FacePreparer(SIZE, "arcface", aligned=True)
    for path in sorted(shared_faces.rglob("*")):
        if path.is_file():
            record = only(preparer(Source(os.fspath(path))))
            assert record.status == ("decode_error" if path.suffix == ".npy" else "ok")
    assert MIN_FACE == 16
