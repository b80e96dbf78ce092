"""Parquet tables that hold the pictures themselves: a binary column, or ``struct<bytes, path>`` as Hugging Face writes it.

A picture is called by the ``path`` of its struct or by the column ``path`` of its row, and where both are empty
``faces.parquet#7``: the file and the row, from 0. Rows are read a few at a time, and the bytes travel with the entry.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from fiqx_trt.errors import SourceError, StorageError
from fiqx_trt.faces import pieces as pieces_module
from fiqx_trt.faces.labels import Labels
from fiqx_trt.faces.pieces import Piece
from fiqx_trt.faces.storage import is_url, open_url
from fiqx_trt.faces.tables import no_column, reading_parquet
from fiqx_trt.faces.tar import Entry
from fiqx_trt.faces.walk import Found
from fiqx_trt.files import open_regular

__all__ = ["cut_picture_table", "picture_column", "walk_picture_table"]

#: Rows that are in memory at once.
ROWS = 16
#: Bytes that one request reads of a table in an object store; larger reads are one request each.
PIECE = 1 << 16


def picture_column(path: str, column: str | None) -> str | None:
    """Return the column of a Parquet table that holds encoded pictures; ``None`` where paths are to be read.

    Parameters
    ----------
    path
        The table; other kinds of table hold no pictures.
    column
        The column that was asked for; ``None`` means the only one that can hold pictures.

    Raises
    ------
    SourceError
        The table cannot be read, has no such column, or has several that can hold pictures and none was asked for.
    """
    if Path(path).suffix.lower() != ".parquet":
        return None
    with _table(path) as table:
        fields = list(table.schema_arrow)
    names = [field.name for field in fields]
    pictures = [field.name for field in fields if _holds_pictures(field.type)]
    if column is not None:
        if column not in names:
            raise no_column(path, column, names, "Name the one with the paths or the pictures")
        return column if column in pictures else None
    if len(pictures) > 1:
        raise SourceError(
            f"the table {path} has {len(pictures)} columns that can hold pictures ({', '.join(pictures)}); choose one with "
            "--column"
        )
    return pictures[0] if pictures else None


def _open(path: str) -> BinaryIO:
    return open_url(path, chunk=PIECE) if is_url(path) else open_regular(Path(path))


def _holds_pictures(kind: Any) -> bool:
    import pyarrow as pa

    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return True
    return bool(pa.types.is_struct(kind)) and any(
        field.name == "bytes" and _holds_pictures(field.type) for field in kind
    )


def walk_picture_table(
    path: str, column: str, piece: Piece | None = None, labels: Labels | None = None
) -> Iterator[Entry | Found]:
    """Yield the pictures of a table's column in order, or those of a piece; a row with a path and no bytes is that file.

    `labels` keeps the other columns of these names: a text as it is, other values as JSON.

    Raises
    ------
    SourceError
        The table cannot be read.
    """
    with _table(path) as table:
        names = table.schema_arrow.names
        wanted = [column, "path"] if "path" in names and column != "path" else [column]
        beside = [name for name in (labels.names if labels is not None else ()) if name in names]
        groups = range(table.num_row_groups) if piece is None else range(piece.begin, piece.end)
        row = 0 if piece is None else piece.first
        for batch in table.iter_batches(
            batch_size=ROWS, row_groups=list(groups), columns=[*{*wanted, *beside}], use_threads=False
        ):
            columns = [batch.column(name).to_pylist() for name in (*wanted, *beside)]
            for values in zip(*columns, strict=True):
                entry = _entry(path, row, values[: len(wanted)])
                if labels is not None:
                    name = entry[0] if isinstance(entry, tuple) else entry.path
                    _keep(labels, name, beside, values[len(wanted) :])
                yield entry
                row += 1


def _keep(labels: Labels, path: str, names: Sequence[str], values: Sequence[Any]) -> None:
    for name, value in zip(names, values, strict=True):
        if value is not None:
            labels.keep_own(path, name, value if isinstance(value, str) else json.dumps(value, default=str))


def cut_picture_table(path: str) -> list[Piece]:
    """Cut a table at its row groups into pieces of at most `PICTURES` rows, or of one larger row group.

    Raises
    ------
    SourceError
        The table cannot be read.
    """
    with _table(path) as table:
        rows = [table.metadata.row_group(group).num_rows for group in range(table.num_row_groups)]
    pieces = []
    first = begin = held = 0
    for group, count in enumerate(rows):
        if held and held + count > pieces_module.PICTURES:
            pieces.append(Piece(first, begin, group))
            first, begin, held = first + held, group, 0
        held += count
    return [*pieces, Piece(first, begin, len(rows))]


@contextmanager
def _table(path: str) -> Iterator[Any]:
    from pyarrow import parquet

    try:
        with reading_parquet(Path(path)), _open(path) as file:
            yield parquet.ParquetFile(file, pre_buffer=False)
    except StorageError:
        raise
    except OSError as error:
        raise SourceError(f"cannot read the table {path}: {error.strerror or error}") from error


def _entry(table: str, row: int, values: Sequence[Any]) -> Entry | tuple[str, str]:
    picture, beside = values[0], values[1] if len(values) > 1 else None
    data, own = (picture.get("bytes"), picture.get("path")) if isinstance(picture, dict) else (picture, None)
    named = next((str(name) for name in (own, beside) if name), "")
    if data is None:
        return (named, "") if named else Entry(f"{table}#{row}", "the row holds no picture")
    return Entry(named or f"{table}#{row}", read=lambda: bytes(data))
