"""Whole tar archives as inputs: their pictures, names and headers, and the threads and memory that reading takes."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import subprocess
import tarfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faces.pictures import encode, scene
from fiqx_trt.errors import SourceError
from fiqx_trt.faces import tar
from fiqx_trt.faces.batch import iter_batches
from fiqx_trt.faces.prepare import FacePreparer
from fiqx_trt.faces.sources import iter_pieces, iter_sources
from support.tar_files import MEMBERS, found, packed, write

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
