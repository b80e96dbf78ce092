"""Ready landmarks in the place of a detector: what files hold, which picture a row belongs to, what is refused."""

from __future__ import annotations

import json
import logging
import threading
from pathlib import Path

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from fiqx_trt.errors import ImageError, SourceError
from fiqx_trt.faces.align import TEMPLATES, align
from fiqx_trt.faces.prepare import FacePreparer, FaceRecord
from fiqx_trt.faces.sources import Source
from fiqx_trt.importers.landmarks import LANDMARK_COLUMNS, file_sha256, read_landmarks
from fiqx_trt.rows import LANDMARK_NAMES
from fiqx_trt.text import escape_text

POINTS = np.float32([[30.5, 40], [50.25, 41], [41, 52], [33, 62], [48, 61.125]])
NUMBERS = " ".join(str(value) for value in POINTS.ravel())
COLUMNS = ",".join(LANDMARK_COLUMNS)


def csv_of(*rows: str, header: str = f"path,{COLUMNS}") -> str:
    return "\n".join((header, *rows)) + "\n"


def cells(points: np.ndarray = POINTS) -> str:
    return ",".join(str(value) for value in np.asarray(points).ravel())


def write(name: str, text: str) -> Path:
    path = Path(name)
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    return path


def refusal(path: str, file: Path) -> str:
    with pytest.raises(ImageError) as caught:
        read_landmarks(file).locate(path)
    return f"{caught.value.status}: {caught.value}"


def test_the_columns_are_those_of_score_tables() -> None:
    assert tuple(f"{name}_{axis}" for name in LANDMARK_NAMES for axis in "xy") == LANDMARK_COLUMNS


# --- formats ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet", ".txt", ""])
def test_every_format_holds_the_same_points(here: Path, suffix: str) -> None:
    file = here / f"points{suffix}"
    name = "in, with\tblank/ünï.jpg"
    if suffix == ".csv":
        write(file, csv_of(f'"{name}",{cells()}'))
    elif suffix == ".jsonl":
        write(
            file,
            json.dumps({"path": name, **dict(zip(LANDMARK_COLUMNS, POINTS.ravel().tolist(), strict=True))}),
        )
    elif suffix == ".parquet":
        columns = {"path": [name], **{c: [v] for c, v in zip(LANDMARK_COLUMNS, POINTS.ravel(), strict=True)}}
        parquet.write_table(pyarrow.table(columns), file)
    else:
        write(file, f"\ufeff# insightface\n\n{name} {NUMBERS}\r\n")
    found = read_landmarks(file).locate(name)
    np.testing.assert_array_equal(found.landmarks, POINTS[None])
    assert len(found) == 1
    assert found.faces == 1
    assert np.isnan(found.boxes).all()
    assert np.isnan(found.confidence).all()


def test_numbered_columns_and_boxes(here: Path) -> None:
    header = "path," + ",".join(f"x{i},y{i}" for i in range(1, 6))
    file = write("numbered.csv", csv_of(f"a.jpg,{cells()}", header=header))
    np.testing.assert_array_equal(read_landmarks(file).locate("a.jpg").landmarks[0], POINTS)
    file = write(
        "own.csv", csv_of(f"a.jpg,1,2,3.5,4,0.5,{cells()}", header=f"path,x0,y0,x1,y1,confidence,{COLUMNS}")
    )
    found = read_landmarks(file).locate("a.jpg")
    assert found.boxes.tolist() == [[1, 2, 3.5, 4]]
    assert found.confidence.tolist() == [0.5]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "path,x1\na,1\n", r"the table a\.csv has no column 'y1'; its columns are path, x1\. Give path and x1, y1 … y5"),
        ("a.csv", "file,x\n", r"the table a\.csv has no column 'path'; its columns are file, x\. Give path and left_eye_x,"),
        ("a.csv", csv_of(f"a.jpg,x{cells()}"), r"a\.csv, line 2: left_eye_x is 'x30\.5'; a number was expected"),
        ("a.csv", csv_of(f"a.jpg,1_{cells()}"), r"a\.csv, line 2: left_eye_x is '1_30\.5'; a number was expected"),
        ("a.csv", csv_of(), r"a\.csv holds no landmarks"),
        ("a.csv", csv_of(f",{cells()}"), r"a\.csv, line 2: the path is empty"),
        ("a.jsonl", '{"path": "a"}', r"the table a\.jsonl has no column 'left_eye_x'"),
        ("a.jsonl", "[", r"a\.jsonl, line 1: not JSON"),
        ("a.txt", "a.jpg 1 2 3\n", r"a\.txt, line 1: wanted a path and ten numbers, 'path x1 y1 … x5 y5'; got 'a\.jpg 1 2 3"),
        ("a.txt", f"# x\na.jpg {NUMBERS[:-3]}zzz\n", r"a\.txt, line 2: a landmark is '61\.zzz'; a number was expected"),
        ("a.txt", "# nothing\n", r"a\.txt holds no landmarks"),
    ],
)  # fmt: skip
def test_files_that_are_none(here: Path, name: str, text: str, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        read_landmarks(write(name, text))


def test_files_that_cannot_be_read(here: Path) -> None:
    for name in ("missing.txt", "missing.csv"):
        with pytest.raises(SourceError, match=rf"cannot read the (landmarks|table) {name}: No such file"):
            read_landmarks(Path(name))
    with pytest.raises(SourceError, match="is not a regular file of landmarks"):
        read_landmarks(here)
    with pytest.raises(SourceError, match=r"cannot read the landmarks missing\.txt: No such file"):
        file_sha256(Path("missing.txt"))


# --- which row is a picture's ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "path"),
    [
        ("a/b.jpg", "./a//b.jpg"),
        ("a\\b.jpg", "a/b.jpg"),
        ("a/b.jpg", "/data/a/b.jpg"),
        ("/data/a/b.jpg", "a/b.jpg"),
        ("b.jpg", "shard.tar/b.jpg"),
    ],
)
def test_the_same_path_or_the_end_of_it(here: Path, row: str, path: str) -> None:
    file = write(
        "s.csv", csv_of(f"{row},{cells()}", f"z/b.png,{cells(POINTS + 1)}", f"xb.jpg,{cells(POINTS + 2)}")
    )
    np.testing.assert_array_equal(read_landmarks(file).locate(path).landmarks[0], POINTS)


def test_the_equal_path_comes_before_the_end(here: Path) -> None:
    file = write("s.csv", csv_of(f"b.jpg,{cells(POINTS + 1)}", f"a/b.jpg,{cells()}"))
    np.testing.assert_array_equal(read_landmarks(file).locate("a/b.jpg").landmarks[0], POINTS)


def test_pictures_without_a_row_or_with_several(here: Path) -> None:
    file = write("s.csv", csv_of(f"x/b.jpg,{cells()}", f"y/b.jpg,{cells(POINTS + 1)}"))
    assert refusal("a.jpg", file) == "no_face: no landmarks for this picture in s.csv"
    assert refusal("/d/z/b.jpg", file) == "no_face: no landmarks for this picture in s.csv"
    assert refusal("b.jpg", file) == "no_face: 2 rows of s.csv fit this path alike: 'x/b.jpg', 'y/b.jpg'"


def test_two_pictures_do_not_share_a_row(here: Path) -> None:
    file = write("s.csv", csv_of(f"1.jpg,{cells()}"))
    for first, second in (("x/1.jpg", "y/1.jpg"), ("1.jpg", "x/1.jpg"), ("x/1.jpg", "1.jpg")):
        known = read_landmarks(file)
        known.locate(first)
        known.locate(first)
        message = (
            rf"s\.csv: the row '1\.jpg' fits '{first}' and '{second}' alike; write paths there that tell the"
        )
        with pytest.raises(SourceError, match=message):
            known.locate(second)
    known = read_landmarks(file)
    for spelling in ("x/1.jpg", str(here / "x/1.jpg"), "./x/1.jpg"):
        known.locate(spelling)
    known = read_landmarks(file)
    for spelling in ("1.jpg", str(here / "1.jpg"), "./1.jpg"):
        known.locate(spelling)


# --- several faces, repetitions, rows without landmarks -----------------------------------------------------


def test_rows_of_one_path_are_faces_and_identical_ones_count_once(here: Path) -> None:
    file = write(
        "s.txt", f"a.jpg {NUMBERS}\na.jpg {NUMBERS}\n./a.jpg {' '.join(map(str, (POINTS + 9).ravel()))}\n"
    )
    found = read_landmarks(file).locate("a.jpg")
    np.testing.assert_array_equal(found.landmarks, [POINTS, POINTS + 9])
    assert found.faces == 2


def test_a_face_with_two_places_is_an_error(here: Path) -> None:
    file = write(
        "s.csv", csv_of(f"a.jpg,0,{cells()}", f"a.jpg,0,{cells(POINTS + 1)}", header=f"path,face,{COLUMNS}")
    )
    with pytest.raises(
        SourceError, match=r"s\.csv, line 3: 'a\.jpg' has other landmarks of face 0 than before; keep one"
    ):
        read_landmarks(file)


def test_what_a_score_table_says_of_a_picture_stays(here: Path) -> None:
    empty = "," * 9
    file = write(
        "s.csv",
        csv_of(
            f"none.jpg,0,0,no_face,no face found,{empty}",
            f"two.jpg,0,2,several_faces,2 faces found where one is wanted,{empty}",
            f"torn.jpg,0,0,decode_error,truncated,{empty}",
            f"crop.jpg,0,1,ok,,{empty}",
            f"three.jpg,0,3,ok,,{cells()}",
            f"{escape_text('caf' + chr(0xDCE9) + '.jpg')},0,1,ok,,{cells()}",
            header=f"path,face,faces,status,error,{COLUMNS}",
        ),
    )
    assert refusal("none.jpg", file) == "no_face: no face found"
    assert refusal("two.jpg", file) == "several_faces: 2 faces found where one is wanted"
    assert refusal("torn.jpg", file) == "no_face: no landmarks for this picture in s.csv: truncated"
    crop = "no_face: no landmarks for this picture in s.csv: the picture was taken as an aligned crop there"
    assert refusal("crop.jpg", file) == crop
    assert read_landmarks(file).locate("three.jpg").faces == 3
    assert read_landmarks(file).locate("caf\udce9.jpg").faces == 1


# --- to aligned faces --------------------------------------------------------------------------------------


def picture(path: str = "a.jpg") -> Source:
    image = np.random.default_rng(0).integers(0, 256, (100, 90, 3), dtype=np.uint8)
    data = b"P6 90 100 255\n" + image.tobytes()
    return Source(path, reader=lambda: data)


def prepared(text: str, *, select: str = "largest") -> list[FaceRecord]:
    known = read_landmarks(write("points.txt", text))
    return FacePreparer((56, 56), "arcface", detector=known, select=select)(picture())


def line(points: np.ndarray, name: str = "a.jpg") -> str:
    return f"{name} {' '.join(map(str, np.asarray(points).ravel()))}\n"


def test_faces_are_aligned_to_the_template(here: Path) -> None:
    (record,) = prepared(line(POINTS))
    image = np.frombuffer(picture().read()[14:], np.uint8).reshape(100, 90, 3)
    assert record.image is not None
    np.testing.assert_array_equal(record.image, align(image, POINTS, TEMPLATES["arcface"], (56, 56)))
    assert (record.status, record.box, record.confidence) == ("ok", None, None)
    np.testing.assert_array_equal(record.landmarks, POINTS)


def test_the_largest_face_without_boxes_is_that_of_the_widest_landmarks(here: Path) -> None:
    large = 20 + 1.5 * (POINTS - 20)
    text = line(POINTS) + line(large) + line(np.full(10, np.nan))
    (record,) = prepared(text)
    np.testing.assert_array_equal(record.landmarks, large.astype(np.float32))
    assert (record.face, record.faces) == (0, 3)
    first, second = prepared(text, select="all")
    assert (first.face, second.face) == (0, 1)
    np.testing.assert_array_equal(second.landmarks, POINTS)
    (record,) = prepared(text, select="single")
    assert (record.status, record.error) == ("several_faces", "3 faces found where one is wanted")


@pytest.mark.parametrize(
    ("points", "status", "text"),
    [
        ([1, 2, np.nan, *range(7)], "not_finite", "the face's landmarks are not ten finite numbers"),
        ([1, 2, np.inf, *range(7)], "not_finite", "the face's landmarks are not ten finite numbers"),
        ([7] * 10, "no_face", "the landmarks are not a face: the points coincide"),
        (
            POINTS + 5000,
            "no_face",
            "the landmarks are not a face: the landmarks put the face outside the picture",
        ),
        (40 + POINTS / 20, "too_small", "a face of 3 x 3 px; the shorter side must have at least 16 px"),
    ],
)
def test_landmarks_that_are_no_face_are_rows(here: Path, points: list[float], status: str, text: str) -> None:
    (record,) = prepared(line(np.asarray(points)) + f"other.jpg {NUMBERS}")
    assert record.status == status
    assert record.error.startswith(text)
    assert record.image is None


def test_a_row_that_fits_two_pictures_stops_the_run(here: Path) -> None:
    prepare = FacePreparer((56, 56), "arcface", detector=read_landmarks(write("p.txt", line(POINTS))))
    assert prepare(picture("x/a.jpg"))[0].status == "ok"
    with pytest.raises(SourceError, match="alike"):
        prepare(picture("y/a.jpg"))


def test_exchanged_landmarks_are_a_warning_and_rows(here: Path, caplog: pytest.LogCaptureFixture) -> None:
    turned = POINTS[:, ::-1] * (-1, 1) + (112, 0)
    with caplog.at_level(logging.WARNING, "fiqx_trt"):
        read_landmarks(write("good.txt", line(POINTS, "a.jpg") + line(turned, "b.jpg")))
        assert not caplog.records
        lines = [line(POINTS, f"{name}.jpg") for name in "abc"]
        known = read_landmarks(write("person.txt", "".join([*lines, line(POINTS[[1, 0, 2, 4, 3]], "d.jpg")])))
    (record,) = caplog.records
    assert (
        "left and right are exchanged on 1 of 4 faces in person.txt, whose rows say so" in record.getMessage()
    )
    prepare = FacePreparer((56, 56), "arcface", detector=known)
    statuses = {name: prepare(picture(f"{name}.jpg"))[0] for name in "abcd"}
    assert [record.status for record in statuses.values()] == ["ok", "ok", "ok", "no_face"]
    assert statuses["d"].image is None
    assert statuses["d"].error.startswith(
        "the landmarks are not a face: left and right are exchanged; first comes the eye"
    )


def test_threads_find_the_same(here: Path) -> None:
    names = [f"p{index}/x.jpg" for index in range(200)]
    known = read_landmarks(write("p.csv", csv_of(*(f"{n},{cells(POINTS + i)}" for i, n in enumerate(names)))))
    wrong: list[str] = []

    def look() -> None:
        for index, name in enumerate(names):
            if known.locate(f"/data/{name}").landmarks[0, 0, 0] != POINTS[0, 0] + index:
                wrong.append(name)

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
