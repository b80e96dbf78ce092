"""Every command and program on the pages of the documentation runs as it stands there."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from support.command_lines import parse
from support.desk import make_desk
from support.documents import ROOT, Block, blocks, run_block

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
#: Pages with tests of their own, on other material.
ELSEWHERE = {
    "evaluation.md": "tests/test_docs.py",
    "extending.md": "tests/test_extending.py",
    "scale.md": "tests/test_docs_scale.py",
}
HERE = [page for page in PAGES if any(block.runs for block in blocks(page)) and page.name not in ELSEWHERE]


def named(page: Path) -> str:
    return str(page.relative_to(DOCS))


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the pages assume, made once."""
    return make_desk(tmp_path_factory.mktemp("desk"))


@pytest.mark.parametrize("page", HERE, ids=named)
def test_the_page_runs(
    page: Path, material: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mobilefacenet_file: Path
) -> None:
    desk = tmp_path / "desk"
    shutil.copytree(material, desk)
    monkeypatch.chdir(desk)
    for block in blocks(page):
        if block.runs:
            run_block(block, desk)


def code(page: Path) -> list[Block]:
    return [block for block in blocks(page) if block.language in ("bash", "python")]


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md"], ids=lambda page: page.name)
def test_every_block_runs_or_says_why_not(page: Path) -> None:
    """A block that is shown and not run says why; its commands of the program are parsed."""
    kinds = ("run", "file: ", "not run: ", "run: ", "run SLURM")
    silent = [block.text for block in code(page) if not block.mark.startswith(kinds)]
    if (
        page.name == "README.md"
    ):  # two commands are checked by test_readme.py, and the object store by test_docs_scale.py
        silent = [text for text in silent if "pip install" not in text and "s3://" not in text]
    assert silent == []
    for block in code(page):
        if block.language == "bash" and block.mark.startswith("not run: "):
            for line in block.lines():
                if line.startswith("fiqx-trt "):
                    parse(line)


def test_pages_with_tests_elsewhere_are_read_there() -> None:
    for name, test in ELSEWHERE.items():
        assert f'"{name}"' in (ROOT / test).read_text() or f"docs/{name}" in (ROOT / test).read_text()
