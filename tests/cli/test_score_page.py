"""The page of ``score``: the same whether its run was interrupted, resumed, or made it later; and what is refused."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from support.nets import noise_faces
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
    assert "the same command with --resume --page page" in without.err
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "later" / "a.csv").read_bytes()
    assert cli(f"{line}/later/a.csv --resume --page {tmp_path}/b").code == 3
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
