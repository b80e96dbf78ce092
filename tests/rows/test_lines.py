"""The line formats against Python's own csv and json readers."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fiqx_trt.rows.lines import CsvLines, JsonLines, LineFormat, parse_cell, split_cells
from fiqx_trt.rows.schema import Column, Row, check_row
from fiqx_trt.text import escape_text
from rows.tables import COLUMNS, GROUPS

TEXT = st.text(st.characters(codec=None, exclude_categories=())) | st.text(
    st.sampled_from('a",\r\n \\x80\udc80')
)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
INTS = st.integers(-(2**63), 2**63 - 1)
ROWS = st.fixed_dictionaries(
    {
        "path": TEXT.filter(bool),
        "face": st.none() | st.integers(0, 9),
        "faces": st.none() | st.integers(0, 9),
        "status": st.just("ok"),
        "error": st.none() | TEXT,
        "q": st.none() | FLOATS,
        "q_scaled": FLOATS,
        "passes": INTS,
        "note": TEXT,
    }
).map(lambda row: check_row(row, COLUMNS))
FORMATS = [CsvLines(COLUMNS), JsonLines(COLUMNS)]


def same(one: Row, other: Row) -> bool:
    """Compare exactly: -0.0 is not 0.0, and 1 not 1.0."""
    return {k: repr(v) for k, v in one.items()} == {k: repr(v) for k, v in other.items()}


@pytest.mark.parametrize("lines", FORMATS, ids=["csv", "jsonl"])
@given(rows=st.lists(ROWS, max_size=4))
def test_round_trip_of_anything(lines: LineFormat, rows: list[Row]) -> None:
    data = lines.header + b"".join(map(lines.encode, rows))
    data.decode("utf-8")
    records = list(lines.records(io.BytesIO(data)))[1 if lines.header else 0 :]
    assert len(records) == len(rows)
    assert all(same(lines.decode(record), row) for record, row in zip(records, rows, strict=True))


@given(rows=st.lists(ROWS, min_size=1, max_size=4))
def test_csv_is_what_other_readers_read(rows: list[Row]) -> None:
    lines = CsvLines(COLUMNS)
    text = (lines.header + b"".join(map(lines.encode, rows))).decode("utf-8")
    table = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    for row, cells in zip(rows, table, strict=True):
        assert cells["path"] == escape_text(str(row["path"]))
        assert cells["error"] == escape_text(str(row["error"] or ""))
        assert cells["q"] == ("" if row["q"] is None else repr(row["q"]))
        assert float(cells["q_scaled"]) == row["q_scaled"]
        assert int(cells["passes"]) == row["passes"]


@given(rows=st.lists(ROWS, max_size=3))
def test_json_is_what_other_readers_read(rows: list[Row]) -> None:
    text = b"".join(map(JsonLines(COLUMNS).encode, rows)).decode("utf-8")
    read = [json.loads(line) for line in text.split("\n")[:-1]]
    assert [row["path"] for row in read] == [escape_text(str(row["path"])) for row in rows]
    assert [list(row) for row in read] == [[column.name for column in COLUMNS]] * len(rows)
    assert [row["q"] for row in read] == [row["q"] for row in rows]


@given(st.lists(st.text(st.sampled_from('ab",\r\n é')), min_size=1))
def test_split_cells_like_the_csv_module(cells: list[str]) -> None:
    file = io.StringIO(newline="")
    csv.writer(file, quoting=csv.QUOTE_ALL).writerow(cells)
    assert split_cells(file.getvalue()) == cells


@given(FLOATS)
def test_floats_are_shortest_and_exact(value: float) -> None:
    cell = CsvLines([Column("q", "float")]).encode({"q": value}).decode().removesuffix("\r\n")
    assert repr(parse_cell(Column("q", "float"), cell)) == repr(value)
    digits = len(re.sub(r"e.*|[-.]", "", cell).strip("0"))
    # one digit fewer is another number: the text is the shortest
    assert digits <= 1 or float(f"{value:.{digits - 2}e}") != value


def test_csv_bytes() -> None:
    """RFC 4180 by the letter: CRLF, quotes only where needed, doubled inside."""
    lines = CsvLines(COLUMNS[:2])
    assert lines.header == b"path,face\r\n"
    assert lines.encode({"path": 'a "b", c', "face": 3}) == b'"a ""b"", c",3\r\n'
    assert lines.encode({"path": "caf\udce9 日", "face": None}) == "caf\\xe9 日,\r\n".encode()


def test_torn_records_are_left_out() -> None:
    csv_lines, json_lines = FORMATS
    for lines in (csv_lines, json_lines):
        rows = [check_row(row, COLUMNS) for group in GROUPS for row in group]
        records = [lines.encode(row) for row in rows]
        data = b"".join(records)
        for size in range(len(data)):
            whole = b"".join(lines.records(io.BytesIO(data[:size])))
            assert data.startswith(whole)
            assert len(whole) in [sum(map(len, records[:n])) for n in range(len(records))]


@pytest.mark.parametrize(
    ("lines", "record", "message"),
    [
        (CsvLines(COLUMNS[:2]), b"a\r\n", "1 cells, but the header has 2"),
        (CsvLines(COLUMNS[:2]), b'a"b,1\r\n', "misplaced quote in cell 1"),
        (CsvLines(COLUMNS[:2]), b"a,1_0\r\n", "column face: '1_0' is not a whole number"),
        (CsvLines([Column("q", "float")]), b"nan\r\n", "column q: 'nan' is not a finite number"),
        (CsvLines([Column("q", "float")]), b"1e999\r\n", "column q: '1e999' is not a finite number"),
        (CsvLines([Column("q", "float")]), b" 1\r\n", "column q: ' 1' is not a finite number"),
        (JsonLines(COLUMNS[:2]), b'{"path":"a"}\n', "not an object with the keys path, face"),
        (JsonLines(COLUMNS[:2]), b'["a",1]\n', "not an object with the keys path, face"),
        (JsonLines(COLUMNS[:2]), b'{"path":1,"face":1}\n', "column path: 1 is not text"),
        (JsonLines(COLUMNS[:2]), b'{"path":"a","face":true}\n', "column face: True is not a whole number"),
        (JsonLines([Column("q", "float")]), b'{"q":Infinity}\n', "column q: inf is not a finite number"),
    ],
)
def test_malformed_records(lines: LineFormat, record: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        lines.decode(record)


@pytest.mark.parametrize("name", ["=cmd|' /C calc'!A0", "+1", "-1.jpg", "@x", "\t=1"])
def test_a_name_that_a_spreadsheet_takes_for_a_formula_is_written_as_it_is(name: str) -> None:
    lines = CsvLines([Column("path", "str")])
    assert lines.decode(lines.encode({"path": name})) == {"path": name}
    assert name in lines.encode({"path": name}).decode()
