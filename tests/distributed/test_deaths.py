"""Workers and drivers that die: nothing is lost, nothing is doubled, and a deadly picture is one row."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from distributed.conftest import picture
from fiqx_trt.rows import read_table
from fiqx_trt.runs.options import Inputs
from support.parts import merged, parts, whole

POISON = b"\x89PNG poison"


def poisoned(inputs: Inputs) -> list[str]:
    """Put pictures among the inputs at which the worker dies (see `deadly`)."""
    names = ["loose/new\nline 2.png", "loose/new\nline 3.png"]
    for name in names:
        Path(name).write_bytes(POISON)
    return names


@pytest.fixture(params=["os.kill(os.getpid(), signal.SIGSEGV)", "raise CudaError('the device failed')"])
def deadly(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Make workers die at a picture: a module that Python imports at its start replaces the decoder."""
    hook = tmp_path / "hook"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(
        "import os, signal\n"
        "from fiqx_trt.errors import CudaError\n"
        "import fiqx_trt.faces.sources as sources\n"
        "read = sources.Source.read\n"
        "def deadly(self):\n"
        "    data = read(self)\n"
        "    if data.startswith(b'\\x89PNG poison'):\n"
        f"        {request.param}\n"
        "    return data\n"
        "sources.Source.read = deadly\n"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(hook), os.environ.get("PYTHONPATH", "")]))
    return "signal SIGSEGV" if "kill" in request.param else "the device failed"


def test_a_picture_that_kills_its_worker_is_one_row(settings, inputs, deadly: str) -> None:
    expected = whole(settings, inputs, "whole.csv")
    names = poisoned(inputs)
    done = parts(settings, inputs, engine="local", workers=2)
    assert done.complete
    assert done.counts["crashed"] == 2
    merged()
    rows = list(read_table(Path("merged.csv")))
    crashed = [row for row in rows if row["status"] == "crashed"]
    assert [row["path"] for row in crashed] == names
    assert all(row["error"] == f"the worker died of it: {deadly}" for row in crashed)
    assert not list(Path("run/_fiqx").glob("in-hand*"))
    before = {row["path"]: row for row in read_table(Path("whole.csv"))}
    assert all(row == before[row["path"]] for row in rows if row["status"] != "crashed")
    for name in names:
        Path(name).write_bytes(picture(100 + int(name[-5])))
    assert parts(settings, inputs, engine="local", mode="retry").complete
    assert merged() == expected


RUN = """
import sys
from fiqx_trt.distributed.run import score_parts
from fiqx_trt.faces import units
from fiqx_trt.runs.options import Inputs
from fiqx_trt.runs.options import FaceOptions, RuntimeOptions
from fiqx_trt.runs.settings import ScoreSettings

if __name__ == "__main__":
    units.LOOSE = 4
    runtime = RuntimeOptions(precision="fp32", threads=1)
    settings = ScoreSettings(model=sys.argv[1], faces=FaceOptions(aligned=True), runtime=runtime)
    done = score_parts(settings, Inputs(sys.argv[2:]), "run/", call=["test"], mode="resume", engine="local", workers=2)
    sys.exit(0 if done.complete else 1)
"""


@pytest.mark.slow
def test_a_killed_driver_and_two_runs_at_once(settings, inputs) -> None:
    expected = whole(settings, inputs, "whole.csv")
    Path("run.py").write_text(RUN)
    command = [sys.executable, "run.py", str(settings.model), *map(str, inputs.names)]
    killed = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not list(Path().glob("run/part-*")) and time.monotonic() < deadline:
        time.sleep(0.02)
    killed.kill()
    assert killed.communicate(timeout=60)[1] == ""  # its workers end without a word
    both = [subprocess.Popen(command) for _ in range(2)]
    assert [process.wait(timeout=120) for process in both] == [0, 0]
    assert merged() == expected


#: Kills of a random process of the run; FIQX_KILLS asks for more.
KILLS = int(os.environ.get("FIQX_KILLS", "5"))


@pytest.mark.slow
def test_kills_of_any_process_lose_and_double_nothing(settings, inputs) -> None:
    expected = whole(settings, inputs, "whole.csv")
    Path("run.py").write_text(RUN)
    draw = random.Random(5)
    kills = 0
    for _ in range(40):
        process = subprocess.Popen([sys.executable, "run.py", str(settings.model), *map(str, inputs.names)])
        tree = psutil.Process(process.pid)
        if kills < KILLS:
            time.sleep(draw.uniform(0.3, 3.0))
            with_children = [tree, *tree.children(recursive=True)]
            draw.choice(with_children).send_signal(signal.SIGKILL)
            kills += 1
        if process.wait(timeout=120) == 0 and kills >= KILLS:
            break
    assert kills == KILLS
    assert merged() == expected
