"""The package on the page ``docs/extending.md`` is written, installed, checked and used as it stands there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from fiqx_trt import testing
from fiqx_trt.faces.detect import DETECTORS
from fiqx_trt.importers import FORMATS
from fiqx_trt.models.probe import probe_faces
from fiqx_trt.quality.base import METHODS
from fiqx_trt.rows import RunMeta, read_table
from fiqx_trt.runtime import BACKENDS
from support.nets import save, small_recogniser

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
FILES = re.findall(r"<!-- file: (\S+) -->\n```\w+\n(.*?)```", PAGE, flags=re.DOTALL)
COMMANDS = re.findall(r"<!-- run -->\n```bash\n(.*?)```", PAGE, flags=re.DOTALL)
PROGRAMS = re.findall(r"<!-- run: python -->\n```python\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the page, and those that its commands name."""
    folder = tmp_path_factory.mktemp("mine")
    for name, text in FILES:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    save(small_recogniser(), folder / "small.onnx")
    contract = {"mean": [127.5] * 3, "std": [127.5] * 3, "color": "rgb", "template": "arcface"}
    (folder / "small.json").write_text(json.dumps(contract))
    (folder / "theirs.txt").write_text("a/1.jpg 87%\na/2.jpg 12.5%\n")
    (folder / "photos").mkdir()
    for index, face in enumerate(probe_faces((90, 80), count=3)):
        cv2.imwrite(str(folder / "photos" / f"{index}.png"), face[:, :, ::-1])
    return folder


def run(desk: Path, *line: str, **more: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {"PYTHONPATH": "", **os.environ, "PATH": path, **more}
    return subprocess.run(line, cwd=desk, env=environment, capture_output=True, text=True, check=False)


def test_the_page_runs_as_it_stands(desk: Path) -> None:
    assert (len(FILES), len(COMMANDS), len(PROGRAMS)) == (6, 1, 1)
    done = run(desk, "bash", "-euo", "pipefail", "-c", COMMANDS[0])
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert "1 passed" in done.stdout
    rows = list(read_table(desk / "scores.csv"))
    assert [row["status"] for row in rows] == ["ok"] * 3
    assert [(row["x0"], row["x1"], row["y1"]) for row in rows] == [(0, 80, 90)] * 3
    meta = RunMeta.read(desk / "scores.csv.meta.json")
    assert (meta.backend, meta.parameters["contrast.channel"], meta.parameters["contrast.margin"]) == (
        "slow",
        "red",
        0,
    )
    assert [row["percent"] for row in read_table(desk / "theirs.csv")] == [87.0, 12.5]
    paths = os.pathsep.join(["site", *filter(None, [os.environ.get("PYTHONPATH")])])
    program = run(desk, sys.executable, "-c", PROGRAMS[0], PYTHONPATH=paths)
    assert program.returncode == 0, program.stderr
    assert "3 rows: 3 ok" in program.stdout
    assert "contrast" in program.stdout


def test_the_page_names_every_group_and_every_check() -> None:
    groups = set(re.findall(r"`(fiqx_trt\.(?:quality|detectors|importers|backends))`", PAGE))
    assert groups == {table.group for table in (METHODS, DETECTORS, FORMATS, BACKENDS)}
    assert set(re.findall(r"`(check_\w+)`", PAGE)) == {
        name for name in testing.__all__ if name.startswith("check_")
    }


def test_linked_files_exist() -> None:
    links = re.findall(r"\]\(([\w./-]+)\)", PAGE)
    assert links
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []
