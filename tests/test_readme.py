"""The README's examples run as they stand: every block behind ``<!-- run -->``."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from support.desk import crops, photos
from support.documents import ROOT, Block, blocks, run_block, run_in_shell

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = [block for block in blocks(ROOT / "README.md") if block.runs]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``photos`` and ``crops`` in it, as the README assumes."""
    folder = tmp_path_factory.mktemp("readme")
    photos(folder / "photos")
    (folder / "photos" / "wall.jpg").unlink()
    (folder / "photos" / "damaged.jpg").unlink()
    crops(folder / "crops")
    return folder


def test_there_are_examples() -> None:
    assert {block.language for block in BLOCKS} == {"bash", "python"}


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.text.splitlines()[0][:40])
def test_example(desk: Path, block: Block, monkeypatch: pytest.MonkeyPatch, mobilefacenet_file: Path) -> None:
    monkeypatch.chdir(desk)
    if (
        block is BLOCKS[0]
    ):  # one with the program as users have it; a process for each would cost as much as the examples
        run_in_shell(block.text, desk, statuses=(0,))
    else:
        run_block(block, desk, statuses=(0,))


def test_the_two_commands_stand_there() -> None:
    assert 'python -m pip install ".[demo]" && fiqx-trt demo --out demo-out\n' in README
    assert 'python -m pip install ".[test]" && python -m pytest\n' in README


def test_linked_files_exist() -> None:
    missing = [link for link in re.findall(r"\]\(([\w./-]+)\)", README) if not (ROOT / link).exists()]
    assert missing == []
