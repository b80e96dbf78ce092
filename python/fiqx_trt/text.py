r"""Escape text that a table format cannot hold: undecodable bytes, lone surrogates and NUL.

File names are bytes; Python shows a byte that is not UTF-8 as a lone surrogate (``os.fsdecode``). JSON and
Parquet cannot hold one and a CSV with the raw byte is not UTF-8, so all three formats use one rule:

==============================  =============  ==============================================
in Python                       in the table   meaning
==============================  =============  ==============================================
``"\udc80"`` … ``"\udcff"``     ``\x80``…      the byte 0x80 … 0xff of a file name
``"\0"``                        ``\x00``       NUL, which many CSV readers refuse
any other lone surrogate        ``\ud800``…    its code point, lower-case hexadecimal
backslashes right before one    doubled        so that reading is unambiguous
of these codes, real or not
everything else                 unchanged      ordinary names, backslashes included
==============================  =============  ==============================================
"""

from __future__ import annotations

import math
import re
from unicodedata import category

__all__ = [
    "escape_text",
    "field_words",
    "literal",
    "percent",
    "printable",
    "shown",
    "unescape_text",
    "visible",
]

_CODE = r"(?:x(?:00|[89a-f][0-9a-f])|ud[89a-f][0-9a-f]{2})"
_TO_ESCAPE = re.compile(r"(\\*)([\x00\ud800-\udfff])|(\\+)(?=" + _CODE + ")")
_ESCAPED = re.compile(r"(\\+)(" + _CODE + ")")
#: Control characters, marks that turn the direction of a line, separators, and what is no character at all.
_UNSEEN = re.compile(r"[\x01-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufdd0-\ufdef\ufeff]")
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def escape_text(text: str) -> str:
    r"""Return `text` as valid Unicode without NUL; `unescape_text` undoes it exactly.

    Examples
    --------
    >>> escape_text("caf\udce9.jpg") == r"caf\xe9.jpg"
    True
    >>> escape_text(r"photos\x.jpg") == r"photos\x.jpg"
    True
    """
    return _TO_ESCAPE.sub(_escape_match, text)


def unescape_text(text: str) -> str:
    r"""Return the text that `escape_text` was given.

    Examples
    --------
    >>> unescape_text(r"caf\xe9.jpg") == "caf\udce9.jpg"
    True
    """
    return _ESCAPED.sub(_unescape_match, text) if "\\" in text else text


def shown(text: object) -> str:
    """Return `text` for a one-line message: unchanged when printable, else quoted with escapes."""
    plain = str(text)
    return plain if plain.isprintable() else repr(plain)


def printable(text: str) -> str:
    r"""Return a text for a terminal, with every other character as its escape.

    Control characters (which move the cursor, colour, or retitle the window), marks that change the direction of writing and
    lone surrogates are escaped; blanks of all widths stay.

    Examples
    --------
    >>> printable("evil\x1b[2J \u202egpj.exe") == r"evil\x1b[2J \u202egpj.exe"
    True
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or category(c) == "Zs" else _escape_of(c) for c in text)


def visible(text: str) -> str:
    r"""Return a text with control characters and other invisible characters as escapes.

    Examples
    --------
    >>> visible("two\nlines \u202egnp.exe") == r"two\nlines \u202egnp.exe"
    True
    """
    safe = _UNSEEN.sub(_escape_unseen, escape_text(text))
    return "".join(f"\\U{ord(c):08x}" if ord(c) & 0xFFFE == 0xFFFE else c for c in safe)


def _escape_unseen(match: re.Match[str]) -> str:
    char = match.group()
    return _SHORT.get(char) or (f"\\x{ord(char):02x}" if ord(char) < 0x100 else f"\\u{ord(char):04x}")


def _escape_of(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def _escape_match(match: re.Match[str]) -> str:
    before, char, run = match.groups()
    if char is None:
        return str(run) * 2
    return str(before) * 2 + "\\" + _code_of(ord(char))


def _code_of(point: int) -> str:
    if point == 0:
        return "x00"
    if 0xDC80 <= point <= 0xDCFF:
        return f"x{point - 0xDC00:02x}"
    return f"u{point:04x}"


def _unescape_match(match: re.Match[str]) -> str:
    run, code = match.groups()
    kept = "\\" * (len(run) // 2)
    return kept + (_char_of(code) if len(run) % 2 else code)


def _char_of(code: str) -> str:
    point = int(code[1:], 16)
    return chr(point + 0xDC00 if code[0] == "x" and point else point)


def literal(text: str) -> str:
    r"""Return a text for matplotlib without formulas: dollar signs are escaped.

    Examples
    --------
    >>> literal("2 $ or 3 $")
    '2 \\$ or 3 \\$'
    """
    return text.replace("$", r"\$")


def field_words(field: str, value: str = "NAME") -> str:
    """Return how a field of a model's contract is stated, for messages: by an option, or in its sidecar.

    Examples
    --------
    >>> field_words("embedding")
    '--tap embedding=NAME (or the field "embedding" of the sidecar)'
    >>> field_words("input_size", "112x112")
    '--input-size 112x112 (or the field "input_size" of the sidecar)'
    """
    taps = ("image", "embedding", "pre_dropout", "features")
    option = f"--tap {field}={value}" if field in taps else f"--{field.replace('_', '-')} {value}"
    return f'{option} (or the field "{field}" of the sidecar)'


def percent(value: float | None) -> str:
    """Return a share in per cent; one that is neither none nor all never looks like it.

    Examples
    --------
    >>> percent(0.25), percent(None), percent(1 / 1217), percent(1 - 1e-5), percent(1.0)
    ('25 %', '–', '0.1 %', '> 99.9 %', '100 %')
    """
    return "–" if value is None or not math.isfinite(value) else f"{_hundredths(value)} %"


def _hundredths(value: float) -> str:
    """Return 100 times a share as a whole number, with a decimal or a sign of comparison near none and all."""
    if value in (0.0, 1.0) or 0.01 <= value <= 0.99:
        return f"{100 * value:.0f}"
    text = f"{100 * value:.1f}"
    return {"0.0": "< 0.1", "100.0": "> 99.9"}.get(text, text)
