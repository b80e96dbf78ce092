"""Every ``--help`` says all it has to say, and ends with examples that the real parser takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rich.markup import render

from fiqx_trt.cli.examples import EXAMPLES
from fiqx_trt.cli.names import NAMES
from support.command_lines import commands, parse

COMMANDS = dict(commands())


def test_every_command_has_examples() -> None:
    assert list(EXAMPLES) == list(COMMANDS)
    assert all(1 <= len(examples) <= 3 for examples in EXAMPLES.values())


@pytest.mark.parametrize("words", EXAMPLES)
def test_the_parser_takes_them(words: str) -> None:
    for example in EXAMPLES[words]:
        parsed, _ = parse(example.line)
        assert parsed == words or (parsed.startswith(words) and hasattr(COMMANDS[words], "commands"))
        assert not example.wish.endswith((".", ":"))


def test_a_line_that_is_none_is_refused() -> None:
    with pytest.raises(Exception, match="No such option: --metod"):
        parse("fiqx-trt score photos --metod serfiq --out a.csv")
    with pytest.raises(Exception, match=r"Missing .*out"):
        parse("fiqx-trt score photos")


def test_no_word_of_a_help_text_vanishes() -> None:
    """A text in square brackets is taken as a colour by the printer, and is not shown."""
    texts = {parameter.help for command in COMMANDS.values() for parameter in command.params}
    texts |= {command.help for command in COMMANDS.values()}
    assert [text for text in texts if render(text).plain != text] == []
    assert [text for text in texts if not text.rstrip(")").endswith((".", "…"))] == []


@pytest.mark.parametrize("words", ["", "score", "model"])
def test_the_help_shows_options_and_examples(
    words: str, cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    done = cli(f"{words} --help".strip())
    assert done.code == 0
    shown = " ".join(done.out.split())
    for parameter in COMMANDS[words].params:
        text = parameter.help
        for mark, names in NAMES.items():
            text = text.replace(mark, names())
        assert " ".join(text.split()) in shown
    lines = [line.strip() for line in done.out.splitlines()]
    for example in EXAMPLES[words]:
        assert lines[lines.index(example.line) - 1] == f"{example.wish}:"
    assert "<bool>" not in done.out
