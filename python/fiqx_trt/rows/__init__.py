"""Score tables: typed columns; CSV, JSON Lines and Parquet; an interruption loses no row.

::

    columns = score_columns(["serfiq", "serfiq_scaled"], detection=True)
    with open_table(Path("s.csv"), columns, meta=meta, mode="resume") as table:
        for batch in iter_batches(table.remaining(sources), ...):
            table.append([... rows ...])
    for row in read_table(Path("s.csv")): ...
"""

from __future__ import annotations

from fiqx_trt.rows.meta import RunMeta, meta_path
from fiqx_trt.rows.opening import Mode, open_table
from fiqx_trt.rows.reader import read_table, table_columns
from fiqx_trt.rows.schema import BASE_COLUMNS, DETECTION_COLUMNS, LANDMARK_NAMES, Column, Row, score_columns
from fiqx_trt.rows.writer import TableWriter

__all__ = [
    "BASE_COLUMNS",
    "DETECTION_COLUMNS",
    "LANDMARK_NAMES",
    "Column",
    "Mode",
    "Row",
    "RunMeta",
    "TableWriter",
    "meta_path",
    "open_table",
    "read_table",
    "score_columns",
    "table_columns",
]
