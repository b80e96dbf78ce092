"""Inputs: what people name on a command line, and what lies on their disks."""

from __future__ import annotations

import inspect
import io
import itertools
import os
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fiqx_trt.errors import ImageError, SourceError
from fiqx_trt.faces import sources, walk
from fiqx_trt.faces.sources import PICTURE_SUFFIXES, Source, iter_sources


def touch(*names: str) -> None:
    for name in names:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.fsencode(name))


def paths(*specs: str | Path, **options: Any) -> list[str]:
    return [source.path for source in iter_sources(specs, **options)]


# --- files ---------------------------------------------------------------------------------------------


def test_files_keep_their_order_their_spelling_and_their_duplicates(here: Path) -> None:
    touch("b.jpg", "a.jpg", "notes.txt", "noending")
    given = ["b.jpg", "./a.jpg", "b.jpg", "notes.txt", "noending", str(here / "a.jpg")]
    assert paths(*given) == given
    assert [source.read() for source in iter_sources(["b.jpg", Path("a.jpg")])] == [b"b.jpg", b"a.jpg"]
    assert paths("b.jpg") == [source.path for source in iter_sources("b.jpg")]


NASTY = [
    "with space.jpg",
    "ünïcödé 顔.jpg",
    "a,b.jpg",
    'say "hi".jpg',
    "two\nlines.jpg",
    "#1.jpg",
    "-x.jpg",
    "caf\udce9.jpg",
]


def test_nasty_names_survive_from_folders_lists_and_standard_input(here: Path) -> None:
    for name in NASTY:
        touch(f"in/{name}")
    listed = sorted((f"in/{name}" for name in NASTY), key=os.fsencode)
    assert paths("in") == listed
    assert [source.read() for source in iter_sources("in")] == [os.fsencode(path) for path in listed]
    stream = io.BytesIO(b"\0".join(map(os.fsencode, listed)))
    assert paths("-", stdin=stream, null_separated=True) == listed
    plain = [path for path in listed if "\n" not in path]
    Path("list.txt").write_bytes(b"\n".join(map(os.fsencode, plain)))
    assert paths("@list.txt") == plain
    assert paths("-", stdin=io.BytesIO(Path("list.txt").read_bytes())) == plain


def test_a_missing_picture_is_a_row_and_a_mistyped_folder_an_error(here: Path) -> None:
    (source,) = iter_sources(["missing.jpg"])
    with pytest.raises(ImageError, match=r"^no such file$") as caught:
        source.read()
    assert caught.value.status == "decode_error"
    for spec in ("missing", "missing/", "missing.csv"):
        with pytest.raises(SourceError, match=f"no such file or folder: '{spec}'"):
            iter_sources([spec])
    with pytest.raises(SourceError, match=r"no picture matches '\*\.jpg'"):
        iter_sources(["*.jpg"])
    with pytest.raises(SourceError, match="no input given: name files, folders"):
        iter_sources([])


def test_what_cannot_be_read_says_why(here: Path) -> None:
    touch("d.jpg/x")
    os.mkfifo("pipe.jpg")
    Path("loop.jpg").symlink_to("loop.jpg")
    Path("dangling.jpg").symlink_to("nowhere")
    wanted = {
        "d.jpg": "a folder, not a picture file",
        "pipe.jpg": "not a regular file",
        "loop.jpg": "cannot be read: Too many levels of symbolic links",
        "dangling.jpg": "no such file",
        "": "the row names no file",
        "nul\0.jpg": "cannot be read: embedded null byte",
        "x" * 5000: "cannot be read: File name too long",
    }
    for path, text in wanted.items():
        with pytest.raises(ImageError, match=f"^{text}$") as caught:
            Source(path).read()
        assert caught.value.status == "decode_error"
    assert paths("loop.jpg", "dangling.jpg", "pipe.jpg") == ["loop.jpg", "dangling.jpg", "pipe.jpg"]


def test_a_gigantic_file_is_not_read(here: Path) -> None:
    with Path("big.jpg").open("wb") as stream:
        stream.truncate(sources.MAX_BYTES + 1)
    with pytest.raises(
        ImageError, match=r"a file of 536,870,913 bytes: more than the limit of 536,870,912"
    ) as caught:
        Source("big.jpg").read()
    assert caught.value.status == "unsupported"


def test_a_read_in_pieces_is_whole(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch("a.jpg")
    read = os.read
    monkeypatch.setattr(os, "read", lambda number, size: read(number, min(size, 2)))
    assert Source("a.jpg").read() == b"a.jpg"


# --- folders -------------------------------------------------------------------------------------------


def test_a_folder_is_walked_in_the_order_of_its_bytes(here: Path) -> None:
    touch(
        "f/b.jpg",
        "f/B.PNG",
        "f/a/z.webp",
        "f/a.jpg",
        "f/ä.jpg",
        "f/z/1.tiff",
        "f/a0.jpeg",
        "f/notes.txt",
        "f/x.npy",
    )
    touch("f/.hidden.jpg", "f/._b.jpg", "f/.git/c.jpg")
    skipped: list[str] = []
    found = paths("f", on_skip=skipped.append)
    assert found == ["f/B.PNG", "f/a/z.webp", "f/a.jpg", "f/a0.jpeg", "f/b.jpg", "f/z/1.tiff", "f/ä.jpg"]
    assert sorted(skipped) == ["f/notes.txt", "f/x.npy"]
    assert paths("f/") == found
    assert paths(Path("f")) == found
    assert all(suffix == suffix.lower() for suffix in PICTURE_SUFFIXES)


def test_the_current_folder(here: Path) -> None:
    touch("a.jpg", "b/c.jpg")
    assert paths(".") == ["./a.jpg", "./b/c.jpg"]


def test_links_are_followed_and_loops_are_cut(here: Path) -> None:
    touch("f/a.jpg", "f/sub/b.jpg", "other/c.jpg")
    Path("f/up").symlink_to("..", target_is_directory=True)
    Path("f/self").symlink_to(".", target_is_directory=True)
    Path("f/sub/back").symlink_to("../../f", target_is_directory=True)
    Path("f/away").symlink_to("../other", target_is_directory=True)
    Path("f/link.jpg").symlink_to("a.jpg")
    Path("f/broken").symlink_to("broken")
    assert paths("f") == [
        "f/a.jpg",
        "f/away/c.jpg",
        "f/link.jpg",
        "f/sub/b.jpg",
        "f/up/other/c.jpg",
    ]


def test_two_folders_that_contain_each_other_end(here: Path) -> None:
    touch("a/1.jpg", "b/2.jpg")
    Path("a/b").symlink_to("../b", target_is_directory=True)
    Path("b/a").symlink_to("../a", target_is_directory=True)
    assert paths("a", "b") == ["a/1.jpg", "a/b/2.jpg", "b/2.jpg", "b/a/1.jpg"]


def test_an_unreadable_subfolder_is_a_row(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch("f/a.jpg", "f/secret/b.jpg", "f/z.jpg")
    scandir = os.scandir

    def refuse(path: str) -> Any:
        if path.endswith("secret"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(walk.os, "scandir", refuse)
    found = list(iter_sources(["f"]))
    assert [source.path for source in found] == ["f/a.jpg", "f/secret", "f/z.jpg"]
    with pytest.raises(ImageError, match=r"^the folder cannot be listed: Permission denied$"):
        found[1].read()
    assert paths("f/**/*.jpg") == ["f/a.jpg", "f/z.jpg", "f/secret"]
    with pytest.raises(SourceError, match="cannot list 'f/secret': Permission denied"):
        iter_sources(["f/secret"])


def test_a_folder_without_pictures_is_an_error(here: Path) -> None:
    touch("f/notes.txt", "f/deep/er/.hidden.jpg")
    with pytest.raises(
        SourceError,
        match=r"no picture in the folder 'f' or below; files that end in \.apng .* \.webp, or like another photograph, are taken",
    ):
        iter_sources(["f"])


def test_a_tree_deeper_than_the_stack_is_walked(here: Path) -> None:
    deep = "/".join("d" * 250)
    touch(f"{deep}/x.jpg")
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack()) + 100)
    try:
        assert paths("d") == [f"{deep}/x.jpg"]
        assert paths("**/*.jpg") == [f"{deep}/x.jpg"]
    finally:
        sys.setrecursionlimit(limit)


# --- globs ---------------------------------------------------------------------------------------------


@pytest.fixture
def tree(here: Path) -> Path:
    touch("p/a.jpg", "p/b.png", "p/c.txt", "p/q/a.jpg", "p/q/r/d.JPG", "p/.h/e.jpg", "p/s/a.jpg")
    return here


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("p/*.jpg", ["p/a.jpg"]),
        ("p/?.*", ["p/a.jpg", "p/b.png", "p/c.txt"]),
        ("p/[ab].*", ["p/a.jpg", "p/b.png"]),
        ("p/*", ["p/a.jpg", "p/b.png", "p/q/a.jpg", "p/q/r/d.JPG", "p/s/a.jpg"]),
        ("p/*/a.jpg", ["p/q/a.jpg", "p/s/a.jpg"]),
        ("p/**/*.jpg", ["p/a.jpg", "p/q/a.jpg", "p/s/a.jpg"]),
        ("**/a.jpg", ["p/a.jpg", "p/q/a.jpg", "p/s/a.jpg"]),
        ("p/**", ["p/a.jpg", "p/b.png", "p/q/a.jpg", "p/q/r/d.JPG", "p/s/a.jpg"]),
        ("p/**/**/r/*.JPG", ["p/q/r/d.JPG"]),
        ("p/.*/*.jpg", ["p/.h/e.jpg"]),
        ("p/q*", ["p/q/a.jpg", "p/q/r/d.JPG"]),
    ],
)
def test_globs(tree: Path, pattern: str, found: list[str]) -> None:
    assert paths(pattern) == found
    assert paths(f"{tree}/{pattern}") == [f"{tree}/{path}" for path in found]


def test_a_file_of_that_name_comes_before_the_glob(here: Path) -> None:
    touch("face[1].jpg", "face1.jpg", "[x]/a.jpg", "x/b.jpg")
    assert paths("face[1].jpg") == ["face[1].jpg"]
    assert paths("[x]") == ["[x]/a.jpg"]
    assert paths("face[12].jpg") == ["face1.jpg"]
    assert paths("[x]/b.jp*") == ["x/b.jpg"]


def test_a_glob_does_not_run_in_circles(here: Path) -> None:
    touch("p/a.jpg")
    Path("p/loop").symlink_to(".", target_is_directory=True)
    assert paths("p/**/*.jpg") == ["p/a.jpg"]
    with pytest.raises(SourceError, match="no picture matches 'q/\\*\\*/x"):
        iter_sources(["q/**/x.jpg"])


# --- memory --------------------------------------------------------------------------------------------


class _Endless(io.RawIOBase):
    """A list of any length that is nowhere."""

    def __init__(self, lines: int) -> None:
        self._names = (f"folder/{index:09d}.jpg\n".encode() for index in range(lines))

    def read(self, size: int = -1) -> bytes:
        return b"".join(itertools.islice(self._names, max(1, size // 32)))


def _peak(sources: Iterator[Source]) -> int:
    tracemalloc.start()
    try:
        for _ in sources:
            pass
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_a_list() -> None:
    short, long = (_peak(iter_sources(["-"], stdin=_Endless(lines))) for lines in (5_000, 50_000))
    assert long < short + 100_000


def test_memory_does_not_grow_with_the_number_of_folders(here: Path) -> None:
    touch(*(f"few/{folder}/{index}.jpg" for folder in range(5) for index in range(20)))
    touch(*(f"many/{folder}/{index}.jpg" for folder in range(60) for index in range(20)))
    assert _peak(iter_sources(["many"])) < _peak(iter_sources(["few"])) + 50_000
