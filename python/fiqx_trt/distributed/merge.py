"""The parts of a run as one table: byte for byte the table of a run without parts."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fiqx_trt.distributed.ahead import in_order
from fiqx_trt.distributed.folder import RunFolder, open_folder
from fiqx_trt.distributed.parts import RunKey, part_name, part_numbers, read_own_file
from fiqx_trt.distributed.plan import Plan, read_plan
from fiqx_trt.errors import OutputError
from fiqx_trt.faces.storage import upload_url, url_kind
from fiqx_trt.rows import Mode, RunMeta, open_table
from fiqx_trt.rows.meta import meta_path

__all__ = ["merge_into_store", "merge_parts", "unit_rows"]

#: Rows that are written at once, and parts that are fetched ahead.
ROWS, AHEAD = 4096, 16


def merge_parts(location: str, out: Path, *, mode: Mode = "new") -> RunMeta:
    """Write the rows of all parts, in the order of the inputs, as one table with its record.

    Parameters
    ----------
    location
        The folder of the run, a path or a URL.
    out
        The table; its suffix chooses CSV, JSON Lines or Parquet.
    mode
        ``"new"`` or ``"overwrite"``.

    Returns
    -------
    RunMeta
        The table's record.

    Raises
    ------
    OutputError
        The folder holds no run or units without parts, a part is damaged, or the table exists or cannot be written.
    """
    folder = open_folder(location)
    plan, record = read_plan(folder)
    missing = sorted(set(range(plan.units)) - part_numbers(folder.names()))
    if missing:
        shown = ", ".join(map(str, missing[:5])) + (", …" if len(missing) > 5 else "")
        raise OutputError(
            f"{location} is not complete: {len(missing)} of {plan.units} units have no part ({shown}); finish the run with "
            "--resume"
        )
    table = open_table(out, record.columns, meta=record, mode=mode)
    with table:
        buffer: list[dict[str, Any]] = []
        for _, row in _rows(folder, plan, record):
            buffer.append(row)
            if len(buffer) == ROWS:
                table.append(buffer)
                buffer = []
        table.append(buffer)
    return table.meta


def merge_into_store(location: str, out: str, *, mode: Mode = "new") -> RunMeta:
    """Write the rows of all parts as one table in an object store, with its record beside it; see `merge_parts`.

    Parameters
    ----------
    location, mode
        As for `merge_parts`.
    out
        The table's URL. It grows on the local disk first.

    Raises
    ------
    OutputError, StorageError
        As in `merge_parts`; the store cannot be reached.
    """
    if mode != "overwrite" and url_kind(out) != "missing":
        raise OutputError(f"{out} exists already; give another --out, or use --overwrite")
    with TemporaryDirectory(prefix="fiqx-") as folder:
        table = Path(folder, out.rpartition("/")[2])
        record = merge_parts(location, table)
        for path, url in ((table, out), (meta_path(table), f"{out}.meta.json")):
            with path.open("rb") as file:
                upload_url(url, file)
    return record


def unit_rows(folder: RunFolder) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the rows of a complete run in the order of the inputs, each with the number of its unit.

    Raises
    ------
    OutputError
        The folder holds no run, or a part is damaged.
    """
    return _rows(folder, *read_plan(folder))


def _rows(folder: RunFolder, plan: Plan, record: RunMeta) -> Iterator[tuple[int, dict[str, Any]]]:
    run = RunKey(record.configuration_sha256, plan.units_sha256)
    contents = in_order(lambda number: folder.read(part_name(number)), range(plan.units), waiting=AHEAD)
    for number, content in enumerate(contents):
        if content is None:
            raise OutputError(f"{folder.location} has lost {part_name(number)}; --resume makes it again")
        _, rows = read_own_file(io.BytesIO(content), folder, number, run)
        yield from ((number, row) for row in rows)
