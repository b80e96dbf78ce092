"""Brace patterns, as WebDataset writes the names of its shards: ``faces-{0000..1384}.tar``, ``{train,val}.tar``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product

from fiqx_trt.errors import SourceError

__all__ = ["MAX_NAMES", "expand_braces", "has_braces"]

#: Most names that one pattern may stand for: a mistyped range must not fill the memory.
MAX_NAMES = 1_000_000

_BRACES = re.compile(r"\{(?:(-?\d+)\.\.(-?\d+)(?:\.\.(-?\d+))?|([^{}]*,[^{}]*))\}")


def has_braces(name: str) -> bool:
    """Return whether a name holds a range or a choice in braces.

    Examples
    --------
    >>> has_braces("faces-{0000..1384}.tar"), has_braces("{a}.jpg")
    (True, False)
    """
    return _BRACES.search(name) is not None


def expand_braces(pattern: str) -> Iterator[str]:
    """Return the names that a pattern stands for; the last braces change first, as in bash.

    Parameters
    ----------
    pattern
        A text with ranges ``{first..last}`` or ``{first..last..step}`` and choices ``{a,b}``. A range whose first or last number
        begins with 0 gives numbers of the width of the longer one. Braces inside braces are not expanded.

    Raises
    ------
    SourceError
        The pattern stands for more than `MAX_NAMES` names.

    Examples
    --------
    >>> list(expand_braces("{a,b}-{08..10}.tar"))
    ['a-08.tar', 'a-09.tar', 'a-10.tar', 'b-08.tar', 'b-09.tar', 'b-10.tar']
    """
    texts: list[str] = []
    choices: list[range | list[str]] = []
    widths: list[int] = []
    end = 0
    for match in _BRACES.finditer(pattern):
        texts.append(pattern[end : match.start()])
        choices.append(_choices(match))
        widths.append(_width(match))
        end = match.end()
    count = 1
    for choice in choices:
        count *= len(choice)
    if count > MAX_NAMES:
        raise SourceError(f"{pattern!r} stands for {count:,} names; at most {MAX_NAMES:,} are expanded")
    return _names(texts, choices, widths, pattern[end:])


def _names(texts: list[str], choices: list[range | list[str]], widths: list[int], rest: str) -> Iterator[str]:
    for values in product(*choices):
        parts = (
            text + (value if isinstance(value, str) else f"{value:0{width}d}")
            for text, value, width in zip(texts, values, widths, strict=True)
        )
        yield "".join(parts) + rest


def _choices(match: re.Match[str]) -> range | list[str]:
    first, last, step, words = match.groups()
    if words is not None:
        return words.split(",")
    begin, end = int(first), int(last)
    size = abs(int(step)) if step else 1
    up = 1 if end >= begin else -1
    return range(begin, end + up, up * (size or 1))


def _width(match: re.Match[str]) -> int:
    ends = [end for end in match.groups()[:2] if end is not None]
    padded = any(len(end.lstrip("-")) > 1 and end.lstrip("-").startswith("0") for end in ends)
    return max((len(end) for end in ends), default=0) if padded else 0
