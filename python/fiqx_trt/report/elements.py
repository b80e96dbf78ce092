"""The parts that pages are made of; :mod:`fiqx_trt.report.html` writes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Card", "Cards", "Facts", "Figure", "Files", "Notes", "Table"]


@dataclass(frozen=True)
class Notes:
    """A list of short texts.

    Parameters
    ----------
    items
        One remark each.
    warning
        Set it apart, as something to know before trusting the numbers.
    """

    items: Sequence[str]
    warning: bool = False


@dataclass(frozen=True)
class Facts:
    """Names and what they are: how a result was made.

    Parameters
    ----------
    rows
        Name and value.
    """

    rows: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Table:
    """A small table; the first cell of a row is its heading.

    Parameters
    ----------
    caption
        What the table says.
    header
        Headings of the columns.
    rows
        Cells, as many as headings.
    note
        Below the table: units, intervals, formulas.
    """

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


@dataclass(frozen=True)
class Figure:
    """A picture with what a reader needs to understand it.

    Parameters
    ----------
    png
        The picture, a PNG file.
    alt
        What is seen, for those who do not see it.
    caption
        What it is, and which figure or equation of which paper.
    reading
        How to read it, in plain words.
    width
        Pixels of a screen it takes where there is room; its own width when 0.
    files
        Files beside the page, relative to it: the picture first, other formats of it, then its data.
    dark
        The picture for a dark page, a PNG file of the same size; where it is empty, ``png`` is shown there too.
    """

    png: bytes
    alt: str
    caption: str
    reading: str = ""
    width: int = 0
    files: Sequence[str] = ()
    dark: bytes = b""


@dataclass(frozen=True)
class Files:
    """Links to the files beside the page.

    Parameters
    ----------
    rows
        Path relative to the page, and what the file holds.
    """

    rows: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Card:
    """One of many small pictures, with a few words below it.

    Parameters
    ----------
    title
        What stands out.
    lines
        What else is known, a line each; an empty one is left out.
    image
        A PNG or JPEG file; empty where there is none.
    size
        Its width and height in pixels.
    alt
        What is seen, for those who do not see it.
    files
        Files beside the page, relative to it, and the words that lead to each.
    """

    title: str
    lines: Sequence[str] = ()
    image: bytes = b""
    size: tuple[int, int] = (0, 0)
    alt: str = ""
    files: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Cards:
    """Small pictures side by side, as many in a row as there is room for.

    Parameters
    ----------
    cards
        In order.
    small
        Whether the pictures are faces alone, of which more have room.
    """

    cards: Sequence[Card]
    small: bool = False
