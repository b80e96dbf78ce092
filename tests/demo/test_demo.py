from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from fiqx_trt.demo import run_demo
from fiqx_trt.errors import OutputError
from fiqx_trt.experiments.degradations import DEGRADATIONS, LEVELS
from fiqx_trt.rows import read_table
from support.files import arrays
from support.pages import read_report


def test_the_demonstration_writes_everything_it_names(tmp_path: Path) -> None:
    result = run_demo(tmp_path / "demo")
    assert len(result.steps) == 1 + len(DEGRADATIONS) * len(LEVELS)
    for name in result.written:
        assert (tmp_path / "demo" / name).exists(), name
    rows = list(read_table(tmp_path / "demo" / "scores.csv"))
    assert len(rows) == len(result.steps)
    assert all(row["status"] == "ok" for row in rows)
    assert {step.raw for step in result.steps} == {row["serfiq"] for row in rows}
    for picture in ("ladder.png", "maps.png", "amva/mam.png", "amva/faces.png"):
        assert cv2.imread(str(tmp_path / "demo" / picture)).std() > 10
    maps = arrays(tmp_path / "demo" / "maps.npz")
    assert maps["plq"].shape == maps["activation"].shape == (len(result.steps), 150, 150)
    assert all(0 <= maps[name].min() < maps[name].max() <= 1 for name in ("plq", "activation"))
    page = read_report(tmp_path / "demo")
    assert len(page.pictures) == 5
    assert len(page.tables[0]) == 1 + len(result.steps)
    assert [row[2] for row in page.tables[0][1:]] == [f"{step.scaled:.2f}" for step in result.steps]
    assert "This is one face." in page.text
    assert "The built-in network (dlib's ResNet) is small, open and old" in page.text
    with pytest.raises(OutputError, match="holds an earlier demonstration; give --overwrite"):
        run_demo(tmp_path / "demo")
