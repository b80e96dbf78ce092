"""Arrow's buffers are made here; they hold what Arrow makes of the same values."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fiqx_trt.rows import Column, parquet
from fiqx_trt.text import escape_text

COLUMNS = (Column("path", "str"), Column("n", "int"), Column("q", "float"))
TYPES = (pa.string(), pa.int64(), pa.float64())
VALUES = (
    st.none() | st.text() | st.sampled_from(["", "caf\udce9", "日本"]),
    st.none() | st.integers(-(2**63), 2**63 - 1),
    st.none() | st.floats(allow_nan=False, allow_infinity=False),
)


@pytest.mark.parametrize("limit", [parquet.TEXT_LIMIT, 3])
@given(st.lists(st.tuples(*VALUES), max_size=20))
def test_buffers_are_what_arrow_makes(limit: int, rows: list[tuple[object, ...]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet, "TEXT_LIMIT", limit)
        names = [column.name for column in COLUMNS]
        table = parquet.arrow_table(COLUMNS, [dict(zip(names, row, strict=True)) for row in rows])
    table.validate(full=True)
    for index, (column, kind) in enumerate(zip(table.columns, TYPES, strict=True)):
        values = [escape_text(row[index]) if isinstance(row[index], str) else row[index] for row in rows]
        assert column.combine_chunks().equals(pa.array(values, type=kind))
        assert column.null_count == values.count(None)


def test_a_table_is_written_without_pandas(tmp_path: Path) -> None:
    """Arrow imports pandas, where it is installed, for a list of values: half a second for every process that writes a table."""
    script = f"""import sys; sys.path[:] = {sys.path!r}
from pathlib import Path; from fiqx_trt.rows.parquet import write_parquet
from fiqx_trt.rows import score_columns
row = dict.fromkeys([c.name for c in score_columns(['q'])]) | dict(path='a', face=0, faces=1, status='ok', q=0.5)
write_parquet(Path(sys.argv[1]), score_columns(['q']), [row]); print('pandas' in sys.modules)"""
    done = subprocess.run([sys.executable, "-c", script, tmp_path / "t.parquet"], capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr
