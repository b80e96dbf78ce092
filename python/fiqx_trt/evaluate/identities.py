"""The person on each image, from the name of its folder or from a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fiqx_trt.errors import ContradictionError, InvalidInputError, SourceError
from fiqx_trt.evaluate.sampling import folder_identities
from fiqx_trt.importers.tails import join_paths, normal
from fiqx_trt.rows import read_table, table_columns

__all__ = ["FOLDER", "identities_of", "read_identities"]

#: Says that the folder of an image names the person on it.
FOLDER = "folder"


def read_identities(file: Path, *, column: str = "identity") -> dict[str, str]:
    """Read who is on each image from a table with the columns ``path`` and ``identity``.

    Raises
    ------
    SourceError
        The table cannot be read, lacks a column or a cell, or gives one image two identities.
    """
    names = [known.name for known in table_columns(file)]
    for name in ("path", column):
        if name not in names:
            raise SourceError(
                f"the identity table {file} has no column {name!r}; its columns are {', '.join(names)}"
            )
    people: dict[str, str] = {}
    for position, row in enumerate(read_table(file, kinds={column: "str"}), 1):
        path, person = row["path"], row[column]
        if not (isinstance(path, str) and isinstance(person, str)):
            raise SourceError(f"{file}, row {position}: the path or the {column} is empty")
        if people.setdefault(path, person) != person:
            raise ContradictionError(
                f"{file}, row {position}: {path!r} is {person!r} here and {people[path]!r} before; keep one of them"
            )
    return people


def identities_of(paths: Sequence[str], where: str) -> list[str]:
    """Return the person on each image.

    Parameters
    ----------
    paths
        N names of images.
    where
        ``"folder"``: the name of the folder each lies in; anything else is a table (:func:`read_identities`), whose paths
        may begin with other folders (:func:`fiqx_trt.importers.tails.join_paths`).

    Raises
    ------
    InvalidInputError
        An image lies in no folder, or the table does not list it.
    SourceError
        The table cannot be read.
    """
    if where == FOLDER:
        return folder_identities(paths)
    people = read_identities(Path(where))
    joined = join_paths(tuple(dict.fromkeys(paths)), tuple(people))
    rows = {path: row for path, row in joined.items() if _same_folder(path, row)}
    absent = [path for path in paths if path not in rows]
    if absent:
        raise InvalidInputError(
            f"{where} says nothing of {len(absent)} of {len(paths)} images, the first {absent[0]!r}; its own first path "
            f"is {next(iter(people), '')!r}"
        )
    return [people[rows[path]] for path in paths]


def _same_folder(a: str, b: str) -> bool:
    """Return whether two paths with the same file name have the same folder, where both name one: it may be the person."""
    one, other = (normal(path).split("/")[-2:] for path in (a, b))
    return len(one) < 2 or len(other) < 2 or one[0] == other[0]
