"""A small run for the tests of tables: inputs, what each leads to, and doing it with interruptions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from fiqx_trt.rows import Column, RunMeta, open_table, score_columns
from fiqx_trt.rows.opening import Mode
from fiqx_trt.rows.schema import Row

COLUMNS: tuple[Column, ...] = score_columns(["q", "q_scaled", Column("passes", "int"), Column("note", "str")])

META = RunMeta(
    command_line=["score", "faces", "--out", "s.csv"],
    version="0.1.0",
    model="dlib-resnet",
    model_sha256="ab" * 32,
    backend="openvino",
    device="CPU",
    precision="fp32",
    parameters={"passes": 100, "dropout": 0.5, "mean": [127.5, 127.5]},
)


@dataclass(frozen=True)
class Input:
    path: str


def ok(path: str, face: int = 0, faces: int = 1, q: float = 0.5) -> Row:
    return {
        "path": path,
        "face": face,
        "faces": faces,
        "status": "ok",
        "q": q,
        "q_scaled": q / 3,
        "passes": 7,
    }


def failed(path: str, status: str, error: str, face: int = 0, faces: int = 0) -> Row:
    return {"path": path, "face": face, "faces": faces, "status": status, "error": error}


# Every way an input can look: several faces, a failed face among good ones, one face chosen of three, the
# same path twice (good and bad), names that need quoting or escaping, an error text with a line break.
GROUPS: list[list[Row]] = [
    [failed("empty.jpg", "decode_error", 'zero bytes,\r\n"really"')],
    [ok("a, b.jpg", 0, 2, 0.1), ok("a, b.jpg", 1, 2, 1e-7)],
    [ok("twice.jpg")],
    [ok("twice.jpg")],
    [ok("chosen of three.jpg", 0, 3)],
    [failed("none.jpg", "no_face", "no face found")],
    [failed("none.jpg", "no_face", "no face found")],
    [
        ok("line\nbreak.jpg", 0, 3),
        failed("line\nbreak.jpg", "not_finite", "x", 1, 3),
        ok("line\nbreak.jpg", 2, 3),
    ],
    [ok("caf\udce9 \\x80 日本.jpg", q=5e-324)],
    [ok('"quoted".jpg', 0, 2), ok('"quoted".jpg', 1, 2)],
]
SOURCES = [Input(str(group[0]["path"])) for group in GROUPS]

# the same inputs after the cause of the failures is gone
REPAIRED = [
    group if all(row["status"] == "ok" for row in group) else [ok(str(group[0]["path"]), q=0.75)]
    for group in GROUPS
]


def answers(groups: Sequence[Sequence[Row]] = GROUPS) -> dict[str, Sequence[Row]]:
    return {str(group[0]["path"]): group for group in groups}


def batches(items: Iterable[Input], size: int) -> Iterator[list[Input]]:
    source = iter(items)
    while batch := list(islice(source, size)):
        yield batch


def run(
    out: Path,
    *,
    mode: Mode = "new",
    groups: Sequence[Sequence[Row]] = GROUPS,
    batch: int = 3,
    sources: Sequence[Input] = tuple(SOURCES),
    meta: RunMeta = META,
) -> int:
    """Do the run, or the rest of it, and return the number of inputs computed."""
    rows_of = answers(groups)
    computed = 0
    with open_table(out, COLUMNS, meta=meta, mode=mode) as table:
        for some in batches(table.remaining(sources), batch):
            table.append([row for source in some for row in rows_of[source.path]])
            computed += len(some)
    return computed
