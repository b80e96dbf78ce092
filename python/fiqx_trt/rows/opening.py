"""Open a score table: new, overwriting, resuming, or retrying failed rows."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, TypeAlias

from fiqx_trt.errors import InvalidInputError, OutputError
from fiqx_trt.rows.files import TableFiles, writing
from fiqx_trt.rows.meta import RunMeta, utc_now
from fiqx_trt.rows.partial import Kept, PartialFile, is_locked, scan
from fiqx_trt.rows.reader import read_rows
from fiqx_trt.rows.schema import Column, check_columns, group_inputs
from fiqx_trt.rows.writer import TableWriter, line_format
from fiqx_trt.text import shown

__all__ = ["Mode", "open_table"]

Mode: TypeAlias = Literal["new", "overwrite", "resume", "retry"]

_START_ANEW = "use --overwrite to start anew"
_IN_PYTHON = "(in Python: resume=True or overwrite=True)"


def open_table(path: Path, columns: Sequence[Column], *, meta: RunMeta, mode: Mode = "new") -> TableWriter:
    """Open the score table `path` for writing.

    Parameters
    ----------
    path
        The output; its suffix determines the format: .csv, .jsonl (or .ndjson) or .parquet.
        Missing folders are made.
    columns
        From `fiqx_trt.rows.schema.score_columns`.
    meta
        The record of the run; its `configuration` must be the same to resume or retry.
    mode
        ``"new"``: neither the output nor a partial file may exist.
        ``"overwrite"``: both may; an old output stays until the new one is complete.
        ``"resume"``: continue after the rows of an interrupted run (or retry); a complete table gives a writer
        that is `finished`; without either this is ``"new"``.
        ``"retry"``: make a complete table again, computing only inputs with a failed row; again `finished`
        where none failed.

    Returns
    -------
    TableWriter
        Its `remaining` yields the inputs to compute.

    Raises
    ------
    InvalidInputError
        If `columns`, the parameters of `meta` or `mode` are not usable.
    OutputError
        If the table exists, is missing, locked, of another configuration, or cannot be written.
    """
    if mode not in _OPENERS:
        raise InvalidInputError(f"mode {mode!r} is unknown; use one of {', '.join(_OPENERS)}")
    check_columns(columns)
    files = TableFiles.of(Path(path))
    run = replace(
        meta, columns=tuple(columns), state="running", started=utc_now(), finished=None, retry=False
    )
    with writing(files.out):
        files.recover()
        return _OPENERS[mode](files, run)


def _open_new(files: TableFiles, run: RunMeta) -> TableWriter:
    if files.out.exists():
        raise OutputError(
            f"{shown(files.out)} exists already; use --resume to continue it, or --overwrite {_IN_PYTHON}"
        )
    try:
        return _start(files, run, PartialFile(files.partial, create="new"))
    except FileExistsError as error:
        raise _unfinished(files) from error


def _open_over(files: TableFiles, run: RunMeta) -> TableWriter:
    partial = PartialFile(files.partial, create="any")
    return _start(files, run, partial)


def _open_resume(files: TableFiles, run: RunMeta) -> TableWriter:
    try:
        partial = PartialFile(files.partial, create="never")
    except FileNotFoundError:
        return _open_complete(files, run) if files.out.exists() else _open_new(files, run)
    return _guarded(partial, lambda: _continue(files, run, partial, _open_resume))


def _open_retry(files: TableFiles, run: RunMeta) -> TableWriter:
    try:
        partial = PartialFile(files.partial, create="never")
    except FileNotFoundError:
        complete = _open_complete(files, run)
        if all(status == "ok" for status in complete.meta.counts):
            return complete
        return _start(files, replace(run, retry=True), PartialFile(files.partial, create="new"))
    if files.partial_meta.exists() and not RunMeta.read(files.partial_meta).retry:
        partial.close()
        raise OutputError(f"{shown(files.partial)} holds an unfinished run; finish it with --resume first")
    return _guarded(partial, lambda: _continue(files, run, partial, _open_retry))


_OPENERS: dict[str, Callable[[TableFiles, RunMeta], TableWriter]] = {
    "new": _open_new,
    "overwrite": _open_over,
    "resume": _open_resume,
    "retry": _open_retry,
}


def _start(files: TableFiles, run: RunMeta, partial: PartialFile) -> TableWriter:
    def begin() -> TableWriter:
        partial.truncate(0)
        try:
            return _begun(TableWriter(files, run, partial, Kept()))
        except OutputError:
            with contextlib.suppress(OSError):  # nothing worth a resume was written
                files.discard()
            raise

    return _guarded(partial, begin)


def _continue(
    files: TableFiles,
    run: RunMeta,
    partial: PartialFile,
    reopen: Callable[[TableFiles, RunMeta], TableWriter],
) -> TableWriter:
    if not files.partial_meta.exists():
        if partial.size:
            raise OutputError(
                f"{shown(files.partial)} has no record {files.partial_meta.name}; {_START_ANEW}"
            )
        if not files.out.exists():
            return _start(files, run, partial)
        files.discard()  # killed after it began to replace a table and before it wrote a row
        partial.close()
        return reopen(files, run)
    old = RunMeta.read(files.partial_meta)
    _require_same(files.partial, old, run)
    if old.retry:
        _require_same(files.out, _record(files), run)
    kept = scan(files.partial, line_format(files.format, run.columns))
    partial.truncate(kept.size)
    run = replace(
        run, started=old.started, duration_s=old.duration_s, resumed=old.resumed + 1, retry=old.retry
    )
    return _begun(TableWriter(files, run, partial, kept))


def _open_complete(files: TableFiles, run: RunMeta) -> TableWriter:
    if not files.out.exists():
        raise OutputError(f"{shown(files.out)} does not exist, so there is nothing to retry; run without it")
    old = _record(files)
    _require_same(files.out, old, run)
    counts: Counter[str] = Counter()
    inputs = 0
    for group in group_inputs(read_rows(files.out, run.columns)):
        inputs += 1
        counts.update(str(row["status"]) for row in group)
    if (inputs, dict(counts)) != (old.inputs, dict(old.counts)):
        raise OutputError(
            f"{shown(files.out)} was changed: it has {inputs} inputs with {dict(counts)}, "
            f"but its record says {old.inputs} with {dict(old.counts)}; {_START_ANEW}"
        )
    return TableWriter(files, old, None, Kept(inputs=inputs, counts=counts))


def _record(files: TableFiles) -> RunMeta:
    if not files.meta.exists():
        raise OutputError(f"{shown(files.out)} has no record {files.meta.name}; {_START_ANEW}")
    return RunMeta.read(files.meta)


def _require_same(path: Path, old: RunMeta, run: RunMeta) -> None:
    if old.configuration_sha256 != run.configuration_sha256:
        differences = "; ".join(old.differences(run)) or "the kinds of its columns differ"
        raise OutputError(
            f"{shown(path)} was made with other settings: {differences}; give the old ones, or {_START_ANEW}"
        )


def _unfinished(files: TableFiles) -> OutputError:
    if is_locked(files.partial):
        return OutputError(
            f"another process is writing {shown(files.partial)}; wait for it, or give another --out"
        )
    return OutputError(
        f"{shown(files.partial)} holds an unfinished run; use --resume to continue it, or --overwrite {_IN_PYTHON}"
    )


def _begun(writer: TableWriter) -> TableWriter:
    writer.begin()
    return writer


def _guarded(partial: PartialFile, action: Callable[[], TableWriter]) -> TableWriter:
    """Release the lock if the table cannot be opened."""
    try:
        return action()
    except BaseException:
        partial.close()
        raise
