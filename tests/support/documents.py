"""The blocks of code in the documents, and running them as they stand there."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

import pytest

from fiqx_trt.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(
    r"(?:^<!-- (?P<mark>[^\n]*) -->\n)?^```(?P<language>\w+)[^\n]*\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
#: What only a shell can do.
SHELL = re.compile(r"[|;&<>$`]")


@dataclass(frozen=True)
class Block:
    """A block of code, and the comment before it: ``run``, ``run: …``, ``file: …``, ``not run: …``, or nothing."""

    language: str
    text: str
    mark: str

    @property
    def runs(self) -> bool:
        return self.mark == "run"

    def lines(self) -> list[str]:
        """The command lines of a bash block, each in one piece."""
        joined = self.text.replace("\\\n", " ")
        return [line.strip() for line in joined.splitlines() if line.strip() and not line.startswith("#")]


def blocks(path: Path) -> list[Block]:
    """Every block of code of a document."""
    found = FENCE.finditer(path.read_text(encoding="utf-8"))
    return [Block(one["language"], one["text"], (one["mark"] or "").strip()) for one in found]


def run_block(block: Block, desk: Path, statuses: tuple[int, ...] = (0, 3)) -> None:
    """Run a block in a folder, which is the working directory: commands of the program and Python in this process.

    Of the exit statuses 3 says that a command finished, and that some pictures hold no face.
    """
    assert Path.cwd() == desk
    if block.language == "python":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of other packages, such as torch's exporter
            exec(compile(block.text, "a document", "exec"), {"__name__": "__main__"})
        return
    assert block.language == "bash"
    for line in block.lines():
        if line.startswith("fiqx-trt ") and not SHELL.search(line):
            _run_command(line, statuses)
        else:
            run_in_shell(line, desk, statuses)


def _run_command(line: str, statuses: tuple[int, ...]) -> None:
    with pytest.raises(SystemExit) as left:
        main(shlex.split(line)[1:])
    assert (left.value.code or 0) in statuses, line


def run_in_shell(line: str, desk: Path, statuses: tuple[int, ...] = (0, 3)) -> None:
    """Run lines in a shell of their own, with the program as users have it."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", line],
        cwd=desk,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in statuses, f"{line}\n{done.stderr}"
