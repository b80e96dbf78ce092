"""The files beside a table of explained faces: maps, pictures, and rows that wait for them."""

from __future__ import annotations

import threading
from dataclasses import replace
from itertools import count
from pathlib import Path

import cv2
import numpy as np
import pytest
from matplotlib import colormaps
from scipy.ndimage import gaussian_filter

from fiqx_trt.errors import InvalidInputError, OutputError
from fiqx_trt.runs import text_line
from fiqx_trt.runs.colors import Drawing
from fiqx_trt.runs.face_files import WAITING, FaceFiles, safe_name
from fiqx_trt.runs.face_picture import (
    ACTIVATION,
    GAP,
    PIXEL_QUALITY,
    FacePicture,
    map_colors,
    overlay_map,
    quality_colors,
    stacked_panels,
)
from fiqx_trt.runs.text_line import write_line
from support.files import arrays


def save(path: Path) -> None:
    path.write_bytes(b"whole")


def row(path: str, face: int = 0) -> dict[str, str | int | float | None]:
    return {"path": path, "face": face, "status": "ok"}


# --- rows and their files ---------------------------------------------------------------------------------------------


def test_a_row_follows_its_files_and_rows_stay_in_order(tmp_path: Path) -> None:
    slow = threading.Event()

    def late(path: Path) -> None:
        assert slow.wait(600)
        save(path)

    with FaceFiles(tmp_path, pictures="png") as files:
        files.begin(count(5))
        files.add(row("a"), arrays={"map": np.ones(2)}, save=late)
        files.add(row("b"), arrays={"map": np.ones(3)}, save=save)
        files.add(row("c"))  # failed: no files
        assert files.written() == []
        assert not (tmp_path / "maps" / "000005-a.npz").exists()
        slow.set()
        rows = files.finish()
    assert [r["path"] for r in rows] == ["a", "b", "c"]
    assert [(r.get("picture"), r.get("maps")) for r in rows] == [
        ("000005-a.png", "000005-a.npz"),
        ("000006-b.png", "000006-b.npz"),
        (None, None),
    ]
    assert arrays(tmp_path / "maps" / "000006-b.npz")["map"].tolist() == [1, 1, 1]
    assert (tmp_path / "pictures" / "000005-a.png").read_bytes() == b"whole"


def test_memory_holds_a_few_faces_however_slow_the_disk(tmp_path: Path) -> None:
    go = threading.Event()
    with FaceFiles(tmp_path, maps=False) as files:
        files.begin(count())

        def late(path: Path) -> None:
            assert go.wait(600)

        def add() -> None:
            for i in range(200):
                files.add(row(str(i)), save=late)

        thread = threading.Thread(target=add)
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
        assert len(files._rows) == WAITING
        go.set()
        thread.join(600)
        assert len(files.finish()) == 200


def test_an_input_has_one_number_whatever_its_faces(tmp_path: Path) -> None:
    with FaceFiles(tmp_path, pictures="none") as files:
        files.begin(iter([3, 7, 8]))
        for path, face in [("x", 0), ("x", 1), ("x", 0), ("y", 0)]:
            files.add(row(path, face), arrays={"map": np.zeros(1)})
        names = [r["maps"] for r in files.finish()]
    assert names == ["000003-x.npz", "000003-x-face1.npz", "000007-x.npz", "000008-y.npz"]


def test_a_file_that_cannot_be_written_stops_its_row_and_nobody_waits(tmp_path: Path) -> None:
    (tmp_path / "pictures" / "000001-b.jpg").mkdir(parents=True)
    picture = FacePicture(np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8)))
    with FaceFiles(tmp_path, maps=False) as files:
        files.begin(count())
        for name in "abc" * 40:  # more than may wait
            files.add(row(name), save=picture.save)
        with pytest.raises(
            OutputError, match=r"cannot write .*000001-b\.jpg: Is a directory; choose another folder"
        ):
            files.finish()
    assert (tmp_path / "pictures" / "000000-a.jpg").exists()


def test_clearing_removes_only_own_files(tmp_path: Path) -> None:
    names = ["000001-a.jpg", "000002.png", "1.jpg", "mine.jpg", "000001-a.txt", "20240101_beach.jpg"]
    (tmp_path / "pictures").mkdir()
    for name in names:
        (tmp_path / "pictures" / name).write_bytes(b"")
    with FaceFiles(tmp_path, maps=False) as files:
        files.begin(count())
        assert len(list((tmp_path / "pictures").iterdir())) == len(names)
        files.begin(count(), clear=True)
    assert sorted(file.name for file in (tmp_path / "pictures").iterdir()) == sorted(names[2:])


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "maps").write_bytes(b"")
    with (
        FaceFiles(tmp_path, pictures="none") as files,
        pytest.raises(OutputError, match=r"cannot write into .*maps: File exists; choose another folder"),
    ):
        files.begin(count())


def test_unknown_kind_of_picture(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="--pictures is 'gif'; choose one of jpg, png, none"):
        FaceFiles(tmp_path, pictures="gif")


@pytest.mark.parametrize(
    "path", ["a/../b", "CON", ".", "", "x" * 500, "\0\n", "ä", "\udce4.jpg", "c:\\d\\e.png"]
)
def test_file_names_are_safe(path: str) -> None:
    name = safe_name(3, path, 1)
    assert name.startswith("000003")
    assert name.isascii()
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-")
    assert len(name) < 80


# --- pictures ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("style", [PIXEL_QUALITY, ACTIVATION], ids=lambda style: style.title)
def test_colours_are_those_of_the_values(style) -> None:
    values = np.array([[0.0, 0.25, 0.5, 1.0, -1.0, 2.0]])
    want = colormaps[style.colors](np.round(np.clip(values, 0, 1) * 255).astype(np.uint8))[..., :3] * 255
    colors = map_colors(values, style)
    assert np.abs(colors - want).max() <= 1
    over = overlay_map(np.full((1, 6, 3), 100, np.uint8), colors, style)
    assert np.abs(over - (style.opacity * want + (1 - style.opacity) * 100)).max() <= 1.5
    assert (quality_colors(values) == map_colors(values, PIXEL_QUALITY)).all()


@pytest.mark.parametrize("side", [32, 112, 150, 160, 224, 400])
def test_a_pixel_of_the_map_is_one_square_of_one_colour(side: int) -> None:
    rng = np.random.default_rng(side)
    values, face = rng.random((side, side)), rng.integers(0, 256, (side, side, 3), np.uint8)
    picture = FacePicture(face, values).draw()
    scale = (picture.shape[1] - 4 * 12) // 3 // side
    assert scale % 2 == 0
    squares = picture[36 : 36 + scale * side, 24 + scale * side : 24 + 2 * scale * side]
    want = quality_colors(values).repeat(scale, axis=0).repeat(scale, axis=1)
    np.testing.assert_array_equal(squares, want)
    assert (
        squares.base is not None
    )  # the place of the panel: its corner is even, as JPEG's samples of colour are
    assert 36 % 2 == (24 + scale * side) % 2 == 0


def test_the_deviation_has_a_panel_and_a_scale_of_its_own() -> None:
    rng = np.random.default_rng(0)
    values, face = rng.random((112, 112)), np.full((112, 112, 3), 100, np.uint8)
    deviation = np.zeros((112, 112), np.float32)
    deviation[:56], deviation[56:80] = -9.0, 9.0
    plain = FacePicture(face, values).draw()
    picture = FacePicture(face, values, deviation=deviation).draw()
    assert picture.shape[1] - plain.shape[1] == 224 + 12
    np.testing.assert_array_equal(picture[: 36 + 224, : plain.shape[1] - 12], plain[: 36 + 224, :-12])
    panel = picture[36 : 36 + 224, plain.shape[1] : plain.shape[1] + 224]
    less, more, usual = panel[20, 100], panel[135, 100], panel[200, 100]
    ends = 255 * colormaps["PuOr"]([0, 255, 128])[:, :3]
    for found, end in zip((less, more, usual), ends, strict=True):
        np.testing.assert_allclose(found, 0.6 * end + 0.4 * 100, atol=3)
    assert less[0] > less[2]  # orange: what serves less
    assert more[2] > more[0]


def test_smoothed_maps_are_drawn_smoothed_and_say_so() -> None:
    rng = np.random.default_rng(0)
    values, face = rng.random((32, 32)), np.full((32, 32, 3), 100, np.uint8)
    style = replace(PIXEL_QUALITY, smooth=1.5)
    wanted = gaussian_filter(values, 1.5, mode="nearest", truncate=4.0)
    np.testing.assert_allclose(map_colors(values, style), map_colors(wanted, PIXEL_QUALITY), atol=2)
    assert style.heading == "pixel-level quality, smoothed"
    plain, smooth = (FacePicture(face, values, one).draw() for one in (PIXEL_QUALITY, style))
    assert (plain[:36] != smooth[:36]).any()  # the title
    np.testing.assert_array_equal(plain[-46:], smooth[-46:])  # the scale is the same
    for wrong in (-1.0, 51.0):
        with pytest.raises(InvalidInputError, match=r"--smooth is .*; give a number of pixels from 0"):
            Drawing(smooth=wrong)


def test_panels_in_two_rows_are_those_of_one_row() -> None:
    rng = np.random.default_rng(2)
    height, width = 6, 10
    panels = [rng.integers(0, 255, (height, width, 3), np.uint8) for _ in range(4)]
    gap = np.full((height, GAP, 3), 255, np.uint8)
    strip = np.concatenate([part for one in panels for part in (gap, one)][1:], axis=1)
    two = stacked_panels(strip, 2)
    assert two.shape == (2 * height + GAP, 2 * width + GAP, 3)
    np.testing.assert_array_equal(two[:height, :width], panels[0])
    np.testing.assert_array_equal(two[:height, -width:], panels[1])
    np.testing.assert_array_equal(two[-height:, :width], panels[2])
    np.testing.assert_array_equal(two[-height:, -width:], panels[3])
    np.testing.assert_array_equal(stacked_panels(strip, 1), strip)


def test_pictures_written_hold_what_was_drawn(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    faces = [rng.integers(0, 256, (side, side, 3), np.uint8) for side in (32, 40, 32)]
    pictures = [
        FacePicture(face, face[..., 0] / 255, ACTIVATION, name=str(i)) for i, face in enumerate(faces)
    ]
    for i, picture in enumerate(pictures):
        for suffix in ("png", "jpg"):
            picture.save(tmp_path / f"{i}.{suffix}")
    for i, picture in enumerate(pictures):
        drawn = picture.draw()
        np.testing.assert_array_equal(cv2.imread(str(tmp_path / f"{i}.png"))[:, :, ::-1], drawn)
        assert np.abs(cv2.imread(str(tmp_path / f"{i}.jpg"))[:, :, ::-1].astype(int) - drawn).mean() < 6


def test_pictures_take_any_name_and_any_score(tmp_path: Path) -> None:
    face, values = np.zeros((150, 100, 3), np.uint8), np.zeros((150, 100))
    shapes = {
        FacePicture(face, values, name=name, score=name, remark=name).draw().shape
        for name in ("", "漢字 \n\0" * 100, "…", "\udce4")
    }
    assert len(shapes) == 1
    with pytest.raises(OutputError, match=r"cannot write .*No such file or directory; choose another folder"):
        FacePicture(face, values).save(tmp_path / "none" / "a.jpg")


def by_freetype(text: str) -> tuple[np.ndarray, int]:
    """The ink of a text, and the rows of it above the baseline."""
    font = text_line._font()
    font.set_text(text, 0.0)
    font.draw_glyphs_to_bitmap(antialiased=True)
    ink = np.array(font.get_image())
    return ink, ink.shape[0] - 1 - round(font.get_descent() / 64)  # below is an empty row


@pytest.mark.parametrize("letter", "AgjÄß,;_|M0…")
def test_letters_are_freetypes(letter: str) -> None:
    canvas = np.full((40, 60, 3), 255, np.uint8)
    write_line(canvas, 4, 24, letter, 50, tone=0)
    ink, above = by_freetype(letter)
    want = np.zeros((40, 60), np.uint8)
    want[24 - above : 24 - above + ink.shape[0], 8 : 8 + ink.shape[1]] = ink
    columns = np.flatnonzero((255 - canvas[..., 0]).any(axis=0))
    shifted = np.roll(255 - canvas[..., 0], np.flatnonzero(want.any(axis=0))[0] - columns[0], axis=1)
    np.testing.assert_array_equal(shifted, want)


@pytest.mark.parametrize("text", ["quality 0.70", "low: nose (22 % of usual), mouth", "photo_0012.jpg"])
def test_letters_of_a_line_have_freetypes_distances(text: str) -> None:
    canvas = np.full((40, 420, 3), 255, np.uint8)
    write_line(canvas, 4, 24, text, 400, tone=0)
    columns = np.flatnonzero((canvas < 255).any(axis=(0, 2)))
    ink, _ = by_freetype(text)
    assert (
        abs(columns[-1] - columns[0] - np.ptp(np.flatnonzero(ink.any(axis=0)))) <= 3
    )  # it draws some pairs closer


def test_a_line_too_long_ends_in_an_ellipsis_within_its_room() -> None:
    canvas = np.full((30, 300, 3), 255, np.uint8)
    write_line(canvas, 10, 20, "m" * 80, 200, tone=0)
    inked = np.flatnonzero((canvas < 128).any(axis=(0, 2)))
    assert 180 < inked[-1] <= 210
    low = np.flatnonzero((canvas[:17, inked[-1] - 10 : inked[-1] + 1] < 128).any())
    assert not len(low)  # the last ten columns have ink on the baseline only: dots
