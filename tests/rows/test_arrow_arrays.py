"""Arrow's buffers are made and read here; they hold what Arrow makes of the same values."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fiqx_trt.rows import Column, arrow_arrays
from fiqx_trt.rows.parquet import arrow_table
from fiqx_trt.text import escape_text

COLUMNS = (Column("path", "str"), Column("n", "int"), Column("q", "float"))
TYPES = (pa.string(), pa.int64(), pa.float64())
TEXT = st.none() | st.text() | st.sampled_from(["", "ok", "caf\udce9", "日本"])
INTEGER = st.none() | st.integers(-(2**63), 2**63 - 1)
NUMBER = st.none() | st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize("limit", [arrow_arrays.TEXT_LIMIT, 3])
@given(st.lists(st.tuples(TEXT, INTEGER, NUMBER), max_size=20))
def test_arrays_are_what_arrow_makes(limit: int, rows: list[tuple[object, ...]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrow_arrays, "TEXT_LIMIT", limit)
        names = [column.name for column in COLUMNS]
        table = arrow_table(COLUMNS, [dict(zip(names, row, strict=True)) for row in rows])
    table.validate(full=True)
    for index, (column, kind) in enumerate(zip(table.columns, TYPES, strict=True)):
        values = [escape_text(row[index]) if isinstance(row[index], str) else row[index] for row in rows]
        assert column.combine_chunks().equals(pa.array(values, type=kind))
        assert column.null_count == values.count(None)


@given(
    st.lists(NUMBER, max_size=20),
    st.sampled_from([pa.float64(), pa.float32(), pa.int32(), pa.int64()]),
    st.integers(0, 9),
)
def test_numbers_are_read_as_arrow_reads_them(
    values: list[float | None], kind: pa.DataType, start: int
) -> None:
    if pa.types.is_integer(kind):
        values = [None if value is None else int(value) % 1000 for value in values]
    column = pa.array(values, kind).slice(start)
    wanted = column.to_numpy(zero_copy_only=False).astype(float)
    np.testing.assert_array_equal(arrow_arrays.numbers(column), wanted)


@given(
    st.lists(TEXT, max_size=20),
    st.sampled_from(["ok", "", "日本"]),
    st.sampled_from([pa.string(), pa.large_string()]),
    st.integers(0, 9),
)
def test_texts_are_compared_as_python_does(
    values: list[str | None], wanted: str, kind: pa.DataType, start: int
) -> None:
    values = [None if value is None else escape_text(value) for value in values]
    column = pa.array(values, kind).slice(start)
    assert arrow_arrays.equal_to(column, wanted).tolist() == [value == wanted for value in values[start:]]


SCRIPT = r"""
from pathlib import Path
from fiqx_trt.evaluate._fast_pairs import read_plain
from fiqx_trt.runs.method_summary import summarise_table
from rows.tables import COLUMNS, run

for suffix in (".csv", ".jsonl", ".parquet"):
    run(Path("s" + suffix))
    assert summarise_table(Path("s" + suffix), COLUMNS, {"q": True})[0].count == 10
Path("pairs.csv").write_text("a,b,1,0.5\nc,d,0,0.25\n")
pairs = read_plain(Path("pairs.csv"), (0, 1, 2, 3), width=4, header=False, progress=None)
assert pairs.similarity.tolist() == [0.5, 0.25]
print("pandas" in sys.modules)
"""


def test_tables_are_written_and_summarised_without_pandas(tmp_path: Path) -> None:
    if find_spec("pandas") is None:
        pytest.skip("pandas is not installed")
    script = f"import sys; sys.path[:] = {sys.path!r}\n{SCRIPT}"
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr
