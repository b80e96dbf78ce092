"""Reading tables of other programs, strictly and typed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fiqx_trt.errors import InvalidInputError, SourceError
from fiqx_trt.rows import Column, read_table, table_columns
from rows.tables import run


def write(folder: Path, text: str | bytes, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_kinds_are_inferred(tmp_path: Path) -> None:
    path = write(tmp_path, "path,n,q,code,mixed,none\n1,1,0.5,007,1,\n2,-3,1e-3,012,x,\n3,,2,5,2.5,\n")
    assert table_columns(path) == (
        Column("path", "str"),
        Column("n", "int"),
        Column("q", "float"),
        Column("code", "str"),
        Column("mixed", "str"),
        Column("none", "int"),
    )
    rows = list(read_table(path))
    assert rows[0] == {"path": "1", "n": 1, "q": 0.5, "code": "007", "mixed": "1", "none": None}
    assert rows[2] == {"path": "3", "n": None, "q": 2.0, "code": "5", "mixed": "2.5", "none": None}


def test_kinds_can_be_given(tmp_path: Path) -> None:
    path = write(tmp_path, "path,q\na,1\nb,2\n")
    assert [row["q"] for row in read_table(path, kinds={"q": "float"})] == [1.0, 2.0]
    assert [row["q"] for row in read_table(path, kinds={"q": "str"})] == ["1", "2"]
    with pytest.raises(InvalidInputError, match=r"t.csv has no column score; its columns are path, q"):
        read_table(path, kinds={"score": "float"})
    path = write(tmp_path, 'path,q\n"a\nb",1\nc,NA\n')
    with pytest.raises(SourceError, match=r"t.csv line 4: column q: 'NA' is not a finite number"):
        list(read_table(path, kinds={"q": "float"}))


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", ["", "\n"])
def test_csv_as_people_have_it(tmp_path: Path, end: str, last: str) -> None:
    """A byte order mark, either line end, a missing last one, blank lines."""
    text = '\ufeffpath,q\n\na,1\n\n"b""\n",2'.replace("\n", end) + last
    rows = list(read_table(write(tmp_path, text)))
    assert rows == [{"path": "a", "q": 1}, {"path": f'b"{end}', "q": 2}]


def test_foreign_backslashes_stay(tmp_path: Path) -> None:
    path = write(tmp_path, "path,q\nbuild\\x86\\a.jpg,1\n")
    assert next(read_table(path))["path"] == "build\\x86\\a.jpg"


def test_own_tables_without_their_record(tmp_path: Path) -> None:
    run(tmp_path / "s.csv")
    with_record = list(read_table(tmp_path / "s.csv"))
    (tmp_path / "s.csv.meta.json").unlink()
    assert list(read_table(tmp_path / "s.csv")) == with_record
    assert "caf\udce9 \\x80 日本.jpg" in {row["path"] for row in with_record}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "t.csv is empty; a table begins with a header"),
        ("\n\n", "t.csv is empty"),
        ("path,q\na,1\nb\n", "line 3: 1 cells, but the header has 2"),
        ("path,q\na,1,2\n", "line 2: 3 cells, but the header has 2"),
        ("path;q\na;1\n", "line 1: the header 'path;q' has no comma; give a comma-separated table"),
        ("path,q,q\n", "line 1: the header has empty or repeated names: path, q, q"),
        ("path,,q\n", "line 1: the header has empty or repeated names"),
        ('path,q\na,1\n"b\n\n,2\n', "t.csv line 3: a quote is never closed"),
        ('path,q\na"x",1\n', "line 2: misplaced quote in cell 1"),
        (b"path,q\n\xff,1\n", r"line 2: not UTF-8 \(invalid start byte\)"),
    ],
)
def test_malformed_csv(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        list(read_table(write(tmp_path, text)))


def test_json_lines(tmp_path: Path) -> None:
    path = write(
        tmp_path, '{"path": "a", "q": 1}\n\n{"path": "b", "q": 0.5, "note": null}\n{"path": "c"}', "t.jsonl"
    )
    assert table_columns(path) == (Column("path", "str"), Column("q", "float"), Column("note", "int"))
    assert [row["q"] for row in read_table(path)] == [1.0, 0.5, None]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"path": "a"}\n{"path": \n', r"t.jsonl line 2: not JSON \(Expecting value"),
        ("[1]\n", "t.jsonl line 1: not an object of names and values"),
        ('{"path": "a", "q": [1]}\n', r"t.jsonl line 1: 'q' is \[1\]; give text, a number or null"),
        ('{"path": "a", "q": true}\n', "t.jsonl line 1: 'q' is True; give text, a number or null"),
    ],
)
def test_malformed_json(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        list(read_table(write(tmp_path, text, "t.jsonl")))


def test_parquet_of_others(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    path = tmp_path / "t.parquet"
    pq.write_table(
        pa.table({"path": ["a", None], "q": pa.array([0.5, None], pa.float32()), "n": [1, 2]}), path
    )
    assert [c.kind for c in table_columns(path)] == ["str", "float", "int"]
    assert list(read_table(path)) == [{"path": "a", "q": 0.5, "n": 1}, {"path": None, "q": None, "n": 2}]
    pq.write_table(pa.table({"path": [["a"]]}), path)
    with pytest.raises(SourceError, match=r"t.parquet: column path has type list<.*>; give text or numbers"):
        read_table(path)
    pq.write_table(pa.table({"q": [float("nan")]}), path)
    with pytest.raises(SourceError, match=r"t.parquet row 1: column q: nan is no float"):
        list(read_table(path))
    with pytest.raises(SourceError, match=r"t.parquet is no Parquet file"):
        read_table(write(tmp_path, "path,q\n", "t.parquet"))


def test_missing_and_unknown_files(tmp_path: Path) -> None:
    for name in ("t.csv", "t.jsonl", "t.parquet"):
        with pytest.raises(SourceError, match=r"cannot read .*t\..*: No such file or directory"):
            read_table(tmp_path / name)
    with pytest.raises(InvalidInputError, match=r"t.xls has the suffix '.xls'; use .csv, .jsonl"):
        read_table(tmp_path / "t.xls")


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**60), 2**60), min_size=1))
def test_numbers_keep_their_kind(tmp_path_factory: pytest.TempPathFactory, values: list[float]) -> None:
    path = tmp_path_factory.getbasetemp() / "numbers.csv"
    path.write_text("path,q\n" + "".join(f"a,{value!r}\n" for value in values))
    kind = int if all(isinstance(value, int) for value in values) else float
    assert [repr(row["q"]) for row in read_table(path)] == [repr(kind(value)) for value in values]


def test_importing_rows_loads_nothing_heavy() -> None:
    heavy = ("pyarrow", "cv2", "onnx", "openvino", "torch")
    script = f"import sys; sys.path[:] = {sys.path!r}; import fiqx_trt.rows"
    script += f"; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_damaged_parquet(tmp_path: Path) -> None:
    run(tmp_path / "s.parquet")
    data = (tmp_path / "s.parquet").read_bytes()
    with pytest.raises(SourceError, match=r"t.parquet is no Parquet file that can be read: "):
        list(read_table(write(tmp_path, data[:-20], "t.parquet")))
