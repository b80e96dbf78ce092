"""Labels beside pictures become columns of a run in parts."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from distributed.conftest import picture
from fiqx_trt.errors import FiqxError
from fiqx_trt.rows import read_table
from fiqx_trt.runs.options import Inputs
from support.parts import merged, parts
from support.recordio import packed, record


def add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))


@pytest.fixture
def labelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Inputs:
    """A shard whose labels stand before and behind their pictures, a RecordIO file, and a loose picture without a label."""
    monkeypatch.chdir(tmp_path)
    for mode, name in (("w", "a.tar"), ("w:gz", "b.tgz")):
        with tarfile.open(name, mode) as archive:
            add(archive, "p/1.cls", b"7\n")
            add(archive, "p/1.jpg", picture(1))
            add(archive, "p/1.json", b'{"who": "\xc3\xa4"}')
            add(archive, "p/2.png", b"damaged")
            add(archive, "p/2.cls", b"8")
            add(archive, "q/2.png", picture(2))
            add(archive, "q/3.png", picture(3))
            add(archive, "q/3.cls", b"9" * 70_000)
    content = record(packed(picture(4), 0, 3.0)) + record(packed(picture(5), 1, 0.5, 2.0))
    Path("train.rec").write_bytes(content)
    Path("loose.png").write_bytes(picture(6))
    return Inputs(["a.tar", "b.tgz", "train.rec", "loose.png"])


def test_labels_are_columns(settings, labelled: Inputs) -> None:
    parts(settings, labelled, labels=["cls", "json", "label"])
    merged()
    rows = [(row["cls"], row["json"], row["label"]) for row in read_table(Path("merged.csv"))]
    shard = [("7", '{"who": "ä"}', None), ("8", None, None), (None, None, None), (None, None, None)]
    assert rows == [*shard, *shard, (None, None, "3"), (None, None, "[0.5, 2.0]"), (None, None, None)]
    before = Path("merged.csv").read_bytes()
    assert parts(settings, labelled, labels=["cls", "json", "label"], mode="retry").outcome.made == 2
    assert merged() == before
    with pytest.raises(FiqxError, match="made with other settings: columns was"):
        parts(settings, labelled, labels=["cls"], mode="resume")


def test_other_columns_of_a_table_of_pictures(
    settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("fiqx_trt.faces.pieces.PICTURES", 2)
    images = [{"bytes": picture(n), "path": None} for n in range(3)] + [
        {"bytes": picture(3), "path": "named.png"}
    ]
    columns = {"image": images, "label": [7, None, 9, 10], "text": ["a", "b", None, "ä"]}
    pq.write_table(pa.table(columns), "t.parquet", row_group_size=2)
    assert parts(settings, Inputs(["t.parquet"]), labels=["label", "text", "none"]).units == 2
    merged()
    rows = [
        [row[name] for name in ("path", "label", "text", "none")] for row in read_table(Path("merged.csv"))
    ]
    assert rows == [
        ["t.parquet#0", "7", "a", None],
        ["t.parquet#1", None, "b", None],
        ["t.parquet#2", "9", None, None],
        ["named.png", "10", "ä", None],
    ]


def test_names_of_other_columns_are_refused(settings, labelled: Inputs) -> None:
    with pytest.raises(FiqxError, match="status"):
        parts(settings, labelled, labels=["status"])
