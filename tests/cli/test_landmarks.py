"""``--detector landmarks:FILE``: a run from ready landmarks is the run of the detector that wrote them."""

from __future__ import annotations

import json
import shutil
import tarfile
from importlib.util import find_spec
from pathlib import Path

import cv2
import pytest

from fiqx_trt.importers.landmarks import LANDMARK_COLUMNS
from support.files import csv_rows


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A photo of one person, of two, of nobody, and what is no photo."""
    folder = tmp_path / "photos"
    (folder / "in").mkdir(parents=True)
    package = find_spec("skimage")
    assert package is not None
    assert package.origin is not None
    photo = cv2.imread(str(Path(package.origin).parent / "data" / "astronaut.png"))
    head = photo[:260, 100:360]
    cv2.imwrite(str(folder / "in" / "one.png"), head)
    cv2.imwrite(str(folder / "two.jpg"), cv2.hconcat([cv2.resize(head, (200, 200)), head[:200]]))
    cv2.imwrite(str(folder / "none.png"), photo[300:400, :100])
    (folder / "torn.jpg").write_bytes(b"\xff\xd8\xff")
    return folder


@pytest.mark.parametrize(
    ("faces", "suffix"),
    [("all", "csv"), ("largest", "csv"), ("single", "csv"), ("all", "jsonl"), ("all", "parquet")],
)
def test_the_scores_are_those_of_the_detector(
    cli, photos: Path, recogniser: Path, tmp_path: Path, faces: str, suffix: str
) -> None:
    options = ("--model", recogniser, "--faces", faces, "-q")
    found = tmp_path / f"mtcnn.{suffix}"
    assert cli("score", photos, "--detector", "mtcnn", "--out", found, *options).code == 3
    if suffix != "csv":
        assert (
            cli("score", photos, "--detector", "mtcnn", "--out", tmp_path / "mtcnn.csv", *options).code == 3
        )
    out = tmp_path / "again.csv"
    result = cli("score", photos, "--detector", f"landmarks:{found}", "--out", out, *options)
    assert result.code == 3, result.err
    wanted = csv_rows(tmp_path / "mtcnn.csv")
    assert [row["status"] for row in wanted].count("ok") == {"all": 3, "largest": 2, "single": 1}[faces]
    got = csv_rows(out)
    assert [row | {"faces": ""} for row in got] == [row | {"faces": ""} for row in wanted]
    assert [row["faces"] for row in got if row["status"] == "ok"] == [
        row["faces"] for row in wanted if row["status"] == "ok"
    ]


def test_on_photos_as_they_are(cli, shared_faces: Path, recogniser: Path, tmp_path: Path) -> None:
    options = (shared_faces, "--model", recogniser, "--faces", "all", "-q")
    cli("score", *options, "--detector", "mtcnn", "--out", tmp_path / "s.csv")
    cli("score", *options, "--detector", f"landmarks:{tmp_path / 's.csv'}", "--out", tmp_path / "t.csv")
    wanted, got = csv_rows(tmp_path / "s.csv"), csv_rows(tmp_path / "t.csv")
    assert [row for row in got if row["status"] == "ok"] == [row for row in wanted if row["status"] == "ok"]
    assert {row["path"] for row in got} == {row["path"] for row in wanted}


def test_from_a_shard_by_names_inside_it(cli, photos: Path, recogniser: Path, tmp_path: Path) -> None:
    cli("score", photos, "--detector", "mtcnn", "--out", tmp_path / "s.csv", "--model", recogniser, "-q")
    rows = [row for row in csv_rows(tmp_path / "s.csv") if row["status"] == "ok"]
    lines = [
        " ".join([str(Path(row["path"]).relative_to(photos)), *(row[name] for name in LANDMARK_COLUMNS)])
        for row in rows
    ]
    (tmp_path / "list.txt").write_text("\n".join(lines))
    with tarfile.open(tmp_path / "s.tar", "w") as archive:
        archive.add(photos, "")
    result = cli(
        "score",
        tmp_path / "s.tar",
        "--detector",
        f"landmarks:{tmp_path / 'list.txt'}",
        "--out",
        tmp_path / "t.csv",
        "--model",
        recogniser,
    )
    assert result.code == 3, result.err
    scores = {Path(row["path"]).name: row["serfiq"] for row in csv_rows(tmp_path / "t.csv")}
    assert {Path(row["path"]).name: row["serfiq"] for row in rows} == {k: v for k, v in scores.items() if v}
    (missed,) = [row for row in csv_rows(tmp_path / "t.csv") if row["path"].endswith("/none.png")]
    assert missed["status"] == "no_face"
    assert missed["error"] == f"no landmarks for this picture in {tmp_path / 'list.txt'}"
    (found,) = [row for row in csv_rows(tmp_path / "t.csv") if row["path"].endswith("/one.png")]
    assert found["left_eye_x"]
    assert not found["x0"]
    assert not found["confidence"]


def test_what_is_in_the_file_belongs_to_the_configuration(
    cli, photos: Path, recogniser: Path, tmp_path: Path
) -> None:
    cli("score", photos, "--detector", "mtcnn", "--out", tmp_path / "s.csv", "--model", recogniser, "-q")
    shutil.copy(tmp_path / "s.csv", tmp_path / "moved.csv")
    out = tmp_path / "t.csv"

    def run(file: Path, *options: str):
        return cli(
            "score", photos, "--detector", f"landmarks:{file}", "--out", out, "--model", recogniser, *options
        )

    assert run(tmp_path / "s.csv", "-q").code == 3
    assert json.loads(Path(f"{out}.meta.json").read_text())["parameters"]["faces.detector"] == "landmarks"
    assert run(tmp_path / "moved.csv", "--resume").code == 3
    text = (tmp_path / "moved.csv").read_text()
    (tmp_path / "moved.csv").write_text(text.replace("no face found", "nobody there"))
    result = run(tmp_path / "moved.csv", "--resume")
    assert result.code == 1
    assert "faces.landmarks_sha256 was" in result.err


@pytest.mark.parametrize(
    ("detector", "message"),
    [
        ("landmarks:", "--detector landmarks:FILE wants the file with the landmarks"),
        ("landmarks", "--detector landmarks:FILE wants the file with the landmarks"),
        ("landmarks:missing.csv", "cannot read the landmarks missing.csv: No such file or directory"),
    ],
)
def test_wrong_usage_is_one_line(
    cli, crops: Path, recogniser: Path, tmp_path: Path, detector, message
) -> None:
    result = cli("score", crops, "--detector", detector, "--out", tmp_path / "s.csv", "--model", recogniser)
    assert result.code == 2
    assert result.err.strip().splitlines() == [f"error: {message}"]


def test_a_row_for_two_pictures_stops_the_run_and_its_resumption(
    cli, photos: Path, recogniser: Path, tmp_path: Path
) -> None:
    shutil.copytree(photos, tmp_path / "copy")
    (tmp_path / "list.txt").write_text("one.png 38 51 73 51 56 71 41 92 70 92\n")
    options = (photos, tmp_path / "copy", "--detector", f"landmarks:{tmp_path / 'list.txt'}")
    rows = []
    for mode in ((), ("--resume",)):
        result = cli("score", *options, "--out", tmp_path / "s.csv", "--model", recogniser, "-q", *mode)
        assert result.code == 2
        first, second = (tmp_path / name / "in" / "one.png" for name in ("photos", "copy"))
        assert f"the row 'one.png' fits '{first}' and '{second}' alike" in result.err
        assert "write paths there that tell the pictures apart" in result.err
        rows.append((tmp_path / "s.csv.partial").read_text())
    assert rows[0] == rows[1]
    assert len(rows[0].splitlines()) == 5  # the rows before the second picture are kept
