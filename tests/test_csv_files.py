"""The writer of CSV files beside score tables: one reader reads them all, whatever the names are."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fiqx_trt.files import write_csv, write_rows
from fiqx_trt.rows import read_table
from fiqx_trt.text import escape_text, unescape_text

NAMES = st.text(st.characters(codec=None), max_size=12)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(NAMES, st.floats()), min_size=1, max_size=6))
def test_any_name_and_number_comes_back(tmp_path: Path, rows) -> None:
    path = tmp_path / "t.csv"
    write_csv(path, ("path", "score"), [(f"f{name}", number) for name, number in rows])
    path.read_bytes().decode("utf-8")
    with path.open(newline="", encoding="utf-8") as file:
        found = list(csv.reader(file))
    for (name, number), cells in zip(rows, found[1:], strict=True):
        assert cells[0] == escape_text(f"f{name}")
        assert cells[1] == (repr(number) if math.isfinite(number) else "")
    back = list(read_table(path))
    assert [unescape_text(row["path"]) for row in back] == [f"f{name}" for name, _ in rows]


def test_rows_of_experiments_are_read_by_the_package(tmp_path: Path) -> None:
    path = tmp_path / "masks.csv"
    name = "caf\udce9\0.jpg"
    write_rows(
        path, [{"path": name, "quality": np.float64(0.25), "kept": True, "none": float("nan"), "n": 3}]
    )
    assert path.read_bytes() == b"path,quality,kept,none,n\r\ncaf\\xe9\\x00.jpg,0.25,True,,3\r\n"
    assert unescape_text(next(iter(read_table(path)))["path"]) == name
    write_rows(path, [])
    assert path.read_bytes() == b"\r\n"
