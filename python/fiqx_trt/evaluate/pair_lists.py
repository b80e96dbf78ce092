"""Pair lists of verification sets, each with a grammar of its own: LFW and XQLFW, CPLFW and CALFW, InsightFace.

Every reader yields rows ``a, b, label`` with the line they stand on, which :class:`fiqx_trt.evaluate.pair_table.PairTable`
checks like any others. How they are told apart: :func:`recognise`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from fiqx_trt.errors import SourceError
from fiqx_trt.faces.bins import is_bin, open_bin
from fiqx_trt.files import open_regular
from fiqx_trt.importers.base import read_lines

__all__ = ["GRAMMARS", "LISTS", "ListRows", "recognise"]

#: Grammar → what it is called in messages.
GRAMMARS = {
    "comma": "rows a,b,label",
    "blank": "lines 'a b label'",
    "lfw": "a list of LFW's kind, 'name i j' and 'name i name j'",
    "cplfw": "a list of CPLFW's kind, two lines a pair",
    "insightface": "a verification set of InsightFace",
}
#: Bytes that are looked at to recognise a file.
HEAD = 1 << 16
_COUNTS = re.compile(r"[0-9]+(?:\s+[0-9]+)?")
_FLAGGED = re.compile(r"\S.*\s[0-9]+")


def recognise(path: Path) -> str:
    r"""Return which grammar a pairs file follows, one of :data:`GRAMMARS`, from how it begins.

    =====================  ==============================================================
    begins with            is
    =====================  ==============================================================
    a pickle, named .bin   InsightFace's ``(bins, issame)``
    one or two integers    LFW's ``pairs.txt``: folds and pairs in each, or pairs alone
    a comma in line 1      CSV
    two lines ``name 1``   CPLFW's list
    three fields or more   ``a b label``, separated by blanks or tabs
    =====================  ==============================================================
    """
    if is_bin(str(path)):
        return "insightface"
    with open_regular(path) as file:
        text = file.read(HEAD).decode("utf-8-sig", "replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()][:2]
    if not lines or "," in lines[0]:
        return "comma"
    if _COUNTS.fullmatch(lines[0]):
        return "lfw"
    if len(lines) == 2 and all(_FLAGGED.fullmatch(line) and len(line.split()) == 2 for line in lines):
        return "cplfw"
    return "blank" if len(lines[0].split()) >= 3 else "comma"


class ListRows:
    """Rows ``a, b, label`` of a list, with the line of the last one as a CSV reader tells it."""

    def __init__(self, path: Path, grammar: str) -> None:
        self._rows, self.line_num = LISTS[grammar](path), 0

    def __iter__(self) -> Iterator[list[str]]:
        return self

    def __next__(self) -> list[str]:
        self.line_num, fields = next(self._rows)
        return fields


def _blank(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the fields of each line: between tabs where there are two or more, so that names may hold blanks."""
    for line, text in read_lines(path):
        tabs = text.count("\t") > 1
        yield line, [field.strip() for field in text.split("\t")] if tabs else text.split()


def _lfw(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the pairs of LFW's lists; the first line says how many there are of each kind."""
    lines = read_lines(path)
    first, text = next(lines)
    counts = [_whole(path, first, word) for word in text.split()]
    wanted = counts[0] * (counts[1] if len(counts) > 1 else 1)
    counts = [0, 0]
    for line, text in lines:
        row = _lfw_pair(path, line, text)
        counts[int(row[2])] += 1
        yield line, row
    if counts != [wanted, wanted]:
        raise SourceError(
            f"{path}, line {first}: {wanted} genuine and as many impostor pairs are announced, but {counts[1]} and {counts[0]} "
            "follow; the file is cut, or its first line is to be corrected"
        )


def _whole(path: Path, line: int, text: str) -> int:
    if not text.isdecimal() or len(text) > 9:
        raise SourceError(
            f"{path}, line {line}: {text[:40]!r} is no whole number, as LFW's and CPLFW's lists have them"
        )
    return int(text)


def _lfw_pair(path: Path, line: int, text: str) -> list[str]:
    fields = text.split("\t") if "\t" in text else text.split()
    fields = [field.strip() for field in fields]
    numbers = fields[1:] if len(fields) == 3 else fields[1::2]
    if len(fields) not in (3, 4) or not all(number.isdecimal() for number in numbers):
        raise SourceError(
            f"{path}, line {line}: {text[:80]!r} is neither 'name i j' nor 'name i name j', as in LFW's lists"
        )
    for number in numbers:
        _whole(path, line, number)
    if len(fields) == 3:
        return [_lfw_name(fields[0], fields[1]), _lfw_name(fields[0], fields[2]), "1"]
    return [_lfw_name(fields[0], fields[1]), _lfw_name(fields[2], fields[3]), "0"]


def _lfw_name(person: str, number: str) -> str:
    return f"{person}/{person}_{int(number):04d}.jpg"


def _cplfw(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the pairs of lists with two lines ``name flag`` a pair; a flag that is not 0 means one person."""
    previous: tuple[str, bool] | None = None
    line = 0
    for line, text in read_lines(path):
        name, _, flag = text.strip().replace("\t", " ").rpartition(" ")
        if not (name and flag.isdecimal()):
            raise SourceError(f"{path}, line {line}: {text[:80]!r} is not 'name flag', as in CPLFW's list")
        same = _whole(path, line, flag) != 0
        if previous is None:
            previous = name.strip(), same
            continue
        if previous[1] != same:
            raise SourceError(
                f"{path}, line {line}: the flags of a pair differ, {previous[0]!r} and {name.strip()!r}; a pair has two "
                "lines with the same flag"
            )
        yield line, [previous[0], name.strip(), "1" if same else "0"]
        previous = None
    if previous is not None:
        raise SourceError(f"{path}, line {line}: the last pair has only one line; the file is cut")


def _insightface(path: Path) -> Iterator[tuple[int, list[str]]]:
    pictures = open_bin(str(path))
    for pair, same in enumerate(pictures.same):
        yield pair + 1, [pictures.name(2 * pair), pictures.name(2 * pair + 1), "1" if same else "0"]


LISTS = {"blank": _blank, "lfw": _lfw, "cplfw": _cplfw, "insightface": _insightface}
