"""OpenCV's own YAML and XML files as plain values, without OpenCV: its reader ends the process on damaged ones.

Read is what ``cv::FileStorage`` writes for numbers: maps by indentation, sequences of ``-`` lines or in brackets, numbers and
names; in XML, elements named ``_`` make a sequence and blanks stand between numbers.
"""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

__all__ = ["parse_opencv"]

_KEY = re.compile(r"(?P<key>[A-Za-z_][\w-]*):(?:\s+|$)(?P<value>.*)")
_TAG = re.compile(r"!!?[\w-]*\s*")
#: Maps and sequences one within the other; OpenCV's regressions have four.
DEPTH = 16
Line = tuple[int, str]


def parse_opencv(data: bytes) -> dict[str, Any]:
    """Return the map a file holds: dict, list, str and float.

    Raises
    ------
    ValueError
        It is no such file; the message says where.
    """
    text = data.decode("utf-8")  # UnicodeDecodeError is a ValueError
    if text.startswith("<?xml"):
        return _xml(text)
    lines = _lines(text)
    if not lines:
        raise ValueError("the file is empty")
    value, at = _block(lines, 0, lines[0][0], 0)
    if at != len(lines) or not isinstance(value, dict):
        raise ValueError(
            f"the indentation of {lines[min(at, len(lines) - 1)][1][:40]!r} fits nothing above it"
        )
    return value


def _lines(text: str) -> list[Line]:
    """Return indentation and text; brackets that close on a later line are joined."""
    found: list[Line] = []
    parts: list[str] = []
    for raw in text.splitlines():
        line = raw.strip()
        if parts:
            parts.append(line)
        elif line and line[0] not in "%#" and line not in ("---", "..."):
            found.append((len(raw) - len(raw.lstrip(" ")), line))
            parts = [line] if line.count("[") > line.count("]") else []
        if parts and "]" in line:
            found[-1] = (found[-1][0], " ".join(parts))
            parts = []
    if parts:
        raise ValueError("a bracket is never closed")
    return found


def _block(lines: list[Line], at: int, indent: int, depth: int) -> tuple[Any, int]:
    """Return the map or sequence that begins at a line, and the line behind it."""
    if depth > DEPTH:
        raise ValueError(f"maps and lists are nested more than {DEPTH} deep")
    items: list[Any] = []
    fields: dict[str, Any] = {}
    listed = lines[at][1].startswith("-")
    while at < len(lines) and lines[at][0] == indent and lines[at][1].startswith("-") == listed:
        text = lines[at][1]
        match = None if listed else _KEY.fullmatch(text)
        if match is None and not listed:
            raise ValueError(f"{text[:40]!r} is no 'name: value'")
        value = _TAG.sub("", text[1:].strip() if match is None else match["value"], count=1)
        at += 1
        if value:
            found = _value(value)
        elif at < len(lines) and lines[at][0] > indent:
            found, at = _block(lines, at, lines[at][0], depth + 1)
        else:
            found = []
        if match is None:
            items.append(found)
        else:
            fields[match["key"]] = found
    return (items if listed else fields), at


def _value(text: str) -> Any:
    if text.startswith("["):
        if not text.endswith("]") or "[" in text[1:]:
            raise ValueError(f"{text[:40]!r} is no plain list")
        inner = text[1:-1].strip()
        return [_scalar(part.strip()) for part in inner.split(",")] if inner else []
    return _scalar(text)


def _scalar(text: str) -> float | str:
    try:
        return float(text.replace(".Inf", "inf").replace(".NaN", "nan").replace(".Nan", "nan"))
    except ValueError:
        return text.strip('"')


def _xml(text: str) -> dict[str, Any]:
    if "<!" in text.replace("<!--", ""):
        raise ValueError("it declares entities, which no file of OpenCV does")
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise ValueError(str(error)) from error
    value = _element(root, 0)
    if root.tag != "opencv_storage" or not isinstance(value, dict):
        raise ValueError("it is no <opencv_storage>")
    return value


def _element(element: ElementTree.Element, depth: int) -> Any:
    if depth > DEPTH:
        raise ValueError(f"elements are nested more than {DEPTH} deep")
    children = [(child.tag, _element(child, depth + 1)) for child in element]
    if children:
        names = {name for name, _ in children}
        return [value for _, value in children] if names == {"_"} else dict(children)
    words = [_scalar(word) for word in (element.text or "").split()]
    return words[0] if len(words) == 1 else words
