"""The columns of a score table, the checks of a row, and the grouping of rows by input.

A table has one row per input, or with ``--faces all`` one per face. The rows of one input are adjacent,
have the same ``path`` and a strictly increasing ``face``; a path may occur again as another input.
So a row starts a new input unless it has the path of the row before and a larger ``face``.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from fiqx_trt.errors import InvalidInputError

__all__ = [
    "BASE_COLUMNS",
    "DETECTION_COLUMNS",
    "LANDMARK_NAMES",
    "Column",
    "Kind",
    "Row",
    "Value",
    "check_columns",
    "check_row",
    "ends_input",
    "group_inputs",
    "is_failed",
    "score_columns",
    "starts_input",
]

Kind: TypeAlias = Literal["str", "int", "float"]
Value: TypeAlias = "str | int | float | None"
Row: TypeAlias = Mapping[str, Value]

_KINDS = ("str", "int", "float")
_MAX_INT = 2**63


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Parameters
    ----------
    name
        The name in the header, the JSON key and the Parquet field.
    kind
        ``"str"``, ``"int"`` (64 bits) or ``"float"`` (64 bits, finite). A missing value is ``None`` in each.
    """

    name: str
    kind: Kind


BASE_COLUMNS = (
    Column("path", "str"),
    Column("face", "int"),
    Column("faces", "int"),
    Column("status", "str"),
    Column("error", "str"),
)
"""The columns every score table begins with."""

LANDMARK_NAMES = ("left_eye", "right_eye", "nose", "left_mouth", "right_mouth")
"""The five landmarks in column order; left and right as seen in the picture (so usually not the person's)."""

DETECTION_COLUMNS = (
    *(Column(name, "float") for name in ("x0", "y0", "x1", "y1", "confidence")),
    *(Column(f"{name}_{axis}", "float") for name in LANDMARK_NAMES for axis in "xy"),
)
"""Box corners and landmarks in pixels of the upright picture, and the detector's confidence in [0, 1]."""


def score_columns(methods: Sequence[str | Column], *, detection: bool = False) -> tuple[Column, ...]:
    """Return the columns of a score table.

    Parameters
    ----------
    methods
        The columns of the quality methods; a plain name is a float column.
    detection
        Whether to add boxes, confidence and landmarks (``DETECTION_COLUMNS``).

    Raises
    ------
    InvalidInputError
        If a name is empty or occurs twice.

    Examples
    --------
    >>> [c.name for c in score_columns(["serfiq", "serfiq_scaled"])]
    ['path', 'face', 'faces', 'status', 'error', 'serfiq', 'serfiq_scaled']
    """
    method_columns = tuple(m if isinstance(m, Column) else Column(m, "float") for m in methods)
    columns = BASE_COLUMNS + method_columns + (DETECTION_COLUMNS if detection else ())
    check_columns(columns)
    return columns


def check_columns(columns: Sequence[Column]) -> None:
    """Raise `InvalidInputError` unless `columns` are valid for a score table."""
    if tuple(columns[: len(BASE_COLUMNS)]) != BASE_COLUMNS:
        wanted = ", ".join(c.name for c in BASE_COLUMNS)
        raise InvalidInputError(f"a score table begins with the columns {wanted}; got {_names(columns)}")
    for column in columns:
        if column.kind not in _KINDS:
            raise InvalidInputError(f"column {column.name!r} has kind {column.kind!r}; use one of {_KINDS}")
        if not column.name:
            raise InvalidInputError(f"a column has an empty name: {_names(columns)}")
    names = [column.name for column in columns]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidInputError(f"column names must differ, but these come twice: {', '.join(twice)}")


def check_row(row: Row, columns: Sequence[Column]) -> dict[str, Value]:
    """Return the values of `row` in the order of `columns`, as plain Python values.

    Missing keys are ``None``; an empty text counts as missing. Only rows with status ``ok`` have
    numbers: in the others every float column is empty, whatever `row` holds.

    Raises
    ------
    InvalidInputError
        If a key is no column, a value has another kind than its column, a float of an ``ok`` row is not
        finite, ``face`` or ``faces`` is negative, or ``path`` or ``status`` is missing.
    """
    unknown = row.keys() - {column.name for column in columns}
    if unknown:
        raise InvalidInputError(
            f"a row has {', '.join(sorted(unknown))}, but the table only {_names(columns)}"
        )
    scored = row.get("status") == "ok"
    values = {column.name: _checked(column, row.get(column.name), scored) for column in columns}
    for name in ("path", "status"):
        if values[name] is None:
            raise InvalidInputError(f"a row has no {name}: {dict(row)!r}")
    return values


def starts_input(before: Row | None, row: Row) -> bool:
    """Return whether `row`, which follows `before` in a table, is the first row of another input."""
    if before is None or before["path"] != row["path"]:
        return True
    last, face = before["face"], row["face"]
    return not (isinstance(last, int) and isinstance(face, int) and face > last)


def ends_input(row: Row) -> bool:
    """Return whether `row` is certainly the last row of its input.

    With ``face = k`` of ``faces = n`` no row can follow once ``k + 1 ≥ n``; a missing number counts as 0.
    An input of which one face of several was selected does not meet this condition, hence *certainly*.
    """
    face, faces = row["face"], row["faces"]
    return int(face or 0) + 1 >= int(faces or 0)


def is_failed(rows: Sequence[Row]) -> bool:
    """Return whether any row of an input has another status than ``ok``."""
    return any(row["status"] != "ok" for row in rows)


def group_inputs(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Yield the rows of each input, with one input in memory.

    Examples
    --------
    >>> rows = [{"path": p, "face": f} for p, f in [("a", 0), ("a", 1), ("a", 0), ("b", None)]]
    >>> [len(group) for group in group_inputs(rows)]
    [2, 1, 1]
    """
    group: list[Row] = []
    for row in rows:
        if group and starts_input(group[-1], row):
            yield group
            group = []
        group.append(row)
    if group:
        yield group


def _names(columns: Sequence[Column]) -> str:
    return ", ".join(column.name for column in columns)


def _checked(column: Column, value: object, scored: bool) -> Value:
    if column.kind == "float":
        return _checked_float(column.name, value) if scored else None
    if value is None:
        return None
    if column.kind == "str":
        if not isinstance(value, str):
            raise InvalidInputError(f"column {column.name!r} takes text; got {value!r}")
        return value or None
    return _checked_int(column.name, value)


def _checked_int(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise InvalidInputError(f"column {name!r} takes whole numbers; got {value!r}")
    number = int(value)
    if not -_MAX_INT <= number < _MAX_INT:
        raise InvalidInputError(f"column {name!r} takes 64-bit whole numbers; got {number}")
    if name in ("face", "faces") and number < 0:
        raise InvalidInputError(f"column {name!r} is negative ({number}); leave it empty where it is unknown")
    return number


def _checked_float(name: str, value: object) -> float | None:
    if value is None:
        return None
    if type(value) is not float and (isinstance(value, bool) or not isinstance(value, numbers.Real)):
        raise InvalidInputError(f"column {name!r} takes numbers; got {value!r}")
    number = float(value)
    if not math.isfinite(number):
        raise InvalidInputError(f"column {name!r} is {number} in an ok row; such a row has status not_finite")
    return number
