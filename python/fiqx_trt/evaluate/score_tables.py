"""Quality columns of one or several score tables, each with its direction."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import ContradictionError, InvalidInputError, OutputError, PluginError, SourceError
from fiqx_trt.importers.base import number
from fiqx_trt.quality.base import METHODS
from fiqx_trt.rows import BASE_COLUMNS, DETECTION_COLUMNS, RunMeta, meta_path, read_table, table_columns

__all__ = [
    "DIRECTIONS",
    "MethodScores",
    "ScoreTables",
    "known_direction",
    "parse_directions",
    "read_score_tables",
]

#: How a user names a direction, and whether higher is better then.
DIRECTIONS = {"higher": True, "lower": False}
#: The setting in a table's record that holds a column's direction.
DIRECTION_KEY = "{column}.higher_is_better"
#: Endings of columns that repeat a method's quality on another scale.
SECONDARY = ("_scaled", "_percentile", "_100")
_NOT_SCORES = {column.name for column in (*BASE_COLUMNS, *DETECTION_COLUMNS)}


@dataclass(frozen=True)
class MethodScores:
    """One quality method's scores of a set of images.

    Parameters
    ----------
    name
        What the method is called: its column, or ``<file>:<column>`` where several files have that column.
    column, source
        The column and the table it stands in.
    higher_is_better
        Direction of the quality.
    values
        Path → quality, in the order of the table; images without one are not in it.
    images
        Every image the table lists, scored or not.
    """

    name: str
    column: str
    source: Path
    higher_is_better: bool
    values: Mapping[str, float]
    images: tuple[str, ...]

    @property
    def direction(self) -> str:
        """``"higher"`` or ``"lower"``: what is better."""
        return "higher" if self.higher_is_better else "lower"


@dataclass(frozen=True)
class ScoreTables:
    """The methods of several score tables.

    Parameters
    ----------
    methods
        In the order of files and columns.
    skipped
        Columns of numbers, as ``<file>: <column>``, that were left out because their direction is unknown.
    further_faces
        Rows of second and further faces of a picture: they have its path, so only the first face counts.
    joined
        What was done about paths that differ between tables (:func:`fiqx_trt.evaluate.joining.join_tables`).
    """

    methods: tuple[MethodScores, ...]
    skipped: tuple[str, ...]
    further_faces: int
    joined: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """Every image that any method scored, in order of appearance."""
        return tuple(dict.fromkeys(path for method in self.methods for path in method.values))

    @property
    def listed(self) -> tuple[str, ...]:
        """Every image that any table lists, scored or not, in order of appearance."""
        return tuple(dict.fromkeys(path for method in self.methods for path in method.images))

    def matrix(self, paths: Sequence[str]) -> dict[str, NDArray[np.float64]]:
        """Return method → ``(N,)`` qualities in the order of ``paths``, NaN where there is none."""
        return {
            method.name: np.array([method.values.get(path, np.nan) for path in paths], np.float64)
            for method in self.methods
        }

    @property
    def higher_is_better(self) -> dict[str, bool]:
        """Method → direction."""
        return {method.name: method.higher_is_better for method in self.methods}


def parse_directions(texts: Sequence[str]) -> dict[str, bool]:
    """Read ``name=higher`` and ``name=lower``.

    Raises
    ------
    InvalidInputError
        A text is neither, or a name comes twice with both.

    Examples
    --------
    >>> parse_directions(["brisque=lower"])
    {'brisque': False}
    """
    directions: dict[str, bool] = {}
    for text in texts:
        name, equals, word = text.rpartition("=")
        if not (equals and name and word in DIRECTIONS):
            raise InvalidInputError(f"the direction is {text!r}; write NAME=higher or NAME=lower")
        if directions.setdefault(name, DIRECTIONS[word]) != DIRECTIONS[word]:
            raise InvalidInputError(f"{name!r} is said to be better higher and lower; say one of them")
    return directions


def known_direction(table: Path, column: str) -> bool | None:
    """Return whether higher is better: from the record beside the table, or because the method is this package's.

    ``None`` when neither knows; it is never guessed from a name or from the numbers.

    Examples
    --------
    >>> known_direction(Path("s.csv"), "serfiq"), known_direction(Path("s.csv"), "brisque")
    (True, False)
    >>> known_direction(Path("s.csv"), "beauty") is None
    True
    """
    with contextlib.suppress(OutputError):  # a foreign table has no record
        higher = RunMeta.read(meta_path(table)).parameters.get(DIRECTION_KEY.format(column=column))
        if isinstance(higher, bool):
            return higher
    return _method_direction(_base_name(column))


def read_score_tables(
    files: Sequence[Path], *, methods: Sequence[str] = (), directions: Mapping[str, bool] | None = None
) -> ScoreTables:
    """Read the quality columns of score tables: this package's, imported or foreign ones with a column ``path``.

    Parameters
    ----------
    files
        Tables: .csv, .jsonl or .parquet.
    methods
        Columns to take, as ``column`` or ``<file stem>:column``. Default: every column of numbers whose
        direction is known, without those that repeat a method on another scale (``_scaled`` …).
    directions
        Column or method → whether higher is better, for those nobody else knows.

    Raises
    ------
    InvalidInputError
        A wanted column does not exist, a direction is unknown, or no column is left.
    SourceError
        A table cannot be read, has no column ``path``, or gives one image two different scores.
    """
    files = [Path(file) for file in files]
    if not files:
        raise InvalidInputError("no score table was given; give at least one")
    stated = dict(directions or {})
    twice = [str(file) for file, times in Counter(files).items() if times > 1]
    if twice:
        raise InvalidInputError(f"the score table {twice[0]} was given twice; give it once")
    candidates = [(file, name) for file in files for name in _number_columns(file, {*methods, *stated})]
    labels = _labels(candidates)
    wanted, skipped = _chosen(candidates, labels, methods, stated)
    scores: list[MethodScores] = []
    further = 0
    for file in files:
        columns = {column: higher for (source, column), higher in wanted.items() if source == file}
        if columns:
            values, images, faces = _read_columns(file, tuple(columns))
            further += faces
            scores += [
                MethodScores(labels[file, column], column, file, higher, values[column], images)
                for column, higher in columns.items()
            ]
    return ScoreTables(tuple(scores), tuple(f"{file.name}: {name}" for file, name in skipped), further)


def _base_name(column: str) -> str:
    for ending in SECONDARY:
        if column.endswith(ending):
            return column.removesuffix(ending)
    return column


def _method_direction(name: str) -> bool | None:
    """Return the direction of a method by its name; that of another package may be unusable, and then it is not known."""
    try:
        return bool(METHODS.load(name).higher_is_better)
    except (InvalidInputError, PluginError):
        return None


def _number_columns(file: Path, named: set[str]) -> Iterator[str]:
    """Yield the columns that can be scores: numbers, or text when the user names it (it may hold ``nan``)."""
    columns = table_columns(file)
    names = [column.name for column in columns]
    if "path" not in names:
        raise SourceError(f"the score table {file} has no column path; its columns are {', '.join(names)}")
    for column in columns:
        selected = {column.name, f"{file.stem}:{column.name}"} & named
        if column.name not in _NOT_SCORES and (column.kind != "str" or selected):
            yield column.name


def _labels(candidates: Sequence[tuple[Path, str]]) -> dict[tuple[Path, str], str]:
    """Name every column; where names meet, the file's stem, and at worst its path, tells them apart."""
    labels = {key: key[1] for key in candidates}
    longer = [
        {key: f"{key[0].stem}:{key[1]}" for key in candidates},
        {key: f"{key[0]}:{key[1]}" for key in candidates},
    ]
    for names in longer:
        counts = Counter(labels.values())
        labels = {key: names[key] if counts[label] > 1 else label for key, label in labels.items()}
    return labels


def _chosen(
    candidates: Sequence[tuple[Path, str]],
    labels: Mapping[tuple[Path, str], str],
    methods: Sequence[str],
    directions: Mapping[str, bool],
) -> tuple[dict[tuple[Path, str], bool], list[tuple[Path, str]]]:
    """Return the columns to read with their directions, and those left out because theirs is unknown."""
    names = {key: {key[1], labels[key], f"{key[0].stem}:{key[1]}"} for key in candidates}
    known = ", ".join(dict.fromkeys(labels.values())) or "none"
    for name in (*methods, *directions):
        if not any(name in alias for alias in names.values()):
            raise InvalidInputError(f"no score table has a column {name!r} of numbers; there are {known}")
    wanted: dict[tuple[Path, str], bool] = {}
    skipped: list[tuple[Path, str]] = []
    for key in candidates:
        selected = names[key] & set(methods)
        stated = next((directions[name] for name in sorted(names[key] & set(directions))), None)
        if methods and not selected:
            continue
        if not (selected or stated is not None) and key[1] != _base_name(key[1]):
            continue
        direction = stated if stated is not None else known_direction(*key)
        if direction is not None:
            wanted[key] = direction
        elif selected:
            raise _unknown(*key)
        else:
            skipped.append(key)
    if not wanted:
        raise (
            _unknown(*skipped[0]) if skipped else InvalidInputError("the score tables hold no quality column")
        )
    return wanted, skipped


def _unknown(file: Path, column: str) -> InvalidInputError:
    return InvalidInputError(
        f"the direction of the column {column!r} in {file} is unknown; give --direction {column}=higher or "
        f"--direction {column}=lower"
    )


def _read_columns(
    file: Path, columns: Sequence[str]
) -> tuple[dict[str, dict[str, float]], tuple[str, ...], int]:
    """Return column → path → value, all images, and the number of rows of further faces."""
    values: dict[str, dict[str, float]] = {column: {} for column in columns}
    rows: dict[str, tuple[float | None, ...]] = {}
    further = 0
    for position, row in enumerate(read_table(file), 1):
        path = row["path"]
        if not isinstance(path, str):
            raise SourceError(f"{file}, row {position}: there is no path")
        face = row.get("face")
        if isinstance(face, int) and face > 0:
            further += 1
            continue
        numbers = tuple(_value(file, position, column, row[column]) for column in columns)
        if rows.setdefault(path, numbers) != numbers:
            raise ContradictionError(
                f"{file}, row {position}: {path!r} stands there already, with another score"
            )
        for column, value in zip(columns, numbers, strict=True):
            if value is not None:
                values[column][path] = value
    return values, tuple(rows), further


def _value(file: Path, position: int, column: str, value: object) -> float | None:
    if isinstance(value, str):
        parsed = number(value)
        if parsed is None:
            raise SourceError(
                f"{file}, row {position}: {column} is {value[:40]!r}; a finite number was expected"
            )
        value = parsed
    return None if value is None or value != value else float(value)  # type: ignore[arg-type]
