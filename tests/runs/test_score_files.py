"""A run over files from Python is the command's: the same bytes, the same ways to go on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import fiqx_trt as fx
from fiqx_trt.errors import InvalidInputError, OutputError, SourceError


def command(folder: Path, model: Path, out: Path) -> None:
    """Run the command in a process of its own."""
    line = [
        sys.executable,
        "-m",
        "fiqx_trt",
        "score",
        folder,
        "--aligned",
        "--model",
        model,
        "--out",
        out,
        "-q",
    ]
    done = subprocess.run(
        list(map(str, line)), env=dict(os.environ), capture_output=True, text=True, check=False
    )
    assert done.returncode == 3, done.stderr


def test_the_table_is_the_commands(messy_crops: Path, small_model: Path, tmp_path: Path) -> None:
    command(messy_crops, small_model, tmp_path / "command.csv")
    done = fx.score_files(messy_crops, tmp_path / "python.csv", small_model, aligned=True)
    assert done.table == tmp_path / "python.csv"
    assert done.table.read_bytes() == (tmp_path / "command.csv").read_bytes()
    assert done.counts == {"decode_error": 1, "ok": 6}
    assert done.complete
    records = [json.loads((tmp_path / f"{name}.csv.meta.json").read_text()) for name in ("command", "python")]
    assert records[0]["configuration_sha256"] == records[1]["configuration_sha256"]
    assert records[1]["command_line"][0] == "fiqx_trt.score_files"


def test_a_stopped_run_goes_on_to_the_same_bytes(
    messy_crops: Path, small_model: Path, tmp_path: Path
) -> None:
    whole = fx.score_files([messy_crops], tmp_path / "whole.csv", small_model, aligned=True)
    out = tmp_path / "parts.csv"
    part = fx.score_files([messy_crops], out, small_model, aligned=True, batch=2, stop=lambda: True)
    assert not part.complete
    assert 0 < sum(part.counts.values()) < 7
    seen: list[int] = []
    rest = fx.score_files(
        [messy_crops],
        out,
        small_model,
        aligned=True,
        resume=True,
        report=lambda *, done, failed: seen.append(done),
    )
    assert rest.complete
    assert rest.counts == whole.counts
    assert seen[-1] == 7 - sum(part.counts.values())
    assert out.read_bytes() == whole.table.read_bytes()


def test_an_earlier_table_is_left_alone(messy_crops: Path, small_model: Path, tmp_path: Path) -> None:
    out = tmp_path / "s.csv"
    out.write_text("precious")
    with pytest.raises(OutputError, match=r"in Python: resume=True or overwrite=True"):
        fx.score_files(messy_crops, out, small_model, aligned=True)
    assert out.read_text() == "precious"
    assert fx.score_files(messy_crops, out, small_model, aligned=True, overwrite=True).complete


def test_mistakes_are_said_before_a_model_is_opened(tmp_path: Path) -> None:
    out = tmp_path / "s.csv"
    with pytest.raises(InvalidInputError, match=r"exclude each other.*resume=True"):
        fx.score_files("photos", out, resume=True, overwrite=True)
    with pytest.raises(InvalidInputError, match=r"contradict each other.*aligned=True"):
        fx.score_files("photos", out, aligned=True, detector="mtcnn")
    with pytest.raises(InvalidInputError, match=r"no quality method is called 'beauty'; there are .*serfiq"):
        fx.score_files("photos", out, methods=["beauty"])
    with pytest.raises(InvalidInputError, match=r"methods is 'serfiq'; give a list of names"):
        fx.score_files("photos", out, methods="serfiq")
    with pytest.raises(SourceError, match="no such file or folder"):
        fx.score_files(tmp_path / "nowhere", out)
