"""Lists, standard input and tables as inputs."""

from __future__ import annotations

import io
import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from faces.pictures import encode, scene
from fiqx_trt.errors import ImageError, SourceError
from fiqx_trt.faces.lists import read_names, read_table
from fiqx_trt.faces.sources import iter_sources


def touch(name: str) -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_bytes(b"")


def paths(spec: str, **options: Any) -> list[str]:
    return [source.path for source in iter_sources([spec], **options)]


# --- lists ---------------------------------------------------------------------------------------------


def test_a_list_with_everything_editors_do_to_it(here: Path) -> None:
    Path("list.txt").write_bytes(
        b"\xef\xbb\xbfa.jpg\r\n# comment\r\n\r\n  \r\n b with blanks .jpg\r\nsub/#3.jpg\nlatin\xe9.jpg\na.jpg"
    )
    assert paths("@list.txt") == ["a.jpg", " b with blanks .jpg", "sub/#3.jpg", "latin\udce9.jpg", "a.jpg"]


def test_a_line_is_one_picture(here: Path) -> None:
    touch("d/a.jpg")
    Path("list.txt").write_text("d\n*.jpg\n@x\n")
    assert paths("@list.txt") == ["d", "*.jpg", "@x"]


def test_lists_that_are_none(here: Path) -> None:
    with pytest.raises(SourceError, match=r"cannot read the list missing\.txt: No such file or directory"):
        iter_sources(["@missing.txt"])
    Path("empty.txt").write_text("# nothing\n\n")
    with pytest.raises(SourceError, match=r"'@empty\.txt' names no picture"):
        iter_sources(["@empty.txt"])
    Path("picture.jpg").write_bytes(encode(scene(), ".jpg"))
    with pytest.raises(
        SourceError, match=r"the list picture\.jpg holds a picture, not a list of paths; name the"
    ):
        iter_sources(["@picture.jpg"])
    Path("zeros.bin").write_bytes(bytes(1 << 20))
    with pytest.raises(
        SourceError, match=r"zeros\.bin is not a list of paths: it has a line of more than 65536 bytes"
    ):
        iter_sources(["@zeros.bin"])


def test_a_file_whose_name_begins_with_an_at_sign(here: Path) -> None:
    touch("@a.jpg")
    assert paths("./@a.jpg") == ["./@a.jpg"]


def test_standard_input(here: Path) -> None:
    assert paths("-", stdin=io.BytesIO(b"a.jpg\n#b.jpg\r\n\nc d.jpg")) == ["a.jpg", "#b.jpg", "c d.jpg"]
    raw = io.BytesIO(b"a\r.jpg\0\0 \0#x")
    assert paths("-", stdin=raw, null_separated=True) == ["a\r.jpg", " ", "#x"]
    with pytest.raises(SourceError, match="standard input names no picture"):
        paths("-", stdin=io.BytesIO(b"\n"))
    with pytest.raises(SourceError, match=r"standard input \(-\) can be named once only"):
        iter_sources(["-", "-"], stdin=io.BytesIO(b"a"))
    with pytest.raises(SourceError, match="standard input holds a picture"):
        paths("-", stdin=io.BytesIO(encode(scene(), ".png")))


def test_names_across_chunks_are_whole() -> None:
    names = [f"{'n' * (index % 97)}{index}.jpg" for index in range(20_000)]
    text = "\r\n".join(names).encode()
    assert list(read_names(io.BytesIO(text), name="it")) == names


def test_standard_input_is_read_as_it_comes(here: Path) -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", buffering=0) as stream:
        found = iter_sources(["-"], stdin=stream)
        os.write(writing, b"a.jpg\nb")
        assert next(found).path == "a.jpg"
        os.write(writing, b".jpg\n")
        assert next(found).path == "b.jpg"
        os.close(writing)
        assert list(found) == []


def test_a_named_pipe_as_list_is_read_once(here: Path) -> None:
    os.mkfifo("fifo")
    writer = threading.Thread(target=lambda: Path("fifo").write_text("a.jpg\nb.jpg\n"))
    writer.start()
    assert paths("@fifo") == ["a.jpg", "b.jpg"]
    writer.join()


# --- tables --------------------------------------------------------------------------------------------

ROWS = [
    ("a.jpg", 0),
    ("group, big.jpg", 0),
    ("group, big.jpg", 1),
    ("group, big.jpg", 2),
    ("a.jpg", 0),
    ("a.jpg", 0),
]
WANTED = ["a.jpg", "group, big.jpg", "a.jpg", "a.jpg"]


def _csv(path: str, rows: list[tuple[str, int]]) -> None:
    lines = ["path,face,score", *(f'"{name}",{face},0.5' for name, face in rows)]
    Path(path).write_text("\r\n".join(lines) + "\r\n")


def _jsonl(path: str, rows: list[tuple[str, int]]) -> None:
    Path(path).write_text("".join(json.dumps({"path": name, "face": face}) + "\n" for name, face in rows))


def _parquet(path: str, rows: list[tuple[str, int]]) -> None:
    import pyarrow
    from pyarrow import parquet

    columns = {"path": [name for name, _ in rows], "face": [face for _, face in rows]}
    parquet.write_table(pyarrow.table(columns), path)


@pytest.mark.parametrize(("suffix", "write"), [("csv", _csv), ("jsonl", _jsonl), ("parquet", _parquet)])
def test_an_earlier_score_file_names_each_input_once(here: Path, suffix: str, write: Any) -> None:
    write(f"s.{suffix}", ROWS)
    assert paths(f"s.{suffix}") == WANTED
    with pytest.raises(
        SourceError, match=rf"the table s\.{suffix} has no column 'img'; its columns are path, face"
    ):
        iter_sources([f"s.{suffix}"], column="img")


def test_a_csv_as_spreadsheets_write_it(here: Path) -> None:
    Path("t.CSV").write_bytes(b'\xef\xbb\xbfid,img\r\n1,"two\nlines.jpg"\r\n2\r\n\r\n3,caf\xe9.jpg\r\n')
    found = list(iter_sources(["t.CSV"], column="img"))
    assert [source.path for source in found] == ["two\nlines.jpg", "", "caf\udce9.jpg"]
    with pytest.raises(ImageError, match="the row names no file"):
        found[1].read()


def test_missing_cells_of_other_tables_are_rows_too(here: Path) -> None:
    Path("t.jsonl").write_text('{"path": null}\n\n{"path": 3}\n{"path": "a.jpg", "face": "x"}\n')
    assert paths("t.jsonl") == ["", "", "a.jpg"]


def test_broken_tables(here: Path) -> None:
    Path("e.csv").write_text("")
    with pytest.raises(SourceError, match=r"the table e\.csv has no column 'path'; its columns are none"):
        iter_sources(["e.csv"])
    Path("h.csv").write_text("path\n")
    with pytest.raises(SourceError, match=r"'h\.csv' names no picture"):
        iter_sources(["h.csv"])
    Path("long.csv").write_text("path\na.jpg\n" + "x" * 200_000)
    found = iter_sources(["long.csv"])
    assert next(found).path == "a.jpg"
    with pytest.raises(SourceError, match=r"long\.csv, line 3: not a CSV file: field larger"):
        next(found)
    Path("x.parquet").write_bytes(b"no parquet")
    with pytest.raises(SourceError, match=r"x\.parquet is no Parquet file that can be read"):
        iter_sources(["x.parquet"])
    Path("x.jsonl").write_text("[1]\n")
    with pytest.raises(SourceError, match=r"x\.jsonl, line 1: wanted one JSON object a line"):
        iter_sources(["x.jsonl"])
    Path("y.jsonl").write_text("{\n")
    with pytest.raises(SourceError, match=r"y\.jsonl, line 1: not JSON"):
        iter_sources(["y.jsonl"])


def test_a_score_table_gives_back_names_that_are_not_utf8(tmp_path: Path) -> None:
    table = tmp_path / "s.csv"
    table.write_text(
        "path,face,faces,status,error\r\ncaf\\xe9.jpg,0,1,ok,\r\nd.jpg,0,1,ok,\r\n", encoding="utf-8"
    )
    assert list(read_table(str(table))) == ["caf\udce9.jpg", "d.jpg"]
