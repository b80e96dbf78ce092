"""The documentation site builds without a warning, fetches nothing from elsewhere, and leaves no public name out."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import fiqx_trt
from fiqx_trt import errors, kernels, testing
from fiqx_trt.faces.prepare import STATUSES
from fiqx_trt.quality import method_names
from fiqx_trt.rows import BASE_COLUMNS, DETECTION_COLUMNS, RunMeta
from support.browser import axe_violations, browser
from support.command_lines import commands
from support.documents import ROOT

#: Attributes that make a browser fetch something; of links, those with the relations that do.
FETCHING = {"src", "srcset", "data", "poster", "action", "background"}
ADDRESS = re.compile(r"(?:https?:)?//", flags=re.IGNORECASE)


class Page(HTMLParser):
    """The addresses that a page fetches, the anchors it has, and its text without code."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.anchors: set[str] = set()
        self.text = ""
        self._code = 0
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attributes}
        self.fetched += [values[name] for name in FETCHING & values.keys()]
        if tag == "link" and values.get("rel") not in ("canonical", "prev", "next"):
            self.fetched.append(values["href"])
        self.anchors.add(values.get("id", ""))
        self._code += tag in ("code", "script", "style")

    def handle_endtag(self, tag: str) -> None:
        self._code -= tag in ("code", "script", "style")

    def handle_data(self, data: str) -> None:
        if not self._code:
            self.text += data


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if importlib.util.find_spec("mkdocs") is None:
        pytest.skip('the site is built with the extra docs (pip install -e ".[docs]")')
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, Page]:
    return {str(path.relative_to(site)): Page(path) for path in sorted(site.rglob("*.html"))}


def test_nothing_is_fetched_from_elsewhere(site: Path, pages: dict[str, Page]) -> None:
    assert len(pages) > 20
    assert {
        (name, address) for name, page in pages.items() for address in page.fetched if ADDRESS.match(address)
    } == set()
    for sheet in site.rglob("*.css"):
        fetched = re.findall(r"(?:url\(|@import)\s*[\"']?([^\"')]+)", sheet.read_text(encoding="utf-8"))
        assert [address for address in fetched if ADDRESS.match(address)] == []


def test_every_address_of_the_site_exists(site: Path, pages: dict[str, Page]) -> None:
    for name, page in pages.items():
        for address in page.fetched:
            folder = (
                site if address.startswith("/") else (site / name).parent
            )  # of 404.html, which any address leads to
            file = folder / address.lstrip("/").partition("?")[0].partition("#")[0]
            assert address.startswith("data:") or file.exists(), (name, address)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_shows_the_site_from_its_folder(site: Path, scheme: str) -> None:
    """The search finds pages without a server, nothing is wider than a narrow screen, and axe finds nothing serious."""

    def look(page: Any) -> None:
        page.set_viewport_size({"width": 400, "height": 800})
        page.wait_for_function("document.documentElement.scrollWidth <= 400")
        page.set_viewport_size({"width": 1200, "height": 900})
        page.wait_for_selector("input.md-search__input")
        assert axe_violations(page, "color-contrast", "link-in-text-block", "aria-dialog-name") == []
        page.fill("input.md-search__input", "threshold")
        page.wait_for_selector(".md-search-result__item a[href*='thresholds.html']", state="attached")

    browser().visit(site / "index.html", look, wait=False, color_scheme=scheme)


def test_docstrings_are_rendered(pages: dict[str, Page]) -> None:
    """No role, directive or table of reStructuredText is left in the text of a page."""
    for name, page in pages.items():
        if name.startswith("reference/"):
            assert (
                re.findall(
                    r":(?:func|class|meth|mod|data|attr|exc|math):|\.\. \w+::|={4,}|`{1,2}\w", page.text
                )
                == []
            ), name


def test_the_reference_leaves_nothing_out(pages: dict[str, Page]) -> None:
    anchors = {anchor for page in pages.values() for anchor in page.anchors}
    public = {f"fiqx_trt.{name}" for name in fiqx_trt.__all__} - {"fiqx_trt.__version__", "fiqx_trt.kernels"}
    public |= {f"fiqx_trt.errors.{name}" for name in errors.__all__}
    public |= {f"fiqx_trt.testing.{name}" for name in testing.__all__}
    public |= {f"fiqx_trt.kernels.{name}" for name in kernels.__all__}
    assert public - anchors == set()


def test_every_option_is_in_the_reference(site: Path) -> None:
    text = (site / "reference" / "cli.html").read_text(encoding="utf-8")
    for words, command in commands():
        if words:
            heading = f"fiqx-trt-{words.replace(' ', '-')}"
            section = text[text.index(f'id="{heading}"') :]
            for option in command.params:
                assert all(f"<code>{name}" in section for name in option.opts if name.startswith("--")), (
                    words,
                    option,
                )


def test_the_page_of_tables_names_every_column_and_status() -> None:
    text = (ROOT / "docs" / "reference" / "tables.md").read_text(encoding="utf-8")
    columns = {column.name for column in BASE_COLUMNS}
    columns |= {column.name for column in DETECTION_COLUMNS if "_" not in column.name}
    fields = set(RunMeta.__dataclass_fields__)
    assert {name for name in columns | fields | {*STATUSES, "crashed"} if f"`{name}`" not in text} == set()


def test_the_page_of_methods_names_every_method() -> None:
    text = (ROOT / "docs" / "methods.md").read_text(encoding="utf-8")
    assert [
        name for name in method_names() if f"`{name}`" not in text and f"--method {name}`" not in text
    ] == []


def test_the_figures_of_the_page_of_meaning_are_measured_ones() -> None:
    """Every figure with a band, and every figure of a table, stands in benchmarks/RESULTS.md or in the table of known models."""
    text = (ROOT / "docs" / "meaning.md").read_text(encoding="utf-8")
    measured = (ROOT / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8")
    bands = re.findall(r"[-+−]?[\d.]*\.\d+ \[[-+−]?[\d.]+, [-+−]?[\d.]+\]", " ".join(text.split()))
    cells = [
        cell
        for row in re.findall(r"^\| .*\.\d+.* \|$", text, flags=re.MULTILINE)
        for cell in re.findall(r"\.\d\d\b", row)
    ]
    assert len(bands) > 8
    assert len(cells) > 10
    flat = " ".join(measured.split()).replace("**", "")
    assert [figure for figure in [*bands, *cells] if figure not in flat] == []
