"""One pass over a table of explained faces, against the plain definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fiqx_trt.rows import Row
from fiqx_trt.runs import table_summary
from fiqx_trt.runs.table_summary import FACES, REASONS, Spread, summarise_rows

numbers = st.floats(-1e3, 1e3)


def rows(values: list[float | None]) -> list[Row]:
    return [
        {"path": str(i), "status": "ok", "error": None, "q": value, "low": "eyes nose" if i % 2 else None}
        for i, value in enumerate(values)
    ]


@given(st.lists(numbers, min_size=1, max_size=60), st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0]))
def test_a_spread_is_that_of_the_sorted_values(values: list[float], share: float) -> None:
    spread = Spread(2)
    for value in values:
        spread.add(value)
    # The values are kept as they are shown, rounded; between two of them NumPy's rule decides, as in the lines of `score`.
    assert spread.at(share) == pytest.approx(np.quantile(np.round(values, 2), share), abs=1e-9)
    assert spread.count == len(values)
    assert spread.mean is not None
    assert math.isclose(spread.mean, math.fsum(values) / len(values), abs_tol=1e-9)


def test_of_nothing_nothing_is_known() -> None:
    assert Spread(2).at(0.5) is None
    assert Spread(2).mean is None
    found = summarise_rows([], "q", {"q": 2})
    assert (found.rows, found.faces, found.lowest, found.highest) == (0, 0, [], [])


@given(st.lists(st.none() | st.integers(0, 9).map(float), max_size=80), st.integers(1, 30))
def test_both_ends_are_those_of_the_sorted_table(values: list[float | None], waiting: int) -> None:
    before, table_summary.WAITING = table_summary.WAITING, waiting
    try:
        found = summarise_rows(rows(values), "q", {"q": 2})
    finally:
        table_summary.WAITING = before
    known = [row for row in rows(values) if row["q"] is not None]
    assert found.lowest == sorted(known, key=lambda row: float(row["q"] or 0))[:FACES]
    assert found.highest == sorted(known, key=lambda row: -float(row["q"] or 0))[:FACES]
    assert found.low["nose"] == len(values) // 2
    assert found.spreads["q"].count == len(known)


def test_failed_rows_are_counted_and_the_first_are_kept() -> None:
    table: list[Row] = [{"path": str(i), "status": "no_face", "error": "none"} for i in range(9)]
    found = summarise_rows([*table, *rows([0.5])], "q", {"q": 2})
    assert found.statuses == {"no_face": 9, "ok": 1}
    assert found.failed == {"no_face": table[:REASONS]}


def test_memory_does_not_grow_with_the_table() -> None:
    spread = Spread(2)
    for i in range(50_000):
        spread.add(i / 50_000)
    assert len(spread.counts) == 101
    assert abs((spread.at(0.5) or 0) - 0.5) < 1e-9
