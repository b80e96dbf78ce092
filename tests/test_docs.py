"""The commands of ``docs/evaluation.md`` run as they stand, on real faces or, where there are none, on made ones."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import pytest

from support.desk import people
from support.documents import ROOT, blocks, run_block

COMMANDS = [block for block in blocks(ROOT / "docs" / "evaluation.md") if block.runs]
FIGURES = (
    "edc-out/edc.png",
    "overlap-out/overlap.png",
    *(f"amva-out/{n}.png" for n in ("mam", "mdam", "d-am-v", "faces")),
)


def test_the_evaluation_example(
    development_faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mobilefacenet_file: Path
) -> None:
    """Real photos stand in for people where they are: every command must cope with photos as they are."""
    assert len(COMMANDS) == 5
    if development_faces.is_dir():
        shutil.copytree(development_faces, tmp_path / "people")
    else:
        people(tmp_path / "people")
    monkeypatch.chdir(tmp_path)
    for block in COMMANDS:
        run_block(block, tmp_path)
    for figure in FIGURES:
        assert cv2.imread(str(tmp_path / figure)).std() > 5, figure
