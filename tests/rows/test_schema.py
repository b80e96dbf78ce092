from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.rows import Column, score_columns
from fiqx_trt.rows.schema import check_columns, check_row, ends_input, group_inputs
from rows.tables import COLUMNS, GROUPS, failed, ok


def test_score_columns() -> None:
    names = [column.name for column in score_columns(["serfiq", Column("rank", "int")], detection=True)]
    assert names[:7] == ["path", "face", "faces", "status", "error", "serfiq", "rank"]
    assert names[7:12] == ["x0", "y0", "x1", "y1", "confidence"]
    assert names[12:16] == ["left_eye_x", "left_eye_y", "right_eye_x", "right_eye_y"]
    assert names[16:] == [
        "nose_x",
        "nose_y",
        "left_mouth_x",
        "left_mouth_y",
        "right_mouth_x",
        "right_mouth_y",
    ]


def test_bad_columns() -> None:
    with pytest.raises(InvalidInputError, match=r"column names must differ, but these come twice: path, q"):
        score_columns(["q", "q", "path"])
    with pytest.raises(InvalidInputError, match=r"a column has an empty name"):
        score_columns([""])
    with pytest.raises(InvalidInputError, match=r"begins with the columns path, face, .*; got q$"):
        check_columns([Column("q", "float")])
    with pytest.raises(InvalidInputError, match=r"column 'q' has kind 'bool'; use one of"):
        score_columns([Column("q", "bool")])  # type: ignore[arg-type]


def test_values_become_plain() -> None:
    row = check_row(
        {**ok("a"), "q": np.float32(0.1), "passes": np.int32(3), "error": "", "note": "x"}, COLUMNS
    )
    assert row == {**ok("a"), "q": float(np.float32(0.1)), "passes": 3, "error": None, "note": "x"}
    assert list(row) == [column.name for column in COLUMNS]
    assert {type(value) for value in row.values()} == {str, int, float, type(None)}


def test_only_ok_rows_carry_numbers() -> None:
    row = check_row({**failed("a", "not_finite", "NaN"), "q": float("nan"), "q_scaled": -1.0}, COLUMNS)
    assert row["q"] is None
    assert row["q_scaled"] is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"q": float("inf")}, "column 'q' is inf in an ok row; such a row has status not_finite"),
        ({"q": np.float32("nan")}, "column 'q' is nan in an ok row"),
        ({"q": "0.5"}, "column 'q' takes numbers; got '0.5'"),
        ({"q": True}, "column 'q' takes numbers; got True"),
        ({"face": 0.0}, "column 'face' takes whole numbers; got 0.0"),
        ({"face": -1}, r"column 'face' is negative \(-1\); leave it empty"),
        ({"passes": 2**63}, "column 'passes' takes 64-bit whole numbers"),
        ({"path": b"a"}, "column 'path' takes text; got b'a'"),
        ({"path": ""}, "a row has no path"),
        ({"status": None}, "a row has no status"),
        ({"qq": 1.0}, "a row has qq, but the table only path, face"),
    ],
)
def test_bad_rows(change: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        check_row({**ok("a"), **change}, COLUMNS)  # type: ignore[dict-item]


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 4))))
def test_rows_find_their_inputs(inputs: list[tuple[str, int]]) -> None:
    """Any sequence of inputs, duplicates included, is recovered from the rows alone."""
    rows = [ok(path, face, faces) for path, faces in inputs for face in range(faces)]
    assert [(group[0]["path"], len(group)) for group in group_inputs(rows)] == inputs
    assert [ends_input(row) for row in rows] == [f == n - 1 for _, n in inputs for f in range(n)]


def test_groups_of_the_test_run() -> None:
    rows = [check_row(row, COLUMNS) for group in GROUPS for row in group]
    assert [len(group) for group in group_inputs(rows)] == [len(group) for group in GROUPS]
    assert ends_input(failed("a", "no_face", "")) is True
    assert ends_input({**failed("a", "no_face", ""), "face": None, "faces": None}) is True
    assert ends_input(ok("a", 0, 3)) is False
