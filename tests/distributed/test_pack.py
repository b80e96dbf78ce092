"""Pictures packed into shards: the same bytes every time, nothing lost, and the scores of the loose files."""

from __future__ import annotations

import json
import os
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from distributed.conftest import picture
from fiqx_trt.distributed.pack import pack_pictures
from fiqx_trt.distributed.run import Share
from fiqx_trt.errors import OutputError
from fiqx_trt.faces.sources import iter_sources
from fiqx_trt.runs.options import Inputs
from support.parts import parts


def members(path: Path) -> list[tuple[str, bytes]]:
    with tarfile.open(path) as archive:
        return [(one.name, archive.extractfile(one).read()) for one in archive]  # type: ignore[union-attr]


def shards(folder: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(Path(folder).glob("*.tar"))}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Inputs:
    """Ten loose pictures: hidden from no reader, one that is not there, names of any length and any bytes."""
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    names = [f"photos/{number}.png" for number in range(6)]
    names += ["photos/new\nline.png", "photos/" + "long " * 30 + ".png", os.fsdecode(b"photos/\xff.png")]
    for number, name in enumerate(names):
        Path(name).write_bytes(picture(number))
    return Inputs([*names[:4], "photos/missing.png", *names[4:]])


def test_shards_hold_what_was_packed(folder: Inputs) -> None:
    done = pack_pictures(folder, "packed/", name="faces", pictures=4)
    assert (done.shards, done.done, done.pictures, done.left_out, done.complete) == (3, 3, 9, 1, True)
    assert sorted(shards("packed")) == ["faces-000000.tar", "faces-000001.tar", "faces-000002.tar"]
    flat = [one for path in sorted(Path("packed").glob("*.tar")) for one in members(path)]
    names = [str(name) for name in folder.names if "missing" not in str(name)]
    assert flat == [(name, Path(name).read_bytes()) for name in names]
    assert json.loads(Path("packed/_fiqx/left-out-000001.jsonl").read_text()) == {
        "path": "photos/missing.png",
        "error": "no such file",
    }
    read = list(iter_sources("packed/faces-{000000..000002}.tar"))
    assert [source.path.partition(".tar/")[2] for source in read] == names
    pack_pictures(folder, "again/", name="faces", pictures=4)
    assert shards("again") == shards("packed")


def test_an_ended_run_goes_on(folder: Inputs) -> None:
    pack_pictures(folder, "whole/", pictures=4)
    looks = iter(range(100))
    done = pack_pictures(folder, "packed/", pictures=4, stop=lambda: next(looks) >= 6)
    assert (done.stopped, done.done, done.complete) == (True, 1, False)
    assert not list(Path("packed").glob(".*"))
    with pytest.raises(OutputError, match="packed/ holds packed shards already; use --resume to go on"):
        pack_pictures(folder, "packed/", pictures=4)
    with pytest.raises(OutputError, match="packed/ was packed from other inputs, or with another --name"):
        pack_pictures(folder, "packed/", pictures=5, resume=True)
    kept = Path("packed/shard-000000.tar").stat().st_mtime_ns
    done = pack_pictures(folder, "packed/", pictures=4, resume=True)
    assert (done.done, done.pictures, done.left_out) == (3, 5, 1)
    assert Path("packed/shard-000000.tar").stat().st_mtime_ns == kept
    assert shards("packed") == shards("whole")
    for own in range(2):
        pack_pictures(folder, "shared/", pictures=4, share=Share(own, 2))
    assert shards("shared") == shards("whole")
    Path("packed/_fiqx/pack.json").unlink()
    with pytest.raises(OutputError, match=r"packed/ holds shards called shard-….tar already"):
        pack_pictures(folder, "packed/", resume=True)


def test_other_kinds_of_input(folder: Inputs) -> None:
    table = pa.table({"image": pa.array([picture(1), b"\xff\xd8\xffx", None], pa.binary())})
    pq.write_table(table, "faces.parquet")
    Path("photos/.hidden.png").write_bytes(picture(3))
    done = pack_pictures(Inputs(["faces.parquet", f"{Path.cwd()}/photos/.hidden.png"]), "packed/")
    assert (done.shards, done.pictures, done.left_out) == (2, 3, 1)
    assert [name for name, _ in members(Path("packed/shard-000000.tar"))] == [
        "faces.parquet#0.png",
        "faces.parquet#1.jpg",
    ]
    ((hidden, _),) = members(Path("packed/shard-000001.tar"))
    assert hidden == f"{Path.cwd()}/photos/_.hidden.png".lstrip("/")


def test_packed_pictures_have_the_scores_of_the_loose_ones(settings, inputs) -> None:
    pack_pictures(inputs, "packed/", pictures=4)
    loose = parts(settings, inputs, "loose-run/")
    packed = parts(settings, Inputs(["packed/shard-{000000..000006}.tar"]), "packed-run/")

    def scores(run: str) -> list[float | None]:
        return pq.read_table(run, columns=["serfiq", "status"]).to_pylist()

    missing = sum(loose.counts.values()) - sum(packed.counts.values())
    assert missing == 1  # missing.jpg
    assert [row for row in scores("packed-run") if row["status"] == "ok"] == [
        row for row in scores("loose-run") if row["status"] == "ok"
    ]


def test_shards_in_an_object_store(folder: Inputs, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow.fs as fs

    from fiqx_trt.faces import storage
    from support.objects import s3_server

    pack_pictures(folder, "packed/", pictures=4)
    with s3_server(monkeypatch) as address:
        storage._opened.cache_clear()
        store = fs.S3FileSystem(endpoint_override=address, allow_bucket_creation=True)
        store.create_dir("faces")
        looks = iter(range(100))
        pack_pictures(folder, "s3://faces/packed/", pictures=4, stop=lambda: next(looks) >= 6)
        assert pack_pictures(folder, "s3://faces/packed/", pictures=4, resume=True).complete
        for name, data in shards("packed").items():
            with store.open_input_file(f"faces/packed/{name}") as file:
                assert file.read() == data
        storage._opened.cache_clear()


def test_a_folder_that_cannot_be_written(folder: Inputs) -> None:
    Path("full").mkdir()
    Path("full/_fiqx").write_text("")
    with pytest.raises(OutputError, match=r"cannot use the folder full/"):
        pack_pictures(folder, "full/")
