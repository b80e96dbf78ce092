"""The file of one unit: a Parquet table of its rows; its footer says which unit of which run it is."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from fiqx_trt.distributed.folder import RunFolder
from fiqx_trt.errors import OutputError
from fiqx_trt.faces.units import Unit
from fiqx_trt.rows import Column, Row
from fiqx_trt.rows.schema import group_inputs
from fiqx_trt.text import unescape_text

__all__ = [
    "Part",
    "RunKey",
    "encode_part",
    "open_own",
    "part_name",
    "part_numbers",
    "read_own",
    "read_own_file",
    "read_part",
]

_PREFIX, _SUFFIX = "part-", ".parquet"
_KEY = b"fiqx"


@dataclass(frozen=True)
class RunKey:
    """Which run a part belongs to.

    Parameters
    ----------
    configuration_sha256
        Of the run's settings (:class:`fiqx_trt.rows.RunMeta`).
    units_sha256
        Of the run's units (:class:`fiqx_trt.distributed.plan.Plan`).
    """

    configuration_sha256: str
    units_sha256: str


@dataclass(frozen=True)
class Part:
    """What a part's footer says.

    Parameters
    ----------
    unit
        Number of the unit.
    configuration_sha256
        See :class:`RunKey`.
    inputs
        Inputs of the unit.
    counts
        Rows per status.
    ran
        Backend, device and precision.
    units_sha256
        See :class:`RunKey`.
    """

    unit: int
    configuration_sha256: str
    inputs: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    ran: str = ""
    units_sha256: str = ""

    def belongs(self, number: int, run: RunKey) -> bool:
        """Return whether this is the part of a unit of a run."""
        return (self.unit, RunKey(self.configuration_sha256, self.units_sha256)) == (number, run)

    @property
    def failed(self) -> int:
        """Rows with another status than ``ok``."""
        return sum(self.counts.values()) - self.counts.get("ok", 0)


def part_name(number: int) -> str:
    """Return the file name of a unit's part; in the order of the names the parts are in the order of the inputs.

    Examples
    --------
    >>> part_name(42)
    'part-00000042.parquet'
    """
    return f"{_PREFIX}{number:08d}{_SUFFIX}"


def part_numbers(names: set[str]) -> set[int]:
    """Return the numbers of the parts among some file names."""
    digits = {
        name[len(_PREFIX) : -len(_SUFFIX)]
        for name in names
        if name.startswith(_PREFIX) and name.endswith(_SUFFIX)
    }
    return {int(one) for one in digits if one.isdigit() and part_name(int(one)) == f"{_PREFIX}{one}{_SUFFIX}"}


def describe(unit: Unit, run: RunKey, rows: Sequence[Row], ran: str) -> Part:
    """Return what describes a unit's rows."""
    counts = dict(sorted(Counter(str(row["status"]) for row in rows).items()))
    inputs = sum(1 for _ in group_inputs(rows))
    return Part(unit.number, run.configuration_sha256, inputs, counts, ran, run.units_sha256)


def encode_part(columns: Sequence[Column], rows: Sequence[Row], part: Part) -> bytes:
    """Return the file of checked rows; the same rows always give the same bytes."""
    from pyarrow import parquet

    from fiqx_trt.rows.parquet import arrow_table

    footer = {_KEY: json.dumps({**vars(part), "counts": dict(part.counts)}).encode()}
    stream = io.BytesIO()
    parquet.write_table(arrow_table(columns, rows).replace_schema_metadata(footer), stream)
    return stream.getvalue()


def read_part(file: BinaryIO, name: str) -> tuple[Part, Iterator[dict[str, Any]]]:
    """Return what a part's footer says, and its rows, which are read from the file while they are taken.

    Raises
    ------
    OutputError
        It is no part of a run.
    """
    from pyarrow import ArrowException, parquet

    try:
        table = parquet.ParquetFile(file)
        values = json.loads((table.schema_arrow.metadata or {})[_KEY])
        part = Part(**values)
    except (ArrowException, OSError, ValueError, KeyError, TypeError) as error:
        raise OutputError(
            f"{name} is no part of a run, or is damaged; --retry-failed makes it again ({type(error).__name__}: {error})"
        ) from error
    return part, _rows(table, name)


@contextmanager
def open_own(
    folder: RunFolder, number: int, run: RunKey, *, whole: bool = True
) -> Iterator[tuple[Part, Iterator[dict[str, Any]]]]:
    """Open the part of a unit, which belongs to a run, and give it and its rows; without `whole` to read no row.

    Raises
    ------
    OutputError
        It is damaged, or of another run.
    """
    with folder.open(part_name(number), whole=whole) as file:
        yield read_own_file(file, folder, number, run)


def read_own_file(
    file: BinaryIO, folder: RunFolder, number: int, run: RunKey
) -> tuple[Part, Iterator[dict[str, Any]]]:
    """Return the part of a unit, whose file is open, and its rows; errors are those of `open_own`."""
    name = f"{folder.location.rstrip('/')}/{part_name(number)}"
    part, rows = read_part(file, name)
    if not part.belongs(number, run):
        raise OutputError(f"{name} is of another run; --retry-failed makes it again")
    return part, rows


def read_own(folder: RunFolder, number: int, run: RunKey) -> Part:
    """Return what the footer of a unit's part says; errors are those of `open_own`."""
    with open_own(folder, number, run, whole=False) as (part, _):
        return part


def _rows(table: Any, part: str) -> Iterator[dict[str, Any]]:
    from pyarrow import ArrowException

    try:
        for batch in table.iter_batches():
            for row in batch.to_pylist():
                yield {
                    name: unescape_text(value) if isinstance(value, str) else value
                    for name, value in row.items()
                }
    except (ArrowException, OSError) as error:
        raise OutputError(f"{part} is damaged; --retry-failed makes it again ({error})") from error
