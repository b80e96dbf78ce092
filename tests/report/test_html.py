"""The page: valid, self-contained, escaped, the same bytes every time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.report.html import Card, Cards, Facts, Figure, Files, Notes, Page, Section, Table
from fiqx_trt.report.parts import decimal, drawn, interval, save_page
from fiqx_trt.runs.record import RunRecord
from fiqx_trt.text import visible
from support.pages import read_page, read_report

HOSTILE = [
    "<script>alert(1)</script>",
    "</style><script src=//x.example/y.js></script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "two\nlines\tand\rmore",
    "caf\udce9 \ud800.png",
    "nul\0 esc\x1b[31m del\x7f c1\x85",
    "\u202egnp.exe \u2066x",
    "\ufffe\U0001ffff\ufdd0",
    "&amp; &lt; &#x3c;",
    "javascript:alert(1)",
    "https://x.example/?a=b&c=d#e",
    "-->]]><!--",
    "日本語 é ü",
]


def png(width: int = 8, height: int = 6) -> bytes:
    return cv2.imencode(".png", np.full((height, width, 3), 99, np.uint8))[1].tobytes()


def page(word: str = "word", path: str = "data.csv") -> Page:
    table = Table(
        f"t {word}", ("name", f"n {word}"), [(word, "−0.25 [0.1, 0.2]"), ("b", "–")], f"note {word}"
    )
    figure = Figure(png(), f"alt {word}", f"caption {word}", f"reading {word}", 0, (path, path))
    parts = [word, Notes([word]), Notes([word], warning=True), Facts([(word, word)]), table, figure]
    sections = [
        Section(f"One {word}", parts),
        Section("Empty", []),
        Section("Two", [figure, table]),
        Section("Files", [Files([(path, word)])]),
    ]
    return Page(f"kind {word}", f"title {word}", f"lead {word}", sections, f"foot {word}")


@pytest.mark.parametrize("word", HOSTILE)
def test_whatever_is_written_stays_text(word: str) -> None:
    read = read_page(page(word, word.replace("/", "_").replace("\ud800", "")).html())
    assert read.text.count(visible(word)) >= 12
    assert read.alts == [f"alt {visible(word)}"] * 2
    assert len(read.tables) == 2


@given(st.text(st.characters(), max_size=40))
def test_any_text_stays_text(word: str) -> None:
    read = read_page(replace(page(), lead=word, foot=word).html())
    assert visible(word) in read.text


@pytest.mark.parametrize("word", HOSTILE)
def test_cards_hold_their_words_as_text(word: str) -> None:
    path = word.replace("/", "_").replace("\ud800", "")
    jpeg = cv2.imencode(".jpg", np.full((6, 8, 3), 99, np.uint8))[1].tobytes()
    cards = [
        Card(word, (word, ""), image, (8, 6), f"alt {word}", ((path, word), ("b", "map")))
        for image in (png(), jpeg)
    ]
    read = read_page(replace(page(), sections=[Section("s", [Cards([*cards, Card(word)])])]).html())
    assert read.text.count(visible(word)) == 8 - 1
    assert read.alts == [f"alt {visible(word)}"] * 2
    assert len(read.links) == 4


def test_the_parts_are_where_they_belong() -> None:
    read = read_page(page().html())
    assert read.headings == ["title word", "One word", "Two", "Files"]
    assert read.links == ["#part-1", "#part-2", "#part-3", *["data.csv"] * 5]
    assert read.tables[0] == [["name", "n word"], ["word", "−0.25 [0.1, 0.2]"], ["b", "–"]]
    for text in ("Figure 1.", "Figure 2.", "Table 1.", "Table 2.", "How to read it."):
        assert text in read.text


def test_the_same_content_has_the_same_bytes(tmp_path: Path) -> None:
    assert page().html() == page().html()
    save_page(page(), tmp_path)
    first = (tmp_path / "report.html").read_bytes()
    save_page(page(), tmp_path)
    assert (tmp_path / "report.html").read_bytes() == first == page().html().encode()
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]


def test_links_lead_to_files_whatever_their_names(tmp_path: Path) -> None:
    names = ["a b#c?d%41.csv", "x:y.npz", "caf\udce9.npz", '"quoted".csv', "<b>.csv", "new\nline.npz"]
    for name in names:
        (tmp_path / name).write_bytes(b"")
    sections = [
        Section(name, [page().sections[0].parts[-1]]) for name in ("Read with care", "How it was made")
    ]
    files = Section("Files", [Files([(name, "") for name in names])])
    save_page(replace(page(), sections=[*sections, Section("n", ["x"]), files]), tmp_path)
    (tmp_path / "data.csv").write_bytes(b"")
    read_report(tmp_path)


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (Table("t", ("a", "b"), [("c",)]), "a row of the table 't' has not 2 cells; give one per heading"),
        (
            Figure(b"GIF89a", "alt", "f"),
            "the figure 'f' is no PNG file or has no alternative text; give both",
        ),
        (Figure(png(), "", "f"), "the figure 'f' is no PNG file or has no alternative text; give both"),
        (
            Cards([Card("c", image=b"GIF89a", alt="alt")]),
            "the picture of 'c' is no PNG or JPEG file or has no alternative text; give both",
        ),
        (
            Cards([Card("c", image=png())]),
            "the picture of 'c' is no PNG or JPEG file or has no alternative text; give both",
        ),
        (Files([("/etc/passwd", "")]), "'/etc/passwd' lies outside the page's folder; give a path below it"),
        (Files([("\ud800", "")]), "no file can be called '\\\\ud800'; give the name of one"),
        (Files([("a/../../b", "")]), "'a/../../b' lies outside the page's folder; give a path below it"),
    ],
)
def test_what_cannot_be_shown_is_refused(part, message: str) -> None:
    with pytest.raises(InvalidInputError) as error:
        Page("k", "t", "l", [Section("s", [part])]).html()
    assert str(error.value) == message


def test_a_large_picture_is_made_smaller_and_keeps_its_size_on_screen() -> None:
    from fiqx_trt.figures.canvas import Picture, new_figure

    found = drawn(Picture(new_figure(10.0, 2.0), {"a": np.zeros(3)}), "wide", alt="nothing", caption="empty")
    pixels = cv2.imdecode(np.frombuffer(found.png, np.uint8), cv2.IMREAD_UNCHANGED)
    assert pixels.shape == (240, 1200, 3)
    assert found.width == 1200
    assert found.files == ["wide.png", "wide.npz"]


def test_numbers_in_words() -> None:
    assert decimal(-0.00001, 2) == "0.00"
    assert interval(0.5, 0.25, 0.75, 2) == "0.50 [0.25, 0.75]"
    assert interval(0.5, float("nan"), None, 2) == "0.50"
    assert RunRecord(["/usr/bin/fiqx-trt", "edc", "a b.csv"]).command == "fiqx-trt edc 'a b.csv'"
    assert RunRecord().command == "called from Python"
