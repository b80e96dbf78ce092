from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fiqx_trt.text import escape_text, shown, unescape_text

# every code point there is, and a mix that hits the codes and their neighbourhoods often
ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()))
TRICKY = st.text(
    st.sampled_from(["\\", "x", "u", "d", "8", "0", "f", "é", "\0", "\udc80", "\udcff", "\ud800", "\n"])
)


@given(ANY_TEXT | TRICKY)
def test_round_trip(text: str) -> None:
    escaped = escape_text(text)
    assert unescape_text(escaped) == text
    assert escaped.encode("utf-8").decode("utf-8") == escaped
    assert "\0" not in escaped


@given(TRICKY, TRICKY)
def test_different_texts_stay_different(one: str, other: str) -> None:
    assert (escape_text(one) == escape_text(other)) == (one == other)


@given(st.binary().filter(lambda name: b"\0" not in name))
def test_any_file_name_survives(name: bytes) -> None:
    assert os.fsencode(unescape_text(escape_text(os.fsdecode(name)))) == name


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("caf\udce9.jpg", r"caf\xe9.jpg"),
        ("nul\0", r"nul\x00"),
        ("\ud800", r"\ud800"),
        (r"literal \x80", r"literal \\x80"),
        ("both \\\udc80", r"both \\\x80"),
        (r"photos\x.jpg \new \u0041 \xe \X80 \x7f", r"photos\x.jpg \new \u0041 \xe \X80 \x7f"),
        ("日本 é.jpg", "日本 é.jpg"),
    ],
)
def test_the_documented_rule(text: str, escaped: str) -> None:
    assert escape_text(text) == escaped
    assert unescape_text(escaped) == text


def test_shown_is_one_line() -> None:
    assert shown("a b.jpg") == "a b.jpg"
    assert shown("a\nb\udce9") == r"'a\nb\udce9'"
