"""Identify the columns of a pairs file by their names: two paths, a label, and a similarity or a distance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.importers.base import number
from fiqx_trt.importers.pair_list import LABELS

__all__ = ["Columns", "find_columns", "parse_number_column", "unused_numbers"]

#: Names a column may have in the header of a pairs file.
COLUMNS = {
    "a": ("a", "first", "path_a", "path1", "img1", "image1", "image_a", "file1"),
    "b": ("b", "second", "path_b", "path2", "img2", "image2", "image_b", "file2"),
    "label": ("label", "genuine", "mated", "same", "issame", "is_same"),
}
#: Names of a column of comparison scores → whether higher means more alike.
NUMBERS = {
    **dict.fromkeys(("similarity", "score", "cosine_similarity", "cosine", "cosine_score", "cos_sim"), True),
    **dict.fromkeys(
        ("distance", "dist", "cosine_distance", "euclidean_distance", "l2_distance", "dissimilarity"), False
    ),
}
#: What pandas calls the columns of a table without names.
UNNAMED = ("0", "1", "2", "3")
DIRECTIONS = {"higher": True, "lower": False}


@dataclass(frozen=True)
class Columns:
    """Positions of the columns.

    Parameters
    ----------
    places
        Of the two paths, the label and, where there is one, the column of comparison scores.
    width
        Number of fields in a row.
    header
        Whether the first row holds names.
    names
        The names, where there is a header.
    number
        Name of the column of comparison scores; ``""`` where there is none.
    higher
        Whether its numbers are similarities and not distances.
    """

    places: tuple[int, ...]
    width: int
    header: bool
    names: tuple[str, ...] = ()
    number: str = ""
    higher: bool = True


def parse_number_column(text: str) -> tuple[str, bool]:
    """Read ``NAME=higher`` or ``NAME=lower``: the column of comparison scores, and what means more alike.

    Raises
    ------
    InvalidInputError
        The text is neither.

    Examples
    --------
    >>> parse_number_column("l2=lower")
    ('l2', False)
    """
    name, equals, word = text.rpartition("=")
    if not (equals and name and word in DIRECTIONS):
        raise InvalidInputError(
            f"--similarity is {text!r}; write NAME=higher where higher numbers mean more alike, or NAME=lower for distances"
        )
    return name, DIRECTIONS[word]


def find_columns(fields: Sequence[str], number_column: tuple[str, bool] | None = None) -> Columns:
    """Return what the first row of a file says about its columns.

    Parameters
    ----------
    fields
        The first row: a header, or a row ``a,b,label[,similarity]``, also with pandas' index in front.
    number_column
        Name and direction of the column of comparison scores (:func:`parse_number_column`).

    Raises
    ------
    InvalidInputError
        It is neither, or two columns mean the same; the message says what to do.
    """
    start = _without_header(fields)
    if start is not None and number_column is not None:
        raise InvalidInputError(
            f"--similarity names the column {number_column[0]!r}, but the file has no header; write one: "
            f"a,b,label,{number_column[0]}"
        )
    if start is not None:
        places = tuple(range(start, len(fields)))
        return Columns(
            places, len(fields), header=False, number="the fourth field" if len(places) > 3 else ""
        )
    names = tuple(field.strip() for field in fields)
    if (unnamed := _unnamed(names)) is not None:
        return Columns(unnamed, len(fields), header=True, number="3" if len(unnamed) > 3 else "")
    lower = [name.lower() for name in names]
    places = tuple(_place(names, lower, column, known) for column, known in COLUMNS.items())
    if -1 in places:
        raise _no_header(fields, [column for column, place in zip(COLUMNS, places, strict=True) if place < 0])
    at, higher = _number_place(names, lower, number_column)
    if at is None:
        return Columns(places, len(fields), header=True, names=names)
    return Columns((*places, at), len(fields), header=True, names=names, number=names[at], higher=higher)


def _without_header(fields: Sequence[str]) -> int | None:
    """Return where a row of data begins: behind pandas' index, if there is one; ``None`` for a header."""
    if len(fields) in (3, 4) and _is_label(fields[2]):
        return 0
    if len(fields) in (4, 5) and fields[0].strip().isdecimal() and _is_label(fields[3]):
        return 1
    return None


def _is_label(text: str) -> bool:
    return text.strip().lower() in LABELS


def _unnamed(names: tuple[str, ...]) -> tuple[int, ...] | None:
    """Return the columns of a table that pandas wrote without names, ``0,1,2[,3]`` with or without its index."""
    start = int(names[0] == "")
    numbers = names[start:]
    if len(numbers) in (3, 4) and numbers == UNNAMED[: len(numbers)]:
        return tuple(range(start, len(names)))
    return None


def _place(names: Sequence[str], lower: Sequence[str], column: str, known: Sequence[str]) -> int:
    places = [i for i, name in enumerate(lower) if name in known]
    if len(places) > 1:
        shown = " and ".join(repr(names[i]) for i in places)
        raise InvalidInputError(
            f"two columns are called {lower[places[0]]!r} or mean the same ({shown}); keep one, and call it {column}"
        )
    return places[0] if places else -1


def _number_place(
    names: Sequence[str], lower: Sequence[str], number_column: tuple[str, bool] | None
) -> tuple[int | None, bool]:
    """Return the column of comparison scores and its direction."""
    if number_column is not None:
        if names.count(number_column[0]) != 1:
            raise InvalidInputError(
                f"--similarity names the column {number_column[0]!r}; the columns are {', '.join(names)}"
            )
        return names.index(number_column[0]), number_column[1]
    places = [i for i, name in enumerate(lower) if name in NUMBERS]
    if len(places) > 1:
        shown = " and ".join(repr(names[i]) for i in places)
        raise InvalidInputError(
            f"two columns hold comparison scores ({shown}), so they mean the same; say which with --similarity "
            f"{names[places[0]]}={'higher' if NUMBERS[lower[places[0]]] else 'lower'}"
        )
    return (places[0], NUMBERS[lower[places[0]]]) if places else (None, True)


def _no_header(fields: Sequence[str], missing: Sequence[str]) -> InvalidInputError:
    return InvalidInputError(
        f"{','.join(fields)[:80]!r} is neither a row a,b,label[,similarity] nor a header with these names (missing: "
        f"{', '.join(missing)}); the last column may be a distance if its header says so. Commas separate the fields; "
        "where blanks or tabs do, give --separator blank"
    )


def unused_numbers(columns: Columns, first_row: Sequence[str]) -> tuple[str, ...]:
    """Return the named columns that hold a number in the first row of data and are not used."""
    return tuple(
        name
        for i, name in enumerate(columns.names)
        if i not in columns.places
        and name
        and not name.lower().startswith("unnamed:")
        and i < len(first_row)
        and number(first_row[i]) is not None
    )
