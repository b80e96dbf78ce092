"""``fx.score``: one call from pictures to an answer that a person can read and a program can use."""

from __future__ import annotations

import base64
import os
import re
import statistics
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

import fiqx_trt as fx
from fiqx_trt.errors import DependencyError, InvalidInputError, SourceError
from fiqx_trt.rows import read_table, score_columns
from support.nets import noise_faces

#: The program of the interface's description, which a reader copies.
PROGRAM = """
import fiqx_trt as fx
table  = fx.score("photos/")
scorer = fx.FaceScorer(model="mobilefacenet", methods=["serfiq"], aligned=False)
rows   = scorer(["a.jpg", jpeg_bytes, rgb_array])
done   = fx.score_files(["photos/"], "scores.csv", model="mobilefacenet")
"""


@pytest.fixture
def scores(messy_crops: Path, small_model: Path) -> fx.Scores:
    return fx.score(messy_crops, small_model, ["serfiq", "brisque"], aligned=True, thumbnails=4)


def test_the_rows_are_the_commands(
    scores: fx.Scores, messy_crops: Path, small_model: Path, tmp_path: Path
) -> None:
    methods = ["serfiq", "brisque"]
    for suffix in ("csv", "parquet"):
        fx.score_files(messy_crops, tmp_path / f"s.{suffix}", small_model, methods=methods, aligned=True)
    assert scores.rows == list(read_table(tmp_path / "s.csv"))
    assert scores.to_arrow().equals(pq.read_table(tmp_path / "s.parquet"))
    assert len(scores) == 7
    assert list(scores) == scores.rows
    assert scores.counts == {"decode_error": 1, "ok": 6}


def test_what_is_printed_sums_up(scores: fx.Scores) -> None:
    text = repr(scores).splitlines()
    good = sorted((row for row in scores if row["status"] == "ok"), key=lambda row: row["serfiq"])
    middle = statistics.median(row["serfiq"] for row in good)
    assert text[0].startswith("7 rows: 1 decode_error, 6 ok; small on openvino, cpu, ")
    assert text[1].startswith(f"serfiq: median {middle:.4g} (")
    assert text[1].endswith("; lowest " + ", ".join(f"{row['serfiq']:.4g} {row['path']}" for row in good[:3]))
    worst = max(good, key=lambda row: row["brisque"])
    assert f"; highest (lower is better) {worst['brisque']:.4g} {worst['path']}, " in text[2]
    assert text[3].endswith("2-text.jpg: decode_error: " + scores.rows[2]["error"])
    assert any(line.startswith("note: how well serfiq predicts") for line in text)


def test_in_a_notebook_the_lowest_faces_are_shown(scores: fx.Scores, messy_crops: Path) -> None:
    page = scores._repr_html_()
    good = sorted((row for row in scores if row["status"] == "ok"), key=lambda row: row["serfiq"])
    rows = page.split("<tr>")[2:]
    assert len(rows) == 4
    for row, cells in zip(good, rows, strict=False):
        assert f"<td>{row['path']}</td><td>{row['serfiq']:.4g}</td>" in cells
        (data,) = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', cells)
        shown = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR)
        face = cv2.resize(cv2.imread(str(row["path"])), shown.shape[1::-1], interpolation=cv2.INTER_AREA)
        assert np.abs(shown.astype(int) - face).mean() < 12
    assert "http" not in page


def test_names_are_shown_and_not_obeyed(small_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    for name, face in zip(("<b>&amp;\x1b[2J.png", '"><img src=x>.png'), noise_faces(2), strict=True):
        Path(folder / name).write_bytes(cv2.imencode(".png", face)[1].tobytes())
    (folder / "<script>.jpg").write_text("no picture")
    scores = fx.score(folder, small_model, aligned=True)
    page = scores._repr_html_()
    assert "<b>" not in page
    assert "<script>" not in page
    assert "<img src=x>" not in page
    assert "&lt;b&gt;&amp;amp;\\x1b[2J.png" in page
    assert "\x1b" not in repr(scores) + page


def test_pictures_without_a_number_are_a_summary_too(small_model: Path, tmp_path: Path) -> None:
    scores = fx.score([tmp_path / f"{index}.jpg" for index in range(5)], small_model, aligned=True)
    text = repr(scores).splitlines()
    assert text[0].startswith("5 rows: 5 decode_error; ")
    assert text[1] == "serfiq: no number"
    assert text[2].endswith("0.jpg: decode_error: no such file")
    assert text[5] == "… and 2 more that are not ok"
    assert scores._repr_html_().count("<tr>") == 1


def test_bytes_arrays_and_folders_may_be_mixed(small_model: Path, messy_crops: Path) -> None:
    face = noise_faces(6)[0]
    scores = fx.score(
        [face, messy_crops, cv2.imencode(".png", face[:, :, ::-1])[1].tobytes()], small_model, aligned=True
    )
    assert len(scores) == 9
    assert scores.rows[0]["serfiq"] == scores.rows[8]["serfiq"] == scores.rows[1]["serfiq"]
    glob = fx.score(str(messy_crops / "*.png"), small_model, aligned=True)
    assert [Path(row["path"]).name for row in glob] == ["0.png", "2.png", "4.png"]


def test_mistakes_name_the_call_that_works(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r'inputs is empty; .*fx.score\("photo.jpg"\)'):
        fx.score([])
    with pytest.raises(SourceError, match="no such file or folder"):
        fx.score(tmp_path / "nowhere")
    with pytest.raises(InvalidInputError, match=r"inputs\[0\] is float64.*\(255 \* inputs\[0\]\).round\(\)"):
        fx.score([noise_faces(1)[0] / 255])
    with pytest.raises(InvalidInputError, match="no quality method is called 'beauty'"):
        fx.score("photo.jpg", methods=["beauty"])


def test_a_data_frame_keeps_whole_numbers(scores: fx.Scores) -> None:
    pytest.importorskip("pandas")
    frame = scores.to_pandas()
    assert list(frame.columns) == [column.name for column in score_columns(scores.columns[5:])]
    assert frame["serfiq"].dropna().tolist() == [row["serfiq"] for row in scores if row["status"] == "ok"]
    assert str(frame["serfiq_100"].dtype) == "Int64"
    assert frame["serfiq_100"].isna().tolist() == [row["serfiq_100"] is None for row in scores]


def test_without_pandas_the_cure_is_named(scores: fx.Scores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(DependencyError, match=r'pip install "fiqx-trt\[pandas\]"; or use to_arrow\(\)'):
        scores.to_pandas()


def python(program: str, desk: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=desk,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def desk(tmp_path: Path, mobilefacenet_file: Path) -> Path:
    """A folder with a photo as `a.jpg` and in `photos`, and a picture without a face."""
    from skimage import data

    (tmp_path / "photos").mkdir()
    for name in ("a.jpg", "photos/astronaut.jpg"):
        cv2.imwrite(str(tmp_path / name), data.astronaut()[:, :, ::-1])
    cv2.imwrite(str(tmp_path / "photos" / "wall.png"), np.full((90, 90, 3), 128, np.uint8))
    return tmp_path


def test_one_line_prints_a_useful_answer(desk: Path) -> None:
    text = python('import fiqx_trt as fx; print(fx.score("a.jpg"))', desk).splitlines()
    assert text[0].startswith("1 row: 1 ok; mobilefacenet on ")
    assert re.fullmatch(r"serfiq: 0\.\d+ \(\d+ of 100\) a\.jpg", text[1])
    assert text[2].startswith("note: serfiq predicts")


def test_the_program_of_the_interface_runs_as_it_is_written(desk: Path) -> None:
    before = (
        "import cv2; jpeg_bytes = open('a.jpg', 'rb').read(); rgb_array = cv2.imread('a.jpg')[:, :, ::-1]\n"
    )
    after = (
        "\nprint(len(table), table.counts, rows['status'].to_pylist(), len(set(rows['serfiq'].to_pylist())))"
    )
    after += "\nprint(done.table.name, done.counts, done.complete)"
    assert python(before + PROGRAM + after, desk).splitlines() == [
        "2 {'no_face': 1, 'ok': 1} ['ok', 'ok', 'ok'] 1",
        "scores.csv {'no_face': 1, 'ok': 1} True",
    ]
