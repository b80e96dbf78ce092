"""The commands of ``docs/`` run as they stand, on real faces or, where there are none, on made ones."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import cv2

from fiqx_trt.experiments.degradations import degrade
from fiqx_trt.models.probe import probe_faces

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "docs" / "evaluation.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"<!-- run -->\n```bash\n(.*?)```", TEXT, flags=re.DOTALL)


def made_people(folder: Path) -> None:
    """Six people, five pictures each, at the size of the default model."""
    steps = (("blur", 0.0), ("blur", 0.4), ("noise", 0.5), ("occlusion", 0.6), ("darkness", 0.7))
    for person, face in enumerate(probe_faces((112, 112), count=6)):
        (folder / f"p{person}").mkdir(parents=True)
        for index, (kind, level) in enumerate(steps):
            cv2.imwrite(str(folder / f"p{person}" / f"{index}.png"), degrade(face, kind, level)[:, :, ::-1])


def run_all(desk: Path) -> None:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    for command in COMMANDS:
        line = ["bash", "-euo", "pipefail", "-c", command]
        done = subprocess.run(
            line, cwd=desk, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
        )
        # 3: finished, and some photos hold no face
        assert done.returncode in (0, 3), f"{command}\n{done.stderr}"
    figures = (
        "edc-out/edc.png",
        "overlap-out/overlap.png",
        *(f"amva-out/{n}.png" for n in ("mam", "mdam", "d-am-v", "faces")),
    )
    for figure in figures:
        assert cv2.imread(str(desk / figure)).std() > 5, figure


def test_the_evaluation_example(development_faces: Path, tmp_path: Path, mobilefacenet_file: Path) -> None:
    """Real photos stand in for people where they are: every command must cope with photos as they are."""
    assert len(COMMANDS) == 5
    if development_faces.is_dir():
        shutil.copytree(development_faces, tmp_path / "people")
    else:
        made_people(tmp_path / "people")
    run_all(tmp_path)
