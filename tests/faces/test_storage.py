"""Inputs in object stores: a real S3 server, and a store whose requests fail."""

from __future__ import annotations

import gzip
import io
import pickle
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.fs as fs
import pyarrow.parquet as pq
import pytest

from faces.pictures import encode, scene
from fiqx_trt.errors import ImageError, SourceError, StorageError
from fiqx_trt.faces import storage
from fiqx_trt.faces.read_ahead import ReadAhead
from fiqx_trt.faces.sources import Source, iter_sources
from support.objects import Failing, s3_server
from support.recordio import insightface

PICTURES = [encode(scene(24 + i, 20), ".jpg") for i in range(5)]


def shard(mode: str = "w") -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:
        for number, data in enumerate(PICTURES):
            member = tarfile.TarInfo(f"{number}.jpg")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return stream.getvalue()


def table() -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.table({"image": [{"bytes": data, "path": None} for data in PICTURES]}), stream)
    return stream.getvalue()


def paths() -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.table({"path": ["s3://crops/faces/a.jpg", "gone.jpg"]}), stream)
    return stream.getvalue()


OBJECTS = {
    "faces/b/2 %20ü.jpg": PICTURES[2],
    "faces/a.jpg": PICTURES[0],
    "faces/b/1.jpg": PICTURES[1],
    "faces/notes.txt": b"no picture",
    "faces/.hidden/x.jpg": PICTURES[0],
    "shard-00.tar": shard(),
    "shard-01.tar": gzip.compress(shard()),
    "train.rec": insightface(PICTURES),
    "t.parquet": table(),
    "scores.csv": b"path,score\ns3://crops/faces/a.jpg,0.5\ngone.jpg,0.5\n",
    "scores.jsonl": b'{"path":"s3://crops/faces/a.jpg"}\n{"path":"gone.jpg"}\n',
    "paths.parquet": paths(),
    "lfw.bin": pickle.dumps((PICTURES[:4], [True, False])),
    "list.txt": b"s3://crops/faces/a.jpg\ns3://crops/gone.jpg\n",
}


@pytest.fixture(scope="module")
def bucket() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch, s3_server(patch) as address:
        storage._opened.cache_clear()
        store = fs.S3FileSystem(endpoint_override=address, allow_bucket_creation=True)
        store.create_dir("crops")
        for name, data in OBJECTS.items():
            with store.open_output_stream(f"crops/{name}") as stream:
                stream.write(data)
        yield
    storage._opened.cache_clear()


def sources(spec: str, **options: Any) -> list[Source]:
    return list(iter_sources([spec], **options))


def contents(spec: str) -> list[bytes]:
    return [source.read() for source in sources(spec)]


# --- a server ------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("bucket")
def test_a_folder_of_pictures() -> None:
    skipped: list[str] = []
    found = sources("s3://crops/faces/", on_skip=skipped.append)
    assert [source.path for source in found] == [
        "s3://crops/faces/a.jpg",
        "s3://crops/faces/b/1.jpg",
        "s3://crops/faces/b/2 %20ü.jpg",
    ]
    assert [source.read() for source in found] == PICTURES[:3]
    assert skipped == ["s3://crops/faces/notes.txt"]
    assert sources("s3://crops/faces") == found


@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("s3://crops/faces/*.jpg", ["faces/a.jpg"]),
        ("s3://crops/*/b/[12]*.jpg", ["faces/b/1.jpg", "faces/b/2 %20ü.jpg"]),
        ("s3://crops/faces/**/*.jpg", ["faces/a.jpg", "faces/b/1.jpg", "faces/b/2 %20ü.jpg"]),
    ],
)
def test_globs(pattern: str, names: list[str]) -> None:
    assert [source.path for source in sources(pattern)] == [f"s3://crops/{name}" for name in names]


@pytest.mark.usefixtures("bucket")
def test_containers_hold_the_same_pictures_as_on_disk(tmp_path: Path) -> None:
    for spec in ("shard-00.tar", "shard-01.tar", "train.rec", "t.parquet"):
        (tmp_path / spec).write_bytes(OBJECTS[spec])
        here = sources(str(tmp_path / spec))
        there = sources(f"s3://crops/{spec}")
        assert [s.path.removeprefix("s3://crops") for s in there] == [
            s.path.removeprefix(str(tmp_path)) for s in here
        ]
        assert [s.read() for s in there] == [s.read() for s in here] == PICTURES
    assert contents("s3://crops/shard-{00..01}.tar") == contents("s3://crops/shard-*.tar") == PICTURES * 2


@pytest.mark.usefixtures("bucket")
def test_what_does_not_exist() -> None:
    for spec in ("s3://crops/gone.jpg", "s3://crops/gone.tar"):
        (missing,) = sources(spec)
        with pytest.raises(ImageError, match="no such"):
            missing.read()
    first, second = sources("@s3://crops/list.txt")
    assert first.read() == PICTURES[0]
    with pytest.raises(ImageError, match="no such object"):
        second.read()
    with pytest.raises(SourceError, match="no such object or folder: 's3://crops/nowhere/'"):
        sources("s3://crops/nowhere/")


@pytest.mark.usefixtures("bucket")
def test_a_bucket_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "WAITS", (0.01,))
    with pytest.raises((SourceError, StorageError), match="no-such-bucket"):
        contents("s3://no-such-bucket/faces/")


@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize("table", ["scores.csv", "scores.jsonl", "paths.parquet"])
def test_tables_of_paths(table: str) -> None:
    assert [source.path for source in sources(f"s3://crops/{table}")] == [
        "s3://crops/faces/a.jpg",
        "gone.jpg",
    ]


@pytest.mark.usefixtures("bucket")
def test_a_verification_set() -> None:
    found = list(sources("s3://crops/lfw.bin"))
    assert [source.path for source in found] == [f"s3://crops/lfw.bin#{n:05d}" for n in range(4)]
    assert [source.read() for source in found] == PICTURES[:4]
    with pytest.raises(ImageError, match="has 4 pictures, so there is no #00007"):
        Source("s3://crops/lfw.bin#00007").read()


def test_unknown_schemes_are_refused_before_the_run() -> None:
    with pytest.raises(
        SourceError, match="foo:// is not a scheme that pyarrow reads on this machine; install fsspec"
    ):
        iter_sources(["foo://bucket/a.jpg"])


# --- requests that fail --------------------------------------------------------------------------------


@pytest.fixture
def failing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[str, str], None]], str]:
    """Return a function that opens a store at a folder of this machine, which calls something before each request."""
    for name, data in OBJECTS.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    monkeypatch.setattr(storage, "WAITS", (0.001, 0.001))

    def opened(before: Callable[[str, str], None]) -> str:
        store = fs.PyFileSystem(Failing(fs.LocalFileSystem(), before))
        monkeypatch.setattr(storage, "_opened", lambda scheme, authority: (store, str(tmp_path)))
        return "s3://crops"

    return opened


def test_every_third_request_fails_and_nothing_is_lost(failing: Any) -> None:
    requests: list[str] = []

    def before(kind: str, _: str) -> None:
        requests.append(kind)
        if len(requests) % 3 == 0:
            raise OSError("AWS Error SLOW_DOWN (HTTP status 503) during GetObject")

    base = failing(before)
    assert contents(f"{base}/faces/") == PICTURES[:3]
    for spec in ("shard-00.tar", "shard-01.tar", "train.rec", "t.parquet"):
        assert contents(f"{base}/{spec}") == PICTURES
    assert len(requests) > 20


#: The requests that each input needs.
NEEDED = {
    "faces/a.jpg": {"info", "open", "read"},
    "faces/": {"info", "list", "open", "read"},
    "faces/*.jpg": {"list", "open", "read"},
    "shard-00.tar": {"open", "read"},
    "train.rec": {"info", "open", "read"},
    "t.parquet": {"info", "open", "read"},
}


@pytest.mark.parametrize("spec", list(NEEDED))
@pytest.mark.parametrize("kind", ["open", "read", "list", "info"])
def test_a_store_that_stays_away_ends_the_run(failing: Any, spec: str, kind: str) -> None:
    def before(request: str, _: str) -> None:
        if request == kind:
            raise OSError("curlCode: 28, Timeout was reached")

    base = failing(before)
    if kind in NEEDED[spec]:
        with pytest.raises(StorageError, match=r"cannot read s3://crops.* after 3 attempts: curlCode: 28"):
            contents(f"{base}/{spec}")
    else:
        assert contents(f"{base}/{spec}") in (PICTURES, PICTURES[:3], PICTURES[:1])


def test_no_permission_is_not_tried_again(failing: Any) -> None:
    requests: list[str] = []

    def before(kind: str, _: str) -> None:
        requests.append(kind)
        raise OSError("AWS Error ACCESS_DENIED during GetObject operation")

    with pytest.raises(StorageError, match=r"cannot read s3://crops/faces/a\.jpg: AWS Error ACCESS_DENIED"):
        sources(f"{failing(before)}/faces/a.jpg")
    assert len(requests) == 1


def test_an_object_that_is_too_large(failing: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    base = failing(lambda *_: None)
    with pytest.raises(
        ImageError, match=r"an object of [0-9,]+ bytes: more than the limit of 100"
    ) as refused:
        storage.read_url(f"{base}/faces/a.jpg", 100)
    assert refused.value.status == "unsupported"


def test_the_next_block_is_fetched_while_one_is_used() -> None:
    """The second block is asked for before the first is used up, and what is read is the object, wherever one goes in it."""
    data = bytes(range(251)) * 100
    asked = {begin: threading.Event() for begin in range(0, len(data), 1000)}

    def read(begin: int, size: int) -> bytes:
        asked[begin].set()
        if begin == 5000 and not failed:
            failed.append(begin)
            raise StorageError("away")
        return data[begin : begin + size]

    failed: list[int] = []
    with io.BufferedReader(ReadAhead(read, len(data), 1000), 100) as file:
        assert file.read(6) == data[:6]
        assert not asked[1000].is_set()  # the head alone takes no second block
        file.read(300)
        assert asked[1000].wait(10)
        assert not asked[3000].is_set()
        assert file.seek(0, io.SEEK_END) == len(data)
        for begin, size in ((0, 2500), (24_900, 400), (3100, 50), (20_000, 10)):
            file.seek(begin)
            assert file.read(size) == data[begin : begin + size]
        file.seek(5500)
        with pytest.raises(StorageError, match="away"):
            file.read(10)
        assert file.read(10) == data[5500:5510]


def test_a_shard_is_read_in_large_pieces(failing: Any) -> None:
    reads: list[str] = []
    base = failing(lambda kind, _: reads.append(kind) if kind == "read" else None)
    assert contents(f"{base}/shard-00.tar") == PICTURES
    assert len(reads) <= 4  # twice the first piece, once its end


def test_a_writer_that_ends_in_the_middle_leaves_no_object(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Arrow closes the stream of a writer that an exception ends, which makes an object of what it has written."""

    class Ending(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell():
                raise KeyboardInterrupt
            return super().read(10)

    monkeypatch.setattr(storage, "_opened", lambda scheme, authority: (fs.LocalFileSystem(), str(tmp_path)))
    with pytest.raises(KeyboardInterrupt):
        storage.upload_url("s3://crops/part", Ending(bytes(100)))
    assert list(storage.list_url("s3://crops")) == []
    storage.write_url("s3://crops/part", bytes(100))
    storage.write_url("s3://crops/part", b"new")
    assert list(storage.list_url("s3://crops")) == ["s3://crops/part"]
    assert (tmp_path / "part").read_bytes() == b"new"
