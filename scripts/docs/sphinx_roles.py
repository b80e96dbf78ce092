"""Turns the roles of docstrings into Markdown, for the reference of the documentation site.

``:func:`fiqx_trt.score``` becomes a link where the name has a place in the reference, and code where it has none.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

from griffe import Extension

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference"
ROLE = re.compile(r":(?:func|class|meth|mod|data|attr|exc):`(~?)([\w.]+)`")
#: What announces a block of code: two colons, alone on a line or behind a sentence.
EXAMPLE = re.compile(r"(?:(?<=\n)::|:(:))(?=\n\s*\n)")
TABLE = re.compile(
    r"^(?P<border>=+(?: +=+)+)\n(?P<head>.+)\n(?P=border)\n(?P<rows>(?:.+\n)+?)(?P=border)(?:\n|\Z)",
    flags=re.MULTILINE,
)
#: Parameters that share a description, and the description.
SHARED = re.compile(r"^(\w+(?:, \w+)+)\n((?:[ ]{4}.*\n?|\n(?=[ ]{4}))+)", flags=re.MULTILINE)


class SphinxRoles(Extension):
    """Rewrites every docstring when it is read."""

    def on_object(self, *, obj: Any, **_: Any) -> None:
        """Rewrite the docstring of a module, class, function or attribute."""
        if obj.docstring is not None:
            obj.docstring.value = markdown(obj.docstring.value)


def markdown(text: str) -> str:
    """Return a docstring as Markdown, with one entry for each parameter and error, so that each gets its own type or link."""
    for title in ("\nParameters\n----------\n", "\nRaises\n------\n"):
        head, found, sections = text.partition(title)
        own, line, others = sections.partition("\n\n")
        text = head + found + SHARED.sub(_each, own) + line + others
    return EXAMPLE.sub(lambda found: found[1] or "", ROLE.sub(_link, TABLE.sub(_table, text)))


def _table(found: re.Match[str]) -> str:
    """Return a table of Markdown in place of one whose columns lie below lines of equal signs."""
    starts = [column.start() for column in re.finditer("=+", found["border"])]
    cells = [slice(start, end) for start, end in zip(starts, [*starts[1:], None], strict=True)]
    head, *rows = [
        [line[one].strip() for one in cells] for line in (found["head"], *found["rows"].splitlines())
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)) + "\n"


def _each(found: re.Match[str]) -> str:
    return "".join(f"{name}\n{found[2].rstrip()}\n" for name in found[1].split(", "))


def _link(found: re.Match[str]) -> str:
    name = found[2].rpartition(".")[2] if found[1] else found[2]
    place = places().get(found[2]) or places().get(found[2].rpartition(".")[2])
    return f"[`{name}`][{place}]" if place else f"`{name}`"


@functools.cache
def places() -> dict[str, str]:
    """Return the names that the pages of the reference show, by themselves and by their last word, where that is unique."""
    shown = [
        name
        for page in sorted(REFERENCE.glob("*.md"))
        for name in re.findall(r"^::: ([\w.]+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    ]
    last = [name.rpartition(".")[2] for name in shown]
    unique = {word: name for word, name in zip(last, shown, strict=True) if last.count(word) == 1}
    return {**unique, **{name: name for name in shown}}
