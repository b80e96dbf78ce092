"""Tar archives as inputs: what people pack, what a full disk cuts off, and what a hostile archive holds."""

from __future__ import annotations

import gzip
import io
import logging
import os
import shutil
import subprocess
import tarfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from faces.pictures import encode, scene
from fiqx_trt.errors import ImageError, SourceError
from fiqx_trt.faces import tar
from fiqx_trt.faces.batch import iter_batches
from fiqx_trt.faces.prepare import FacePreparer
from fiqx_trt.faces.sources import Source, iter_pieces, iter_sources

Member = tuple[str, bytes]
NAMES = ["b.jpg", "a.jpg", "in/ünïcödé 顔.jpg", "in/two\nlines.PNG", "x" * 180 + "/y.jpg", "a.jpg"]
MEMBERS = [(name, f"{index}:{name}".encode() * 50) for index, name in enumerate(NAMES)]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def packed(members: list[Member], *, form: int = tarfile.PAX_FORMAT, mode: str = "w") -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode, format=form) as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def write(name: str, data: bytes) -> str:
    Path(name).write_bytes(data)
    return name


def content(source: Source) -> bytes | str:
    try:
        return source.read()
    except ImageError as error:
        return f"{error.status}: {error}"


def found(*specs: str) -> list[tuple[str, bytes | str]]:
    return [(source.path, content(source)) for source in iter_sources(specs)]


# --- whole archives --------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
@pytest.mark.parametrize("name", ["s.tar", "s.tar.gz", "s.TGZ"])
def test_every_picture_is_a_source_in_the_order_of_the_archive(here: Path, form: int, name: str) -> None:
    data = packed(MEMBERS, form=form)
    write(name, data if name.endswith(".tar") else gzip.compress(data))
    assert found(name) == [(f"{name}/{inner}", data) for inner, data in MEMBERS]
    assert found(f"./{name}")[0][0] == f"./{name}/b.jpg"


def test_the_bytes_decide_about_the_compression(here: Path) -> None:
    write("plain.tgz", packed(MEMBERS))
    write("packed.tar", gzip.compress(packed(MEMBERS)))
    assert [data for _, data in found("plain.tgz")] == [data for _, data in found("packed.tar")]


def test_as_from_the_unpacked_folder(here: Path) -> None:
    names = [
        "f/b.jpg",
        "f/a/z.webp",
        "f/.hidden.jpg",
        "f/._b.jpg",
        "f/.git/c.jpg",
        "f/notes.txt",
        "f/caf\udce9.png",
    ]
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(os.fsencode(name))
    for form in ("gnu", "pax", "ustar", "v7"):
        subprocess.run(["tar", f"--format={form}", "-cf", f"{form}.tar", "-C", "f", "."], check=True)
        unpacked = {path.removeprefix("f/"): data for path, data in found("f")}
        assert {path.removeprefix(f"{form}.tar/"): data for path, data in found(f"{form}.tar")} == unpacked


def test_links_folders_and_other_files_are_left_out(here: Path) -> None:
    with tarfile.open("s.tar", "w") as archive:
        for kind, name in (
            (tarfile.DIRTYPE, "d.jpg"),
            (tarfile.SYMTYPE, "soft.jpg"),
            (tarfile.LNKTYPE, "hard.jpg"),
            (tarfile.FIFOTYPE, "pipe.jpg"),
            (tarfile.CHRTYPE, "device.jpg"),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
        info = tarfile.TarInfo("0.json")
        info.size = 2
        archive.addfile(info, io.BytesIO(b"{}"))
        info = tarfile.TarInfo("0.jpg")
        info.size = 3
        archive.addfile(info, io.BytesIO(b"jpg"))
    skipped: list[str] = []
    assert [source.path for source in iter_sources("s.tar", on_skip=skipped.append)] == ["s.tar/0.jpg"]
    assert skipped == [
        "s.tar/soft.jpg",
        "s.tar/hard.jpg",
        "s.tar/pipe.jpg",
        "s.tar/device.jpg",
        "s.tar/0.json",
    ]


def test_names_that_point_elsewhere_are_only_names(here: Path) -> None:
    (here / "work").mkdir()
    os.chdir("work")
    write("s.tar", packed([("../../up.jpg", b"1"), ("/etc/abs.jpg", b"2"), ("a/./b//c.jpg", b"3")]))
    assert found("s.tar") == [
        ("s.tar/../../up.jpg", b"1"),
        ("s.tar/etc/abs.jpg", b"2"),
        ("s.tar/a/b/c.jpg", b"3"),
    ]
    assert sorted(path.name for path in here.rglob("*")) == ["s.tar", "work"]


def test_several_archives_put_together_are_read_to_the_end(here: Path) -> None:
    write("s.tar", packed(MEMBERS[:2]) + packed(MEMBERS[2:]))
    assert [data for _, data in found("s.tar")] == [data for _, data in MEMBERS]


def test_globs_take_archives_and_folders_do_not(here: Path) -> None:
    Path("f").mkdir()
    for index in (1, 0):
        write(f"f/{index}.tar", packed([(f"{index}.jpg", b"tar")]))
    write("f/a.jpg", b"file")
    assert [path for path, _ in found("f/*.tar")] == ["f/0.tar/0.jpg", "f/1.tar/1.jpg"]
    assert [path for path, _ in found("**/*.tar", "f")] == ["f/0.tar/0.jpg", "f/1.tar/1.jpg", "f/a.jpg"]
    assert [path for path, _ in found("f/*")] == ["f/a.jpg"]


def test_archives_in_lists_and_members_by_name_say_what_to_do(here: Path) -> None:
    write("s.tar", packed(MEMBERS))
    write("list.txt", b"s.tar\ns.tar/a.jpg\ns.tar/in/b.jpg\nlist.txt/x.jpg\nno.tar\n")
    assert [text for _, text in found("@list.txt")] == [
        "decode_error: an archive, not a picture file; name it as an input of its own",
        "decode_error: inside the archive 's.tar', which is read only when it is an input of its own",
        "decode_error: inside the archive 's.tar', which is read only when it is an input of its own",
        "decode_error: cannot be read: Not a directory",
        "decode_error: no such file",
    ]


def test_an_archive_without_pictures_is_an_error(here: Path) -> None:
    write("s.tar", packed([("a.txt", b"text")]))
    with pytest.raises(
        SourceError,
        match=r"no picture in the archive 's\.tar'; files that end in \.apng .* \.webp, or like another photograph, are taken",
    ):
        iter_sources("s.tar")
    write("none.tar", packed([]))
    with pytest.raises(SourceError, match=r"no picture in the archive 'none\.tar'"):
        iter_sources("none.tar")


def test_few_of_many_archives_are_opened_before_any_work(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write("s.tar", packed(MEMBERS))
    write("none.tar", packed([]))
    given = ["s.tar", "none.tar"]
    with pytest.raises(SourceError, match="no picture in the archive"):
        iter_pieces(given)
    monkeypatch.setattr("fiqx_trt.faces.sources.OPENED", 1)
    assert [piece.path for piece in iter_pieces(given)] == given
    with pytest.raises(SourceError, match="no such file or folder: 'x'"):
        list(iter_pieces([*given, "x"]))


@given(
    name=st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=60),
    size=st.integers(0, 1 << 40),
    kind=st.sampled_from([*tarfile.SUPPORTED_TYPES, b"D", b"Z"]),
    form=st.sampled_from([tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT]),
    flip=st.none() | st.tuples(st.integers(0, 511), st.integers(0, 7)),
)
def test_headers_are_read_as_the_standard_library_reads_them(
    name: str, size: int, kind: bytes, form: int, flip: tuple[int, int] | None
) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.type = min(size, 8**11 - 1) if form == tarfile.USTAR_FORMAT else size, kind
    try:
        block = bytearray(info.tobuf(form)[-512:])
    except ValueError:  # a name that does not fit
        return
    if flip is not None and not 148 <= flip[0] < 156:
        block[flip[0]] ^= 1 << flip[1]
    try:
        wanted = tarfile.TarInfo.frombuf(bytes(block), "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        assert tar._parsed(bytes(block)) is None
        return
    got = tar._parsed(bytes(block))
    assert got is not None
    assert got.name.rstrip("/") == wanted.name.rstrip("/")
    assert (got.size, got.regular, got.folder) == (wanted.size, wanted.isreg(), wanted.isdir())


def test_old_checksums_of_signed_bytes_are_taken() -> None:
    info = tarfile.TarInfo("ü.jpg")
    block = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    block[148:156] = b" " * 8
    signed = sum(byte - 256 * (byte > 127) for byte in block)
    block[148:156] = b"%06o\0 " % signed
    header = tar._parsed(bytes(block))
    assert header is not None
    assert header.name == "ü.jpg"


# --- archives that are none, damaged or cut off -----------------------------------------------------------


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


# --- threads and memory ----------------------------------------------------------------------------------


def records(spec: str, threads: int) -> list[tuple[str, str, bytes]]:
    prepare = FacePreparer((32, 32), "arcface", aligned=True)
    batches = iter_batches(iter_sources(spec), prepare, batch=8, threads=threads)
    return [
        (Path(record.path).name, record.status, b"" if record.image is None else record.image.tobytes())
        for batch in batches
        for record in batch
    ]


def test_threads_and_compression_change_nothing(here: Path) -> None:
    Path("f").mkdir()
    for index in range(60):
        write(f"f/{index:02d}.png", b"bad" if index % 7 == 3 else encode(scene(32, 32, index), ".png"))
    members = [(path.name, path.read_bytes()) for path in sorted(Path("f").iterdir())]
    write("s.tar", packed(members))
    write("s.tar.gz", gzip.compress(packed(members)))
    wanted = records("f", 1)
    assert len(wanted) == 60
    for spec in ("s.tar", "s.tar.gz"):
        for threads in (1, 4):
            assert records(spec, threads) == wanted


def peak(action: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz"])
def test_memory_does_not_grow_with_the_archive(here: Path, suffix: str) -> None:
    data = np.random.default_rng(0).bytes(20_000)
    for name, count in (("few", 10), ("many", 300)):
        raw = packed([(f"{index}.jpg", data) for index in range(count)])
        write(name + suffix, gzip.compress(raw, 1) if suffix.endswith("gz") else raw)

    def read(name: str) -> None:
        for source in iter_sources(name + suffix):
            source.read()

    assert peak(lambda: read("many")) < peak(lambda: read("few")) + 100_000


def test_nothing_stays_open(here: Path) -> None:
    write("s.tar", packed(MEMBERS))
    shutil.copy("s.tar", "t.tar")
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    sources = iter_sources(["s.tar", "t.tar"])
    next(sources)
    del sources
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def test_cut_before_the_first_picture(here: Path) -> None:
    data = packed([("0.json", b""), ("ü.jpg", b"1")])
    for length in (512, 1024, 1030):
        write("s.tar", data[:length])
        assert found("s.tar") == [("s.tar", f"decode_error: the archive is cut off at byte {length:,}")]
