"""The rows and small pictures behind a page: what is read is what was written, whatever was cut off or written twice."""

from __future__ import annotations

import resource
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fiqx_trt.errors import OutputError
from fiqx_trt.report.explorer import Explorer
from fiqx_trt.report.faces_data import Faces, Texts, iter_rows, read_faces
from fiqx_trt.report.reasons import score_reasons, take_geometry
from fiqx_trt.report.sprites import ACROSS, EACH, write_sprites
from fiqx_trt.rows import DETECTION_COLUMNS, RunMeta, open_table, read_table, score_columns
from fiqx_trt.rows.schema import group_inputs
from fiqx_trt.runs.thumbs import ThumbFile

RECORD = RunMeta(["fiqx-trt"], "0", "m", "", "none", "cpu", "fp32")
GREYS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2), st.integers(0, 255)), max_size=12)


def grey(value: int) -> np.ndarray:
    return np.full((16, 16, 3), value, np.uint8)


@given(GREYS, st.integers(0, 40))
def test_pictures_that_were_added_are_found(
    tmp_path_factory: pytest.TempPathFactory, added: list, cut: int
) -> None:
    folder = tmp_path_factory.mktemp("thumbs")
    wanted: dict[tuple[int, int], int] = {}
    for half in (added[: len(added) // 2], added[len(added) // 2 :]):
        with ThumbFile(folder) as thumbs:  # a run, and its resume
            for number, face, value in half:
                thumbs.add(number, face, grey(value))
                wanted[number, face] = value
        if thumbs.path.exists():
            with thumbs.path.open("ab") as file:
                file.write(b"\0" * min(cut, 15))  # killed while it wrote
    if cut % 2:
        thumbs.settle()
    keys = [(n, f) for n in range(6) for f in range(3)]
    places = ThumbFile(folder).placed().find(*np.array(keys, np.int64).T)
    data = thumbs.path.read_bytes() if thumbs.path.exists() else b""
    for key, (offset, size) in zip(keys, places.tolist(), strict=True):
        assert (offset >= 0) == (key in wanted)
        if key in wanted:
            picture = cv2.imdecode(np.frombuffer(data[offset : offset + size], np.uint8), cv2.IMREAD_COLOR)
            assert abs(int(picture.mean()) - wanted[key]) <= 1


def test_a_disk_that_is_full_at_the_end_is_named(tmp_path: Path) -> None:
    """What waits in a buffer is refused when the file is closed."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    thumbs = ThumbFile(tmp_path)
    thumbs.add(0, 0, grey(7))
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))
        with pytest.raises(OutputError, match=r"tiles\.bin: File too large; choose another folder"):
            thumbs.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def write(path: Path, paths: list[tuple[str, int, int]], qualities: list[float | None]) -> None:
    columns = score_columns(["serfiq", "serfiq_scaled"])
    with open_table(path, columns, meta=RECORD) as table:
        for (name, face, faces), quality in zip(paths, qualities, strict=True):
            ok = quality is not None
            row = {"path": name, "face": face, "faces": faces, "status": "ok" if ok else "no_face"}
            table.append(
                [{**row, "serfiq": quality, "serfiq_scaled": quality, "error": None if ok else "none"}]
            )


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_a_page_reads_what_stands_in_the_table(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"s.{suffix}"
    paths = [
        ("a,\n.png", 0, 2),
        ("a,\n.png", 1, 2),
        ("caf\udce9", 0, 1),
        ("caf\udce9", 0, 1),
        ("d", 0, 0),
        ("e", 0, 1),
    ]
    write(path, paths, [0.5, 0.25, 0.75, 0.125, None, 0.0625])
    columns = score_columns(["serfiq", "serfiq_scaled"])
    faces = read_faces(path, columns, rank="serfiq_scaled")
    rows = list(read_table(path))
    assert [row["path"] for row in iter_rows(faces, range(6))] == [row["path"] for row in rows]
    assert [row["serfiq"] for row in iter_rows(faces, range(6))] == [row["serfiq"] for row in rows]
    groups = [i for i, group in enumerate(group_inputs(rows)) for _ in group]
    assert faces.inputs.tolist() == groups == [0, 0, 1, 2, 3, 4]
    assert faces.worst_first().tolist() == [5, 3, 1, 0, 2, 4]
    few = read_faces(path, columns, rank="serfiq_scaled", most=3)
    assert (few.total, few.rows.tolist(), few.inputs.tolist()) == (6, [1, 3, 5], [0, 2, 4])
    assert few.paths == ["a,\n.png", "caf\udce9", "e"]


def faces_of(qualities: list[float], **numbers: np.ndarray) -> Faces:
    count, status, error = len(qualities), Texts(), Texts()
    status.extend(["ok"] * count)
    error.extend([None] * count)
    rows = np.arange(count)
    columns = {"face": np.zeros(count), "faces": np.ones(count), "q": np.array(qualities), **numbers}
    return Faces(
        count, "q", True, rows, rows, [f"{i}.png" for i in rows], columns, {"status": status, "error": error}
    )


def test_sheets_hold_the_worst_first(tmp_path: Path) -> None:
    count = EACH + 20
    values = np.random.default_rng(0).permutation(count)
    faces = faces_of((values / count).tolist())
    with ThumbFile(tmp_path) as thumbs:
        for i in range(count):
            if i != 7:
                thumbs.add(i, 0, grey(int(values[i]) % 251))
        (tmp_path / "thumbs" / "0009.jpg").write_bytes(b"an earlier page's")
        sprites = write_sprites(thumbs, faces)
    assert sorted(file.name for file in (tmp_path / "thumbs").iterdir()) == ["0000.jpg", "0001.jpg"]
    assert (sprites.width, sprites.height, sprites.count, int(sprites.tiles[7])) == (16, 16, 2, -1)
    for i in range(count):
        tile = int(sprites.tiles[i])
        if i == 7:
            continue
        sheet = cv2.imread(str(tmp_path / "thumbs" / f"{tile // EACH:04d}.jpg"))
        top, left = tile % EACH // ACROSS * 16, tile % ACROSS * 16
        assert abs(sheet[top + 8, left + 8].mean() - values[i] % 251) <= 3
        assert abs(sprites.grey[i] - values[i] % 251) <= 3
    order = np.argsort(sprites.tiles[sprites.tiles >= 0])
    assert (np.diff(np.delete(values, 7)[order]) > 0).all()


def test_a_page_without_pictures_has_no_sheets(tmp_path: Path) -> None:
    with ThumbFile(tmp_path) as thumbs:
        sprites = write_sprites(thumbs, faces_of([0.5]))
    assert (sprites.count, sprites.tiles.tolist(), list(tmp_path.iterdir())) == (0, [-1], [])


def test_reasons_are_those_of_the_landmarks() -> None:
    template = {
        "left_eye": (38.3, 51.7),
        "right_eye": (73.5, 51.5),
        "nose": (56.0, 71.7),
        "left_mouth": (41.5, 92.4),
        "right_mouth": (70.7, 92.2),
    }
    turns = np.radians([0.0, 35.0, 0.0, 0.0])
    scale = np.array([1.0, 1.0, 0.3, 1.0])
    columns: dict[str, np.ndarray] = {column.name: np.full(4, 0.99) for column in DETECTION_COLUMNS}
    for name, (x, y) in template.items():
        columns[f"{name}_x"] = scale * (np.cos(turns) * x - np.sin(turns) * y)
        columns[f"{name}_y"] = scale * (np.sin(turns) * x + np.cos(turns) * y)
    columns["nose_x"][3] += 20
    columns |= {"x0": np.zeros(4), "y0": np.zeros(4), "x1": 80 * scale, "y1": 100 * scale}
    faces = faces_of([0.1] * 4, **columns)
    geometry = take_geometry(faces)
    assert set(faces.numbers) == {"face", "faces", "q", "confidence", "face_px"}
    why, marks = score_reasons(faces, geometry, np.array([100.0, 20.0, np.nan, 100.0]), 112)
    assert [why[i] for i in range(4)] == [
        "",
        "tilted by 35°, dark (mean grey 20 of 255)",
        "small, 24 px",
        "turned to a side",
    ]
    assert [marks[i] for i in range(4)] == ["", "tilted dark", "small", "turned"]


def test_the_block_of_json_cannot_end_early(tmp_path: Path) -> None:
    faces = faces_of([0.5, np.nan])
    faces.paths = ["x/</script><!--\u2028.png", "x/caf\udce9"]
    with ThumbFile(tmp_path) as thumbs:
        sprites = write_sprites(thumbs, faces)
    text = Explorer(faces, sprites, ["q"], faces.texts["error"], faces.texts["error"], {}).json()
    assert "<" not in text
    text.encode()  # no surrogates
