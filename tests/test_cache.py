"""What is kept between runs: believed only where this user alone can have written it, and whole."""

from __future__ import annotations

import hashlib
import logging
import os
import resource
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fiqx_trt import cache as cache_module
from fiqx_trt.cache import HASH_SUFFIX, Cache, cache_dir
from fiqx_trt.models import load_spec
from fiqx_trt.models.builtin import builtin_model

OTHER = 54321
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser can give files away")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FIQX_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "tmp").mkdir()
    cache_module._warn.cache_clear()
    return tmp_path / "cache" / "models"


@pytest.fixture
def warned(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], list[str]]]:
    with caplog.at_level(logging.WARNING):
        yield lambda: [record.getMessage() for record in caplog.records]


def cached(name: str, make: Callable[[], bytes]) -> bytes:
    return Cache(cache_dir("models")).get(name, make)


def make(data: bytes = b"model") -> Callable[[], bytes]:
    return lambda: data


def never() -> bytes:
    raise AssertionError("it is there already")


def test_what_was_made_once_is_kept_whole_with_its_hash(
    folder: Path, warned: Callable[[], list[str]]
) -> None:
    assert cached("a.onnx", make()) == b"model"
    assert cached("a.onnx", never) == b"model"
    assert (folder / "a.onnx").read_bytes() == b"model"
    line = (folder / f"a.onnx{HASH_SUFFIX}").read_text()
    assert line == f"{hashlib.sha256(b'model').hexdigest()}  a.onnx\n"  # what sha256sum writes
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700
    assert warned() == []


DAMAGES: dict[str, Callable[[Path, Path], object]] = {
    "a flipped bit": lambda file, _: file.write_bytes(b"modem"),
    "cut short": lambda file, _: file.write_bytes(b"mod"),
    "another hash": lambda _, hashed: hashed.write_text("0" * 64 + "  a.onnx\n"),
    "the hash of another file": lambda _, hashed: hashed.write_text(
        hashed.read_text().replace("a.onnx", "b.onnx")
    ),
    "no hash": lambda _, hashed: hashed.unlink(),
    "no text": lambda _, hashed: hashed.write_bytes(b"\xff\xfe"),
    "others may write it": lambda file, _: file.chmod(0o666),
    "others may write its hash": lambda _, hashed: hashed.chmod(0o620),
    "a link": lambda file, _: (file.rename(file.with_name("real")), file.symlink_to("real")),
    "a linked hash": lambda _, hashed: (hashed.rename(hashed.with_name("real")), hashed.symlink_to("real")),
    "a pipe": lambda file, _: (file.unlink(), os.mkfifo(file)),
    "a folder in its place": lambda file, _: (file.unlink(), file.mkdir()),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_what_is_not_as_it_was_written_is_made_again(
    folder: Path, warned: Callable[[], list[str]], name: str
) -> None:
    file = folder / "a.onnx"
    cached("a.onnx", make())
    DAMAGES[name](file, folder / f"a.onnx{HASH_SUFFIX}")
    assert cached("a.onnx", make(b"again")) == b"again"
    told = any(str(file) in text and "is not used and made again" in text for text in warned())
    assert told == (name != "no hash")  # which is what an earlier version or a killed writer leaves
    if name != "a folder in its place":  # that cannot be replaced; the run goes on from memory
        assert cached("a.onnx", never) == b"again"
        assert not file.is_symlink()


@as_root
@pytest.mark.parametrize("what", ["file", "hash", "part"])
def test_what_belongs_to_another_user_decides_nothing(
    folder: Path, tmp_path: Path, warned: Callable[[], list[str]], what: str
) -> None:
    cached("a.onnx", make(b"planted"))
    os.chown(
        {"file": folder / "a.onnx", "hash": folder / f"a.onnx{HASH_SUFFIX}", "part": folder}[what], OTHER, -1
    )
    assert cached("a.onnx", make()) == b"model"
    (text,) = warned()
    assert f"it belongs to user {OTHER}" in text
    if what == "part":
        assert f"{tmp_path}/tmp/fiqx_trt-0 is used. Set FIQX_CACHE_DIR to choose a folder" in text


def test_a_folder_that_others_may_write_is_not_used(folder: Path, warned: Callable[[], list[str]]) -> None:
    cached("a.onnx", make(b"planted"))
    folder.chmod(0o777)
    assert cached("a.onnx", make()) == b"model"
    assert "others may write it; make it yours with chown and chmod go-w" in warned()[0]


def test_a_linked_part_is_not_used(folder: Path, warned: Callable[[], list[str]]) -> None:
    cached("a.onnx", make(b"planted"))
    folder.rename(folder.with_name("real"))
    folder.symlink_to("real")
    assert cached("a.onnx", make()) == b"model"
    assert "it is a link" in warned()[0]


@pytest.mark.parametrize("plant", ["link", "owner", "mode"])
def test_a_temporary_folder_that_another_user_made_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, warned: Callable[[], list[str]], plant: str
) -> None:
    (tmp_path / "cache").write_text("no folder")
    shared = tmp_path / "tmp" / f"fiqx_trt-{os.geteuid()}"
    if plant == "link":
        (tmp_path / "elsewhere").mkdir()
        shared.symlink_to(tmp_path / "elsewhere")
    elif plant == "owner":
        if os.geteuid():
            pytest.skip("only the superuser can give folders away")
        shared.mkdir(mode=0o700)
        os.chown(shared, OTHER, -1)
    else:
        shared.mkdir()
        shared.chmod(0o777)
    assert cache_dir("models") is None
    assert cached("a.onnx", make()) == b"model"
    assert all(
        "nothing is kept between runs. Set FIQX_CACHE_DIR to a folder of your own" in t for t in warned()
    )
    assert len(warned()) == 1
    assert not list(tmp_path.glob("elsewhere/*"))


def test_a_swapped_file_is_never_believed(folder: Path) -> None:
    """Another process exchanges the file while it is checked: what comes back is whole, or made anew."""
    cached("a.onnx", make(b"m" * 4096))
    evil, good = folder / "evil", folder / "good"
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            for source, data in ((evil, b"e" * 4096), (good, b"m" * 4096)):
                source.write_bytes(data)
                source.replace(folder / "a.onnx")

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        found = [Cache(folder).read("a.onnx") for _ in range(2000)]
    finally:
        stop.set()
        thread.join()
    assert {None, b"m" * 4096}.issuperset(found)


def test_writers_at_once_leave_a_content_with_its_hash(folder: Path, warned: Callable[[], list[str]]) -> None:
    cache = Cache(cache_dir("models"))
    threads = [
        threading.Thread(target=lambda i=i: [cache.write("a", bytes([i]) * 1000) for _ in range(20)])
        for i in range(4)
    ]
    for thread in threads:
        thread.start()
    found = [cache.read("a") for _ in range(200)]
    for thread in threads:
        thread.join()
    assert all(data is None or len(set(data)) == 1 for data in found)
    assert cache.read("a") is not None
    assert warned() == []


def test_a_full_disk_costs_one_remark(folder: Path, warned: Callable[[], list[str]]) -> None:
    data = b"m" * 100_000
    folder.mkdir(parents=True, mode=0o700)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
    try:
        for _ in range(2):
            assert cached("a.onnx", make(data)) == data
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    (text,) = warned()
    assert text.startswith(f"a.onnx cannot be kept in {folder} (File too large); it is used from memory")
    assert not list(folder.iterdir())


CODE = f"""
import os, pwd, tempfile
from fiqx_trt.cache import Cache, cache_dir
if os.geteuid() == 0:
    os.setgid({OTHER}), os.setuid({OTHER})
print(cache_dir('models'), Cache(cache_dir('models')).get('a', lambda: b'x'))
"""


def without_home(**environment: str) -> str:
    """Run with no HOME, as a user that no list of users knows."""
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    command = [sys.executable, "-c", CODE]
    result = subprocess.run(command, env={**kept, **environment}, capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip() + result.stderr


@as_root
def test_no_home_and_no_entry_in_the_list_of_users() -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as shared:
        Path(shared).chmod(0o755)
        folders = mine, temporary, closed = [Path(shared, name) for name in ("mine", "temporary", "closed")]
        for folder in folders:
            folder.mkdir()
            os.chown(folder, OTHER, OTHER)
        assert without_home(FIQX_CACHE_DIR=str(mine)) == f"{mine}/models b'x'"
        assert without_home(XDG_CACHE_HOME=str(mine)) == f"{mine}/fiqx_trt/models b'x'"
        assert without_home(TMPDIR=str(temporary)) == f"{temporary}/fiqx_trt-{OTHER}/models b'x'"
        (closed / "models").mkdir(mode=0o555)
        told = without_home(FIQX_CACHE_DIR=str(closed))
        assert told.startswith(f"{closed}/models b'x'")
        assert told.count("Permission denied") == 1
        assert "it is used from memory" in told


def test_a_damaged_model_gives_the_scores_of_a_whole_one(folder: Path) -> None:
    whole = builtin_model("dlib-resnet").data
    (file,) = folder.glob("*.onnx")
    before = load_spec("dlib-resnet")[0].sha256
    data = bytearray(whole)
    data[len(data) // 2] ^= 0x40  # a weight
    file.write_bytes(data)
    assert builtin_model("dlib-resnet").data == whole
    assert file.read_bytes() == whole
    assert load_spec("dlib-resnet")[0].sha256 == before == hashlib.sha256(whole).hexdigest()


def test_a_model_without_a_cache_is_used_from_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    whole = builtin_model("dlib-resnet").data
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FIQX_CACHE_DIR", str(tmp_path / "file"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "file"))
    monkeypatch.setattr("fiqx_trt.cache._temporary_folder", lambda: None)
    found = builtin_model("dlib-resnet")
    assert (found.data, found.path) == (whole, None)
    spec, path = load_spec("dlib-resnet")
    assert path is None
    assert (spec.name, spec.sha256) == ("dlib-resnet", hashlib.sha256(whole).hexdigest())
