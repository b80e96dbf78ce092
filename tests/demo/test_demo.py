from __future__ import annotations

import logging
from itertools import product
from pathlib import Path

import cv2
import pytest

from fiqx_trt.demo import run_demo
from fiqx_trt.demo.run import open_model
from fiqx_trt.demo.story import lower_at_full_strength
from fiqx_trt.errors import OutputError
from fiqx_trt.experiments.degradations import DEGRADATIONS
from fiqx_trt.report.parts import model_cautions
from fiqx_trt.rows import read_table
from support.files import arrays
from support.pages import read_report


def test_the_demonstration_writes_everything_it_names(tmp_path: Path, mobilefacenet_file: Path) -> None:
    levels = (1.0,)  # a masked pass per face and channel: a quarter of the copies takes a quarter of the time
    result = run_demo(tmp_path / "demo", levels=levels)
    assert [(step.kind, step.level) for step in result.steps[1:]] == list(product(DEGRADATIONS, levels))
    assert result.steps[0].level == 0
    assert lower_at_full_strength(result.steps) == (len(DEGRADATIONS), len(DEGRADATIONS))
    for name in result.written:
        assert (tmp_path / "demo" / name).exists(), name
    rows = list(read_table(tmp_path / "demo" / "scores.csv"))
    assert len(rows) == len(result.steps)
    assert all(row["status"] == "ok" for row in rows)
    assert {step.raw for step in result.steps} == {row["serfiq"] for row in rows}
    for picture in ("ladder.png", "maps.png", "amva/mam.png", "amva/faces.png"):
        assert cv2.imread(str(tmp_path / "demo" / picture)).std() > 10
    maps = arrays(tmp_path / "demo" / "maps.npz")
    assert maps["plq"].shape == maps["activation"].shape == (len(result.steps), 112, 112)
    assert all(0 <= maps[name].min() < maps[name].max() <= 1 for name in ("plq", "activation"))
    page = read_report(tmp_path / "demo")
    assert len(page.pictures) == 5
    assert len(page.tables[0]) == 1 + len(result.steps)
    assert [row[2] for row in page.tables[0][1:]] == [f"{step.scaled:.2f}" for step in result.steps]
    assert "This is one face." in page.text
    assert "mobilefacenet" in page.text
    assert "small, open and old" not in page.text
    with pytest.raises(OutputError, match="exists already; give --overwrite"):
        run_demo(tmp_path / "demo")


def test_without_the_default_model_it_goes_on_with_the_embedded_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("FIQX_CACHE_DIR", str(tmp_path / "empty"))
    monkeypatch.setenv("FIQX_OFFLINE", "1")
    with caplog.at_level(logging.WARNING), open_model() as model:
        assert model.spec.name == "dlib-resnet"
        assert any("small, open and old" in note for note in model_cautions(model.spec))
    (told,) = [record.getMessage() for record in caplog.records if "mobilefacenet" in record.getMessage()]
    assert "cannot be fetched (FIQX_OFFLINE is set)" in told
    assert told.endswith("The demonstration goes on with the embedded dlib-resnet")
