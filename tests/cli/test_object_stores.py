"""``score`` on inputs in an object store: a real S3 server."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow.fs as fs
import pytest

from fiqx_trt.faces import storage
from fiqx_trt.models import stored
from support.objects import Failing, s3_server


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[fs.FileSystem]:
    with s3_server(monkeypatch) as address:
        storage._opened.cache_clear()
        store = fs.S3FileSystem(endpoint_override=address, allow_bucket_creation=True)
        store.create_dir("crops")
        yield store
    storage._opened.cache_clear()


def test_rows_are_those_of_the_local_shard(
    cli, crops: Path, recogniser: Path, tmp_path: Path, bucket, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with tarfile.open("shard-00.tar", "w") as archive:
        archive.add(crops, "faces")
    with bucket.open_output_stream("crops/shard-00.tar") as stream:
        stream.write(Path("shard-00.tar").read_bytes())
    common = ("--aligned", "--model", recogniser, "--precision", "fp32")
    assert cli("score", "shard-00.tar", *common, "--out", "local.csv").code == 0
    result = cli("score", "s3://crops/shard-{00..00}.tar", *common, "--out", "remote.csv")
    assert result.code == 0, result.err
    assert Path("remote.csv").read_text() == Path("local.csv").read_text().replace(
        "shard-00", "s3://crops/shard-00"
    )


def test_a_model_in_a_store(cli, crops: Path, recogniser: Path, tmp_path: Path, bucket, monkeypatch) -> None:
    """It is that of the file with its sidecar, is fetched once, and again when it changes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FIQX_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr("fiqx_trt.faces.storage.WAITS", (0.01,))
    fetched: list[str] = []
    fetch = stored._fetch
    monkeypatch.setattr(stored, "_fetch", lambda url, path: (fetched.append(url), fetch(url, path)))
    run = ("score", crops, "--aligned", "--precision", "fp32", "--model")
    missing = cli(*run, "s3://crops/m/small.onnx", "--out", "s.csv")
    assert (missing.code, "no model 's3://crops/m/small.onnx': there is no such object" in missing.err) == (
        1,
        True,
    )

    def put(name: str, data: bytes) -> None:
        with bucket.open_output_stream(f"crops/m/{name}") as stream:
            stream.write(data)

    sidecar = recogniser.with_suffix(".json")
    put("small.onnx", recogniser.read_bytes())
    put("small.json", sidecar.read_bytes())
    assert cli(*run, recogniser, "--out", "local.csv").code == 0
    for out in ("remote.csv", "again.csv"):
        assert cli(*run, "s3://crops/m/small.onnx", "--out", out).code == 0
        assert Path(out).read_bytes() == Path("local.csv").read_bytes()
    assert fetched == ["s3://crops/m/small.onnx", "s3://crops/m/small.json"]
    put("small.json", sidecar.read_bytes().replace(b"100.0", b"50.0"))
    assert cli(*run, "s3://crops/m/small.onnx", "--out", "other.csv").code == 0
    assert Path("other.csv").read_bytes() != Path("local.csv").read_bytes()
    refused = cli("calibrate", crops, "--aligned", "--model", "s3://crops/m/small.onnx").err
    assert "is in an object store, where no sidecar is written; download it" in refused


def test_an_outage_ends_the_run_and_resume_goes_on(
    cli, crops: Path, recogniser: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[str] = []
    broken = True

    def before(kind: str, _: str) -> None:
        reads.append(kind)
        if broken and reads.count("read") > 6:
            raise OSError("AWS Error NETWORK_CONNECTION during GetObject operation")

    store = fs.PyFileSystem(Failing(fs.LocalFileSystem(), before))
    monkeypatch.setattr(storage, "_opened", lambda scheme, authority: (store, str(tmp_path)))
    monkeypatch.setattr(storage, "WAITS", (0.001,))
    monkeypatch.chdir(tmp_path)
    common = ("score", "s3://x/crops/", "--aligned", "--model", recogniser, "--batch", 2)
    first = cli(*common, "--out", "s.csv")
    assert first.code == 1
    assert "cannot read s3://x/crops/" in first.err
    assert "after 2 attempts: AWS Error NETWORK_CONNECTION" in first.err
    assert not Path("s.csv").exists()
    broken = False
    assert cli(*common, "--out", "s.csv", "--resume").code == 0
    assert cli(*common, "--out", "whole.csv").code == 0
    assert Path("s.csv").read_bytes() == Path("whole.csv").read_bytes()
    assert b"decode_error" not in Path("s.csv").read_bytes()
