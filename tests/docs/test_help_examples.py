"""The examples of ``--help`` that are cheap run as they stand there; the others are parsed in ``tests/cli/test_help.py``."""

from __future__ import annotations

from pathlib import Path

import pytest

from fiqx_trt.cli.examples import EXAMPLES
from support.desk import make_desk
from support.documents import Block, run_block

#: In the order in which they make what later ones read.
CHEAP = (
    "score",
    "overlap",
    "import",
    "sample",
    "pack",
    "doctor",
    "calibrate",
    "model",
    "model list",
    "model set",
    "engine list",
)
#: They take a model through every backend, compute gradients, or need a run of three jobs.
LEFT_OUT = ("--json", "calibrate crops --aligned --model own.onnx\n", "--share")


def test_they_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mobilefacenet_file: Path) -> None:
    desk = make_desk(tmp_path / "desk")
    monkeypatch.chdir(desk)
    lines = [f"{example.line}\n" for words in CHEAP for example in EXAMPLES[words]]
    run = [line for line in lines if not any(mark in line for mark in LEFT_OUT)]
    assert len(run) >= 15
    for line in run:
        run_block(Block("bash", line, "run"), desk)
    assert (desk / "scores.csv").is_file()
    assert (desk / "overlap-out" / "report.html").is_file()
    assert (desk / "packed" / "photos-000000.tar").is_file()
    assert len((desk / "cr.csv").read_text().splitlines()) == 13
