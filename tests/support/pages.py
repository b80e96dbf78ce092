"""Reading a report as a browser would, strictly: every tag closed where it was opened, nothing fetched, every picture whole."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import cv2
import numpy as np

from support.browser import REQUIRED, axe_violations, browser, browser_path

VOID = {"meta", "link", "img", "br", "hr", "input", "source"}
#: Attributes that make a browser fetch or run something.
FETCHING = {"src", "srcset", "data", "poster", "action", "formaction", "background", "manifest", "ping"}
ALLOWED = {
    *("html", "head", "meta", "title", "link", "style", "body", "header", "nav", "main", "section", "footer"),
    *(
        "h1",
        "h2",
        "p",
        "ul",
        "li",
        "a",
        "span",
        "b",
        "dl",
        "div",
        "dt",
        "dd",
        "figure",
        "picture",
        "source",
        "img",
        "figcaption",
    ),
    *("table", "caption", "thead", "tbody", "tr", "th", "td"),
}
#: What the table of all rows has beside these.
EXPLORER = {
    "noscript",
    "script",
    "label",
    "input",
    "select",
    "button",
    "kbd",
    "svg",
    "dialog",
    "details",
    "summary",
    "canvas",
}


@dataclass
class Read:
    """What a page holds."""

    text: str = ""
    kind: str = ""
    headings: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    alts: list[str] = field(default_factory=list)
    pictures: list[np.ndarray] = field(default_factory=list)
    tables: list[list[list[str]]] = field(default_factory=list)
    rows: dict[str, object] = field(default_factory=dict)  # the block of JSON behind the table of all rows


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.ids: list[str] = []
        self.read = Read()
        self.dark: np.ndarray | None = None
        self.styles: list[str] = []
        self.scripts: list[str] = []
        self.rows: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = dict(attributes)
        assert len(values) == len(attributes), f"an attribute twice in <{tag}>"
        assert tag in ALLOWED | EXPLORER, tag
        assert tag != "script" or values in ({}, {"type": "application/json", "id": "rows"})
        assert "style" not in values  # the policy forbids it
        assert not any(name.startswith("on") for name in values), values
        self.ids += [values["id"]] if "id" in values else []
        for name in FETCHING & set(values):
            assert (tag, name) in {("img", "src"), ("source", "srcset")}, (tag, name)
            assert str(values[name]).startswith(("data:image/png;base64,", "data:image/jpeg;base64,"))
        if "href" in values:
            self._address(tag, str(values["href"]))
        if tag in ("source", "img"):
            self._picture(tag, values)
        if tag == "th":
            assert values["scope"] in ("col", "row")
        if tag == "table" and values.get("role") != "grid":  # that of all rows is filled by its script
            self.read.tables.append([])
        if tag == "tr":
            self.read.tables[-1].append([])
        if tag in ("td", "th"):
            self.read.tables[-1][-1].append("")
        if tag in ("h1", "h2") and "dialog" not in self.open:
            self.read.headings.append("")
        if tag not in VOID:
            self.open.append(tag)

    def _address(self, tag: str, address: str) -> None:
        if tag == "link":
            assert address == "data:,"
            return
        assert not re.match(r"[a-zA-Z][\w+.-]*:|/", address), address
        self.read.links.append(address)

    def _picture(self, tag: str, values: dict[str, str | None]) -> None:
        if tag == "source":
            assert values["media"] == "screen and (prefers-color-scheme: dark)"
            self.dark = _decoded(values["srcset"])
            return
        assert values["alt"]
        self.read.alts.append(str(values["alt"]))
        picture = _decoded(values["src"])
        if "picture" in self.open:  # the same, for dark pages
            assert self.dark is not None
            assert self.dark.shape == picture.shape
            assert self.dark[0, 0].max() < 64 < picture[0, 0].min()
        self.dark = None
        shape = int(str(values["height"])) / int(str(values["width"]))
        assert abs(shape - picture.shape[0] / picture.shape[1]) < 0.02
        self.read.pictures.append(picture)

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1:] == [tag], (tag, self.open)
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if "style" in self.open:
            assert "url(" not in data
            assert "@import" not in data
            self.styles.append(data)
            return
        if "script" in self.open:
            (self.scripts if self.get_starttag_text() == "<script>" else self.rows).append(data)
            return
        self.read.text += data
        if self.get_starttag_text() == '<p class="kind">':
            self.read.kind = self.read.kind or data
        if self.open and self.open[-1] in ("td", "th"):
            self.read.tables[-1][-1][-1] += data
        if self.open and self.open[-1] in ("h1", "h2") and "dialog" not in self.open:
            self.read.headings[-1] += data


def _decoded(address: str | None) -> np.ndarray:
    data = base64.b64decode(str(address).split(",")[1], validate=True)
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return picture


def read_page(text: str) -> Read:
    """Read a page; every rule it breaks is an assertion."""
    assert text.startswith('<!DOCTYPE html>\n<html lang="en">')
    assert "default-src 'none'" in text
    # What no HTML document may hold: control characters, surrogates, characters that are none.
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]", text)
    reader = _Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == []
    _check_policy(text, reader)
    assert len(set(reader.ids)) == len(reader.ids)
    read = reader.read
    inside = [link[1:] for link in read.links if link.startswith("#")]
    assert set(inside) <= set(reader.ids)
    assert len(read.headings) >= 2
    assert all(read.headings)
    for table in read.tables:
        assert len({len(row) for row in table}) == 1
    return read


def _check_policy(text: str, reader: _Reader) -> None:
    """Style sheet and script are named by their hash, nothing else may run, and pictures come from beside the page at most."""
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)
    assert policy is not None
    rules = dict(rule.split(" ", 1) for rule in policy[1].split("; "))
    hashes = [base64.b64encode(hashlib.sha256("".join(part).encode()).digest()).decode() for part in
              (reader.styles, reader.scripts)]  # fmt: skip
    assert rules.pop("style-src") == f"'sha256-{hashes[0]}'"
    pictures = "data:"
    if reader.rows:
        assert rules.pop("script-src") == f"'sha256-{hashes[1]}'"
        pictures = "'self' data:"
        reader.read.rows = json.loads("".join(reader.rows))
    assert not reader.scripts or reader.rows
    assert rules == {
        "default-src": "'none'",
        "img-src": pictures,
        "base-uri": "'none'",
        "form-action": "'none'",
    }


#: Kinds of pages that the browser looked at, each once in a process.
_SEEN: set[str] = set()


def _look_at(path: Path, read: Read) -> None:
    """Let a browser open the first page of each kind, wide and narrow, light and dark; axe finds nothing there."""
    if read.kind in _SEEN or (browser_path() is None and os.environ.get(REQUIRED) != "1"):
        return
    _SEEN.add(read.kind)

    def body(page: Any) -> None:
        assert axe_violations(page) == []
        page.emulate_media(color_scheme="dark")
        page.set_viewport_size({"width": 400, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= 400
        assert axe_violations(page, "color-contrast") == []

    browser().visit(path, body, wait=bool(read.rows))


def read_report(folder: Path) -> Read:
    """Read ``report.html`` of a folder; every link leads to a file there."""
    read = read_page((folder / "report.html").read_text(encoding="utf-8"))
    for link in read.links:
        if not link.startswith("#"):
            assert (Path(folder) / unquote_to_bytes(link).decode("utf-8", "surrogateescape")).exists(), link
    _look_at(folder / "report.html", read)
    assert read.pictures
    assert {"Read with care", "How it was made", "Files"} <= set(read.headings)
    return read
