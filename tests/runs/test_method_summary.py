"""What a score table looks like as a whole, beside NumPy on all of its rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fiqx_trt.rows import RunMeta, open_table, score_columns
from fiqx_trt.runs import method_summary
from fiqx_trt.runs.method_summary import MethodSummary, summarise_methods, summarise_table

META = RunMeta([], "0", "m", "0" * 64, "b", "d", "p")
RNG = np.random.default_rng(4)
VALUES = RNG.uniform(0, 1, 500)
ROWS = [
    {
        "path": f"new\nline, {i}.jpg",
        "face": 0,
        "faces": 1,
        "status": "ok",
        "q": value,
        "q_100": int(100 * value),
        "n": i,
    }
    for i, value in enumerate(VALUES.tolist())
] + [{"path": "caf\udce9.jpg", "status": "no_face", "error": "none, found"}]
COLUMNS = score_columns(["q", "n"])


def table(path: Path) -> Path:
    with open_table(path, score_columns(["q", "q_100", "n"]), meta=META) as writer:
        writer.append(ROWS)
    return path


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_a_table_says_what_numpy_says(tmp_path: Path, suffix: str) -> None:
    path = table(tmp_path / f"s{suffix}")
    columns = score_columns(["q", "q_100", "n"])
    quality, other = summarise_table(path, columns, {"q": True, "n": False}, worst=2)
    low, middle, high = (f"{q:.4g}" for q in np.quantile(VALUES, [0.25, 0.5, 0.75]))
    order = np.argsort(VALUES)[:2]
    named = ", ".join(f"{VALUES[i]:.4g} new\nline, {i}.jpg" for i in order)
    hundred = f"{np.median((100 * VALUES).astype(int)):g}"
    assert (
        quality.line()
        == f"q: median {middle} ({hundred} of 100), half of them {low} to {high}; lowest {named}"
    )
    assert other.line().endswith("highest (lower is better) 499 new\nline, 499.jpg, 498 new\nline, 498.jpg")
    assert quality.worst_path == f"new\nline, {order[0]}.jpg"
    assert [one.line() for one in summarise_methods({"q": True, "n": False}, ROWS, worst=2)] == [
        quality.line(),
        other.line(),
    ]


def test_no_number_and_one_number() -> None:
    (none,) = summarise_methods({"q": True}, [ROWS[-1]])
    assert (none.line(), none.worst_path) == ("q: no number", None)
    (one,) = summarise_methods({"q": True}, ROWS[3:4])
    assert one.line() == f"q: {VALUES[3]:.4g} ({int(100 * VALUES[3])} of 100) new\nline, 3.jpg"
    (two,) = summarise_methods({"n": True}, ROWS[3:5])
    assert (
        two.line()
        == "n: median 3.5, half of them 3.25 to 3.75; lowest 3 new\nline, 3.jpg, 4 new\nline, 4.jpg"
    )


def test_memory_does_not_grow_and_the_worst_are_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(method_summary, "KEPT", 1000)
    values = RNG.permutation(100_000).astype(float)
    summary = MethodSummary("q", higher_is_better=True)
    for begin in range(0, len(values), 777):
        piece = values[begin : begin + 777]
        summary.push(piece, None, [{"path": f"{value:.0f}", "face": 0, "faces": 1} for value in piece])
        assert sum(map(len, summary._values)) <= 1000
    line = summary.line()
    assert line.endswith("lowest 0 0, 1 1, 2 2")
    assert abs(float(line.split("median ")[1].split(",")[0]) - 50_000) < 8000
    assert summary.count == 100_000
