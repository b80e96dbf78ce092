"""The page of ``score``: the same whether its run was interrupted, resumed, or made it later; and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from fiqx_trt.rows import read_table
from fiqx_trt.runs.thumbs import ThumbFile
from support.nets import noise_faces, save, small_recogniser
from support.pages import read_report


def pages(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A dozen crops, and one file that is no picture."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for index, face in enumerate(noise_faces(12)):
        cv2.imwrite(str(folder / f"{index:02d}.png"), face[:, :, ::-1])
    (folder / "05-torn.png").write_bytes(b"\x89PNG")
    return folder


def test_a_page_that_was_made_later_is_the_same(cli, photos: Path, recogniser: Path, tmp_path: Path) -> None:
    line = f"score {photos} --aligned --model {recogniser} --backend onnxruntime --out {tmp_path}"
    with_page = cli(f"{line}/a.csv --page {tmp_path}/a")
    assert with_page.code == 3, with_page.err
    assert f"to send it, send the folder {tmp_path}/a" in with_page.err
    without = cli(f"{line}/later/a.csv")
    again = without.err.splitlines()[-1].removeprefix("to see all faces, the worst first: fiqx-trt ")
    assert again == f"{line}/later/a.csv --resume --page faces"
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "later" / "a.csv").read_bytes()
    assert cli(again.removesuffix("faces") + f"{tmp_path}/b").code == 3
    assert pages(tmp_path / "a") == pages(tmp_path / "b")
    assert sorted(pages(tmp_path / "a")) == ["report.html", "thumbs/0000.jpg"]
    for options, message in (
        (f"/a.csv --resume --page {photos}/page", "would become inputs"),
        (f"/c.csv --page {tmp_path}/a", "exists already; give another --page"),
        (f"/c/ --page {tmp_path}/d", "--page is for runs into one table"),
    ):
        refused = cli(line + options)
        assert refused.code in (1, 2)
        assert message in refused.err


def test_pictures_that_another_run_left_are_not_shown(
    cli, photos: Path, recogniser: Path, tmp_path: Path
) -> None:
    """A run that was killed leaves the small pictures of its own inputs in the folder of its page."""
    for table in (None, tmp_path / "other.csv"):
        with ThumbFile(tmp_path / "a", table) as left:
            for number in range(13):
                left.add(number, 0, np.zeros((80, 80, 3), np.uint8))
    line = f"score {photos} --aligned --model {recogniser} --backend onnxruntime --out {tmp_path}/t.csv"
    assert cli(line).code == 3
    for name in "ab":
        assert cli(f"{line} --resume --page {tmp_path / name}").code == 3
    assert pages(tmp_path / "a") == pages(tmp_path / "b")


def test_a_run_without_a_face_has_a_page(cli, photos: Path, recogniser: Path, tmp_path: Path) -> None:
    """There is no thumbnail then, which would have made the folder."""
    line = f"score {photos}/05-torn.png --aligned --model {recogniser} --backend onnxruntime --out {tmp_path}"
    done = cli(f"{line}/t.csv --page {tmp_path}/t")
    assert done.code == 3, done.err
    assert sorted(pages(tmp_path / "t")) == ["report.html"]
    assert "decode_error" in (tmp_path / "t" / "report.html").read_text(encoding="utf-8")


def test_a_retry_and_a_merged_table_have_the_page_of_a_whole_run(
    cli, photos: Path, recogniser: Path, tmp_path: Path
) -> None:
    line = f"score {photos} --aligned --model {recogniser} --backend onnxruntime"
    assert cli(f"{line} --out {tmp_path}/retried/a.csv --page {tmp_path}/a").code == 3
    (photos / "05-torn.png").write_bytes((photos / "05.png").read_bytes())
    assert cli(f"{line} --out {tmp_path}/retried/a.csv --page {tmp_path}/a --retry-failed").code == 0
    assert cli(f"{line} --out {tmp_path}/whole/a.csv --page {tmp_path}/b").code == 0
    assert pages(tmp_path / "a") == pages(tmp_path / "b")
    assert cli(f"{line} --out {tmp_path}/parts/").code == 0
    assert cli(f"merge {tmp_path}/parts/ --out {tmp_path}/merged/a.csv").code == 0
    assert cli(f"{line} --out {tmp_path}/merged/a.csv --resume --page {tmp_path}/c").code == 0
    assert pages(tmp_path / "c") == pages(tmp_path / "b")


def test_rows_on_the_page_are_those_of_the_table(cli, photos: Path, recogniser: Path, tmp_path: Path) -> None:
    line = f"score {photos} --aligned --model {recogniser} --backend onnxruntime --method serfiq --method magface"
    assert cli(f"{line} --out {tmp_path}/p/s.parquet --page {tmp_path}/p -q").code == 3
    read = read_report(tmp_path / "p")
    rows = read.rows
    names = [rows["prefix"] + path for path in rows["paths"]]
    assert names == [str(path) for path in sorted(photos.iterdir())]
    numbers = dict(rows["numbers"])
    assert {"serfiq", "serfiq_scaled", "magface"} <= set(numbers)
    assert numbers["serfiq"].count(None) == 1
    assert rows["rank"] == "serfiq_scaled"
    tiles = np.array(rows["tiles"])
    ranked = np.argsort(np.array([np.inf if v is None else v for v in numbers["serfiq"]]), kind="stable")
    assert tiles[ranked].tolist() == [*range(12), -1]
    assert read.headings[1:4] == ["All rows, the worst first", "In short", "The 10 worst"]
    assert "s.parquet" in read.links


def test_a_threshold_accepts_and_groups_are_summed_up(cli, photos: Path, tmp_path: Path) -> None:
    model = save(small_recogniser(), tmp_path / "known.onnx")
    steps = np.linspace(0.7, 0.78, 21).round(5).tolist()
    contract = {
        "template": "arcface",
        "alpha": 50.0,
        "r": 0.74,
        "estimator": "closed-form",
        "quantiles": steps,
    }
    model.with_suffix(".json").write_text(json.dumps(contract))
    for number in range(4):
        (photos / "ada").mkdir(exist_ok=True)
        (photos / f"{number:02d}.png").rename(photos / "ada" / f"{number:02d}.png")
    line = f"score {photos} --aligned --model {model} --backend onnxruntime -q --group-by folder"
    assert cli(f"{line} --out {tmp_path}/a.csv --page {tmp_path}/a --threshold 50%").code == 3
    rows = list(read_table(tmp_path / "a.csv"))
    scored = [row for row in rows if row["status"] == "ok"]
    assert [row["accept"] for row in scored] == [int(float(row["serfiq"]) >= 0.74) for row in scored]
    assert {row["accept"] for row in scored} == {0, 1}
    assert [row["accept"] for row in rows if row["status"] != "ok"] == [None]
    read = read_report(tmp_path / "a")
    bands = next(table for table in read.tables if table[0][0] == "calibration faces")
    counts = [
        sum(low <= float(row["serfiq_percentile"]) < high for row in scored)
        for low, high in ((0, 5), (5, 25), (25, 101))
    ]
    assert [row[2] for row in bands[1:]] == [str(count) for count in counts]
    assert [row[1] for row in bands[2:]] == [
        f"{1 / (1 + np.exp(-50 * (q - 0.74))):.3f}" for q in (0.704, 0.72)
    ]
    groups = {row[0]: row for row in next(table for table in read.tables if table[0][0] == "group")[1:]}
    for name in ("ada", "photos"):
        own = [row for row in scored if Path(str(row["path"])).parent.name == name]
        median = np.median([float(row["serfiq_scaled"]) for row in own])
        accepted = np.mean([row["accept"] for row in own])
        assert groups[name][1] == str(len(own))
        assert groups[name][4] == f"{median:.3f}"
        assert groups[name][6] == f"{100 * accepted:.0f} %"
    again = cli(f"{line} --out {tmp_path}/a.csv --page {tmp_path}/a --threshold 0.5 --resume")
    assert again.code == 1
    assert "made with other settings" in again.err
    assert cli(f"{line} --out {tmp_path}/b.csv --page {tmp_path}/b --threshold 0.5").code == 3
    assert [row["accept"] for row in read_table(tmp_path / "b.csv") if row["status"] == "ok"] == [
        int(float(row["serfiq_scaled"]) >= 0.5) for row in scored
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            "--threshold high",
            "--threshold is 'high'; give a quality such as 0.4, or a share of the calibration faces such as 5%",
        ),
        ("--threshold 40", "--threshold 40 is no serfiq_scaled, which is from 0 to 1"),
        ("--threshold 5% --method magface", "--threshold 5% needs a calibrated method"),
        ("--threshold 101%", "--threshold 101% is no share from 0% to 100%"),
        ("--threshold nan --method magface", "--threshold is 'nan'; give a quality such as 0.4"),
        ("--threshold inf%", "--threshold is 'inf%'; give a quality such as 0.4"),
        ("--group-by folder", "--group-by is for the page; give --page DIR as well"),
        (
            "--page {}/p --group-by colour",
            "--group-by is 'colour'; give folder, a column (status, error, face, faces, serfiq",
        ),
    ],
)
def test_what_is_no_threshold_or_group(
    cli, photos: Path, recogniser: Path, tmp_path: Path, options: str, message: str
) -> None:
    line = f"score {photos} --aligned --model {recogniser} --backend onnxruntime --out {tmp_path}/s.csv "
    refused = cli(line + options.format(tmp_path))
    assert refused.code == 2
    assert message in refused.err
    assert not (tmp_path / "s.csv").exists()  # it is said before anything costs time
