"""Files that hold many pictures: RecordIO, Parquet tables with bytes, and shards named by braces."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faces.pictures import encode, scene
from fiqx_trt.errors import ImageError, SourceError
from fiqx_trt.faces.braces import expand_braces
from fiqx_trt.faces.sources import Container, Source, iter_sources
from support.recordio import MAGIC, insightface, packed, record


def sources(spec: str, **options: Any) -> list[Source]:
    return list(iter_sources([spec], **options))


def paths(spec: str, **options: Any) -> list[str]:
    return [source.path for source in sources(spec, **options)]


# --- RecordIO ------------------------------------------------------------------------------------------


def test_a_training_set_of_insightface(here: Path) -> None:
    pictures = [encode(scene(24 + i, 20), ".jpg") for i in range(3)]
    pictures.append(encode(scene(16, 16), ".png"))
    Path("train.rec").write_bytes(insightface(pictures))
    found = sources("train.rec")
    assert [source.path for source in found] == [
        "train.rec/00000001.jpg",
        "train.rec/00000002.jpg",
        "train.rec/00000003.jpg",
        "train.rec/00000004.png",
    ]
    assert [source.read() for source in found] == pictures


@given(st.lists(st.one_of(st.just(MAGIC), st.binary(max_size=9)), min_size=1, max_size=12), st.integers(0, 3))
def test_a_content_that_holds_the_magic(
    tmp_path_factory: pytest.TempPathFactory, parts: Any, labels: int
) -> None:
    picture = b"\xff\xd8\xff" + b"".join(parts)
    file = tmp_path_factory.mktemp("rec") / "x.rec"
    numbers = [1.0] * (labels + 1)
    file.write_bytes(record(packed(picture, 0, *numbers)) + record(packed(b"\x89PNGsecond", 1, 0.0)))
    assert [source.read() for source in sources(str(file))] == [picture, b"\x89PNGsecond"]


def test_damage_costs_one_record(here: Path) -> None:
    pictures = [b"\xff\xd8\xff" + bytes([i]) * 50 for i in range(4)]
    records = [record(packed(picture, i, 0.0)) for i, picture in enumerate(pictures)]
    Path("x.rec").write_bytes(records[0] + b"\0" * len(records[1]) + records[2] + records[3][:-20])
    found = sources("x.rec")
    assert found[0].read() == pictures[0]
    assert found[2].read() == pictures[2]
    for source, text in (
        (found[1], "record 1, at byte 88: no record begins there"),
        (found[3], "the file ends inside"),
    ):
        assert source.path == "x.rec"
        with pytest.raises(ImageError, match=text):
            source.read()
    assert len(found) == 4


def test_a_file_that_shrinks_after_it_was_listed(here: Path) -> None:
    whole = record(packed(b"\xff\xd8\xff" + bytes(50), 0, 0.0))
    Path("x.rec").write_bytes(whole)
    found = sources("x.rec")
    Path("x.rec").write_bytes(whole[:40])
    with pytest.raises(ImageError, match="the file ends inside the record"):
        found[0].read()


def indexed(path: Path) -> None:
    """Write the index of a RecordIO file, as MXNet does."""
    data = path.read_bytes()
    at, lines = 0, []
    while at < len(data):
        kind_length = int.from_bytes(data[at + 4 : at + 8], "little")
        if kind_length >> 29 in (0, 1):
            lines.append(f"{len(lines)}\t{at}\n")
        at += 8 + (kind_length & ((1 << 29) - 1)) + -kind_length % 4
    path.with_suffix(".idx").write_text("".join(lines))


def cut(path: str, column: str = "") -> list[list[tuple[str, str, bytes]]]:
    """Return the names, problems and contents of the pictures of each part of a file."""
    return [
        [(one.path, one.problem, b"" if one.problem else one.read()) for one in part.sources()]
        for part in Container(path, column).cut()
    ]


@pytest.mark.parametrize(
    "index", ["none", "right", "short", "of another file", "damaged", "of the wrong records"]
)
@pytest.mark.parametrize("damage", [False, True])
def test_parts_of_a_training_set(
    here: Path, index: str, damage: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fiqx_trt.faces.pieces.PICTURES", 4)
    pictures = [b"\xff\xd8\xff" + bytes([i]) * (4 * i) + (MAGIC * (i % 2)) for i in range(13)]
    content = bytearray(insightface(pictures))
    Path("train.rec").write_bytes(content)
    indexed(Path("train.rec"))
    lines = Path("train.idx").read_bytes().splitlines(keepends=True)
    other = [b"%d\t%d\n" % (number, 4 * number) for number in range(15)]
    wrong = {"short": lines[3:], "of another file": [b"0\t0\n", b"1\t99999999\n"], "damaged": [b"\xff\n"]}
    Path("train.idx").write_bytes(b"".join({"of the wrong records": other, **wrong}.get(index, lines)))
    if index == "none":
        Path("train.idx").unlink()
    if damage:
        content[int(lines[6].split()[1]) + 7] = 0xE0
        Path("train.rec").write_bytes(content)
    parts = cut("train.rec")
    assert len(parts) == 4
    whole = [(one.path, one.problem, b"" if one.problem else one.read()) for one in sources("train.rec")]
    assert [one for part in parts for one in part] == whole
    assert len(whole) == 13
    assert sum(bool(problem) for _, problem, _ in whole) == damage
    assert [name for name, problem, _ in whole if not problem][-1] == "train.rec/00000013.jpg"


@pytest.mark.parametrize(
    ("groups", "rows"), [([3, 3, 3, 3, 1], [3, 3, 3, 4]), ([2, 2, 9, 1], [4, 9, 1]), ([0], [0])]
)
def test_parts_of_a_table(
    here: Path, groups: list[int], rows: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fiqx_trt.faces.pieces.PICTURES", 4)
    kind = pa.schema({"image": pa.binary()})
    with pq.ParquetWriter("faces.parquet", kind) as writer:
        for group, count in enumerate(groups):
            writer.write_table(
                pa.table({"image": [bytes([group, row]) for row in range(count)]}, schema=kind)
            )
    parts = cut("faces.parquet", "image")
    assert [len(part) for part in parts] == rows
    flat = [one for part in parts for one in part]
    assert [name for name, _, _ in flat] == [f"faces.parquet#{row}" for row in range(sum(groups))]
    assert [data for _, _, data in flat] == [
        bytes([g, row]) for g, n in enumerate(groups) for row in range(n)
    ]


def test_other_files_called_rec(here: Path) -> None:
    Path("song.rec").write_bytes(encode(scene(), ".jpg"))
    assert paths("song.rec") == ["song.rec"]
    Path("cut.rec").write_bytes(MAGIC)
    assert [source.problem for source in sources("cut.rec")] == [
        "record 0, at byte 0: the file ends inside the record"
    ]


# --- tables with pictures ------------------------------------------------------------------------------


def hugging_face(rows: list[dict[str, Any] | None]) -> pa.Table:
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    return pa.table({"image": pa.array(rows, kind), "label": pa.array(range(len(rows)))})


def test_a_table_as_hugging_face_writes_it(here: Path) -> None:
    pictures = [encode(scene(20 + i, 16), ".jpg") for i in range(40)]
    rows: list[Any] = [
        {"bytes": data, "path": f"{i}.jpg" if i % 2 else None} for i, data in enumerate(pictures)
    ]
    pq.write_table(
        hugging_face([*rows, None, {"bytes": None, "path": "beside.jpg"}]), "t.parquet", row_group_size=7
    )
    Path("beside.jpg").write_bytes(pictures[0])
    found = sources("t.parquet")
    assert [source.path for source in found[:3]] == ["t.parquet#0", "1.jpg", "t.parquet#2"]
    assert [source.read() for source in found[:40]] == pictures
    assert (found[40].path, found[40].problem) == ("t.parquet#40", "the row holds no picture")
    assert found[41].read() == pictures[0]
    assert paths("*.parquet") == [source.path for source in found]


def test_a_binary_column_beside_a_path(here: Path) -> None:
    table = pa.table({"path": ["a.jpg", ""], "jpg": pa.array([b"one", b"two"], pa.large_binary())})
    pq.write_table(table, "t.parquet")
    assert [(source.path, source.read()) for source in sources("t.parquet")] == [
        ("a.jpg", b"one"),
        ("t.parquet#1", b"two"),
    ]
    assert [source.path for source in sources("t.parquet", column="path")] == ["a.jpg", ""]


def test_which_column(here: Path) -> None:
    pq.write_table(pa.table({"left": [b"1"], "right": [b"2"]}), "two.parquet")
    with pytest.raises(
        SourceError, match=r"2 columns that can hold pictures \(left, right\); choose one with --column"
    ):
        sources("two.parquet")
    assert [source.read() for source in sources("two.parquet", column="right")] == [b"2"]
    with pytest.raises(SourceError, match="has no column 'middle'"):
        sources("two.parquet", column="middle")
    Path("no.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(SourceError, match=r"no\.parquet is no Parquet file that can be read"):
        sources("no.parquet")


# --- shards --------------------------------------------------------------------------------------------


def shard(name: str, *members: str) -> None:
    with tarfile.open(name, "w") as archive:
        for member in members:
            Path("picture").write_bytes(encode(scene(), ".jpg"))
            archive.add("picture", member)


def test_shards_named_by_braces(here: Path) -> None:
    for number in range(9, 12):
        shard(f"f-{number:04d}.tar", f"{number}.jpg")
    assert paths("f-{0009..0011}.tar") == ["f-0009.tar/9.jpg", "f-0010.tar/10.jpg", "f-0011.tar/11.jpg"]
    missing = sources("f-{0011..0012}.tar")[1]
    assert missing.path == "f-0012.tar"
    with pytest.raises(ImageError, match="no such file"):
        missing.read()
    Path("f-{1,2}.jpg").write_bytes(encode(scene(), ".jpg"))
    assert paths("f-{1,2}.jpg") == ["f-{1,2}.jpg"]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("{1..3}", ["1", "2", "3"]),
        ("a{3..1}b", ["a3b", "a2b", "a1b"]),
        ("{01..10..4}", ["01", "05", "09"]),
        ("{9..011}", ["009", "010", "011"]),
        ("{a,,b}x{1..2}", ["ax1", "ax2", "x1", "x2", "bx1", "bx2"]),
        ("{a}", ["{a}"]),
        ("{-1..1}", ["-1", "0", "1"]),
        ("plain", ["plain"]),
    ],
)
def test_braces_expand_as_in_bash(pattern: str, names: list[str]) -> None:
    assert list(expand_braces(pattern)) == names


def test_a_range_without_end(here: Path) -> None:
    with pytest.raises(SourceError, match="stands for 1,000,000,001 names; at most 1,000,000 are expanded"):
        sources("f-{0..1000000000}.tar")


def test_a_folder_of_shards_says_how_to_name_them(here: Path) -> None:
    Path("shards").mkdir()
    shard("shards/a.tar", "1.jpg")
    Path("shards/b.parquet").write_bytes(b"")
    with pytest.raises(SourceError, match=r"name 'shards/\*\.parquet' 'shards/\*\.tar' as input"):
        sources("shards")
