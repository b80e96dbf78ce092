"""Tar archives that are none, damaged or cut off: what a full disk leaves, and what a hostile archive holds."""

from __future__ import annotations

import gzip
import logging
import os
import subprocess
import tarfile
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fiqx_trt.faces import tar
from fiqx_trt.faces.sources import iter_sources
from support.tar_files import MEMBERS, content, found, packed, write


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "an empty file, not a tar archive"),
        (b"\xff\xd8\xff" * 500, "not a tar archive"),
        (b"short", "the archive is cut off at byte 5"),
        (
            b"BZh91AY&SY",
            "an archive compressed with bzip2, which is not read; unpack it, or compress it with gzip",
        ),
        (b"\x28\xb5\x2f\xfd....", "an archive compressed with zstd, which is not read; unpack it"),
        (b"\x1f\x8b\x08broken", "the archive is damaged or cut off: "),
    ],
)
def test_what_is_no_archive_is_one_row_and_the_next_input_is_read(here: Path, data: bytes, text: str) -> None:
    write("s.tar", data)
    write("t.tar", packed(MEMBERS[:1]))
    first, *others = found("s.tar", "t.tar")
    assert first[0] == "s.tar"
    assert str(first[1]).startswith(f"decode_error: {text}")
    assert others == [("t.tar/b.jpg", MEMBERS[0][1])]


def test_missing_and_odd_archives_are_rows(here: Path) -> None:
    os.mkfifo("pipe.tar")
    Path("folder.tar").mkdir()
    write("folder.tar/a.jpg", b"a")
    assert found("missing.tar", "pipe.tar", "folder.tar", "missing.tgz") == [
        ("missing.tar", "decode_error: no such file"),
        ("pipe.tar", "decode_error: not a regular file"),
        ("folder.tar/a.jpg", b"a"),
        ("missing.tgz", "decode_error: no such file"),
    ]


def place(data: bytes, text: bytes) -> int:
    at = data.index(text)
    assert at % 512 == 0
    return at


def test_a_damaged_header_costs_its_picture_alone(here: Path) -> None:
    members = [(f"{name}.jpg", name.encode() * 2000) for name in "abcde"]
    data = bytearray(packed(members))
    at = place(data, b"c.jpg")
    data[at + 150] ^= 1
    write("s.tar", bytes(data))
    assert found("s.tar") == [
        *[(f"s.tar/{name}", content) for name, content in members[:2]],
        (
            "s.tar",
            f"decode_error: the archive is damaged between the bytes {at:,} and {at + 2560:,}; "
            "what was there is lost",
        ),
        *[(f"s.tar/{name}", content) for name, content in members[3:]],
    ]


def test_a_header_of_zeros_is_damage_too(here: Path) -> None:
    members = [(f"{name}.jpg", name.encode() * 2000) for name in "abc"]
    data = bytearray(packed(members))
    at = place(data, b"b.jpg")
    data[at : at + 512] = bytes(512)
    write("s.tar", bytes(data))
    assert [path for path, _ in found("s.tar")] == ["s.tar/a.jpg", "s.tar", "s.tar/c.jpg"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.floats(0, 1), zipped=st.booleans())
def test_wherever_it_is_cut_the_pictures_before_are_there(here: Path, cut: float, zipped: bool) -> None:
    members = [(f"{name}.jpg", np.random.default_rng(ord(name)).bytes(700)) for name in "abcd"]
    whole = packed(members)
    data = gzip.compress(whole) if zipped else whole
    length = int(cut * len(data))
    write("s.tar", data[:length])
    rows = found("s.tar")
    good = [row for row in rows if isinstance(row[1], bytes)]
    bad = [row for row in rows if isinstance(row[1], str)]
    assert good == [(f"s.tar/{name}", content) for name, content in members][: len(good)]
    assert len(bad) <= 1
    if not zipped:
        # header and padded data: 1,536 bytes a member
        assert len(good) == min(4, (length + 324) // 1536)
    if len(good) < 4 and (zipped or length % 1536 not in (0, *range(1212, 1536))):
        assert len(bad) == 1
        assert bad[0][0] in ("s.tar", f"s.tar/{members[len(good)][0]}")


def test_cut_in_a_picture_in_another_member_and_in_a_header(here: Path) -> None:
    data = packed([("a.jpg", b"1" * 600), ("b.json", b"2" * 600), ("c.jpg", b"3")])
    ends = {
        512: ("s.tar/a.jpg", "the archive is cut off in the middle of this picture"),
        800: ("s.tar/a.jpg", "the archive is cut off in the middle of this picture"),
        2100: ("s.tar", "the archive is cut off in the middle of 'b.json'"),
        3200: ("s.tar", "the archive is cut off at byte 3,200"),
    }
    for length, (path, text) in ends.items():
        write("s.tar", data[:length])
        assert found("s.tar")[-1] == (path, f"decode_error: {text}")


def test_cut_before_the_first_picture(here: Path) -> None:
    data = packed([("0.json", b""), ("ü.jpg", b"1")])
    for length in (512, 1024, 1030):
        write("s.tar", data[:length])
        assert found("s.tar") == [("s.tar", f"decode_error: the archive is cut off at byte {length:,}")]


def test_a_missing_end_mark_and_bytes_behind_it_are_a_warning(
    here: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = packed(MEMBERS[:1], form=tarfile.GNU_FORMAT)
    write("s.tar", whole[:1024])
    write("t.tar", whole + b"x" * 512)
    with caplog.at_level(logging.WARNING, "fiqx_trt"):
        assert len(found("s.tar", "t.tar")) == 2
    texts = list(dict.fromkeys(record.getMessage() for record in caplog.records))
    assert texts == [
        "the archive s.tar: it has no end mark; if it was cut off, the pictures behind the last one are missing",
        "the archive t.tar: the 512 bytes behind its end mark are not read",
    ]


def test_a_wrong_checksum_of_the_compression_is_a_row_at_the_end(here: Path) -> None:
    data = bytearray(gzip.compress(packed(MEMBERS)))
    data[-8] ^= 1
    write("s.tgz", bytes(data))
    rows = found("s.tgz")
    assert rows[:-1] == [(f"s.tgz/{name}", content) for name, content in MEMBERS]
    assert rows[-1][0] == "s.tgz"
    assert "damaged or cut off: CRC check failed" in str(rows[-1][1])


def test_damaged_extended_headers_are_a_row(here: Path) -> None:
    data = packed([("ü.jpg", b"1"), ("b.jpg", b"2")])
    write("s.tar", data.replace(b" path=", b" path!"))
    assert [path for path, _ in found("s.tar")] == ["s.tar", "s.tar/?.jpg", "s.tar/b.jpg"]
    assert found("s.tar")[0][1] == "decode_error: the extended header before byte 1,024 is damaged"


def pax(records: bytes) -> bytes:
    """An extended header of these records, and a picture behind it."""
    info = tarfile.TarInfo("pax")
    info.type, info.size = tarfile.XHDTYPE, len(records)
    block = info.tobuf(tarfile.USTAR_FORMAT) + records + bytes(-len(records) % 512)
    return block + packed([("a.jpg", b"picture")], form=tarfile.USTAR_FORMAT)


def test_a_mebibyte_of_extended_records_is_read_in_one_pass(here: Path) -> None:
    write("s.tar", pax(b"5 a=\n" * ((1 << 20) // 5)))
    begin = time.process_time()
    assert found("s.tar") == [("s.tar/a.jpg", b"picture")]
    assert (
        time.process_time() - begin < 1.0
    )  # copying what is left for each record took several times as long


@pytest.mark.parametrize(
    "records",
    [
        b"4500 size=" + b"1" * 4489 + b"\n",
        b"34 size=1" + b"0" * 24 + b"\n",
        b"40011 path=" + b"x" * 39999 + b"\n",
    ],
)
def test_numbers_and_names_without_end_are_damage(here: Path, records: bytes) -> None:
    assert len(records) == int(records.split(b" ")[0])
    write("s.tar", pax(records))
    damage = (
        f"decode_error: the extended header before byte {512 + -(-len(records) // 512) * 512:,} is damaged"
    )
    assert found("s.tar") == [("s.tar", damage), ("s.tar/a.jpg", b"picture")]


def test_a_long_name_without_end_is_a_row(here: Path) -> None:
    info = tarfile.TarInfo("long")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 40_000
    write("s.tar", info.tobuf() + b"x" * 40_000 + bytes(-40_000 % 512) + packed([("a.jpg", b"picture")]))
    rows = found("s.tar")
    assert rows[0] == ("s.tar", "decode_error: an extended header of 40,000 bytes at byte 512")
    assert rows[1:] == [("s.tar/a.jpg", b"picture")]


def test_lies_about_sizes_cost_no_memory(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tarfile.TarInfo("big.jpg")
    info.size = tar.MAX_BYTES + 1
    name = tarfile.TarInfo("long")
    name.type, name.size = tarfile.GNUTYPE_LONGNAME, 1 << 40
    write("s.tar", info.tobuf(tarfile.GNU_FORMAT))
    write("t.tar", name.tobuf(tarfile.GNU_FORMAT) + bytes(512))
    with Path("u.tar").open("wb") as file:
        file.write(info.tobuf(tarfile.GNU_FORMAT))
        file.truncate(info.size + 2048)
    tracemalloc.start()
    rows = found("s.tar", "t.tar", "u.tar")
    assert tracemalloc.get_traced_memory()[1] < 2_000_000
    tracemalloc.stop()
    assert rows == [
        ("s.tar/big.jpg", "decode_error: the archive is cut off in the middle of this picture"),
        ("t.tar", "decode_error: an extended header of 1,099,511,627,776 bytes at byte 512"),
        ("u.tar/big.jpg", "unsupported: a file of 536,870,913 bytes: more than the limit of 536,870,912"),
    ]


def test_a_sparse_member_is_a_row(here: Path) -> None:
    with Path("hole.jpg").open("wb") as file:
        file.seek(1 << 20)
        file.write(b"end")
    write("b.jpg", b"b")
    for form in ("gnu", "pax"):
        subprocess.run(["tar", f"--format={form}", "-Scf", "s.tar", "hole.jpg", "b.jpg"], check=True)
        assert found("s.tar") == [
            ("s.tar/hole.jpg", "decode_error: a sparse file, which is not read from archives; unpack it"),
            ("s.tar/b.jpg", b"b"),
        ]


def test_an_archive_cut_off_during_the_run(here: Path) -> None:
    write("s.tar", packed(MEMBERS[:1]))
    (source,) = iter_sources("s.tar")
    Path("s.tar").write_bytes(b"")
    assert content(source) == "decode_error: the archive was cut off after it was listed"
    Path("s.tar").unlink()
    assert content(source) == "decode_error: the archive cannot be read: No such file or directory"
