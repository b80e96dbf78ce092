"""Opening, replacing and refusing files."""

from __future__ import annotations

import json
import os
import re
import socket
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

import fiqx_trt
from fiqx_trt.errors import OutputError
from fiqx_trt.files import (
    npz_bytes,
    open_regular,
    read_private,
    read_regular,
    replacing,
    write_atomic,
    write_json,
    write_unsynced,
)
from support.files import arrays


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_written_file_follows_the_umask(tmp_path: Path, mask: int, mode: int) -> None:
    with umask(mask):
        write_atomic(tmp_path / "a", b"x")
        write_atomic(tmp_path / "b", b"x", private=True)
    assert (tmp_path / "a").stat().st_mode & 0o777 == mode
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o600


def test_the_old_content_stays_until_the_new_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "a"
    write_atomic(file, b"old")

    def interrupted() -> None:
        with replacing(file) as growing:
            growing.write(b"new")
            assert file.read_bytes() == b"old"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert file.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_link_stands_for_its_file_unless_it_is_private(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    write_atomic(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"
    write_atomic(tmp_path / "link", b"mine", private=True)
    assert not (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_what_a_killed_writer_left_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "a.tmp").write_bytes(b"left behind, and longer")
    with replacing(tmp_path / "a", temporary=tmp_path / "a.tmp") as file:
        file.write(b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == b"new"


def test_a_name_of_the_largest_length_can_be_written(tmp_path: Path) -> None:
    file = tmp_path / ("n" * 255)
    write_atomic(file, b"x")
    assert file.read_bytes() == b"x"


def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link to pipe").symlink_to("pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
    for name, reason in (
        (tmp_path / "pipe", "a pipe, not a regular file"),
        (tmp_path / "link to pipe", "a pipe, not a regular file"),
        (tmp_path / "socket", "a socket, not a regular file"),
        (Path("/dev/zero"), "a device, not a regular file"),
        (tmp_path, "Is a directory"),
    ):
        with pytest.raises(OSError, match=reason):
            read_regular(name)


def test_a_link_is_followed_where_a_user_names_it_and_not_where_it_must_be_private(tmp_path: Path) -> None:
    write_atomic(tmp_path / "real", b"x", private=True)
    (tmp_path / "link").symlink_to("real")
    assert read_regular(tmp_path / "link") == b"x"
    assert read_private(tmp_path / "real") == b"x"
    with pytest.raises(OSError, match="a link, not a regular file"):
        read_private(tmp_path / "link")
    with pytest.raises(OSError, match="a link"):
        open_regular(tmp_path / "link", follow=False)


def test_descriptors_are_given_back(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    for _ in range(50):
        with pytest.raises(OSError, match="a pipe"):
            read_regular(tmp_path / "pipe")
    assert len(os.listdir("/proc/self/fd")) <= before + threading.active_count()  # noqa: PTH208


@pytest.mark.parametrize("compressed", [False, True])
def test_npz_files_have_the_same_bytes_at_any_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compressed: bool
) -> None:
    values = {
        "map": np.arange(6, dtype=np.float32).reshape(2, 3),
        "turned": np.arange(6.0).reshape(2, 3).T,
        "empty": np.zeros((0, 4), np.int8),
        "number": 0.1,
        "path": np.array("ü\udce4\n"),
    }
    write_unsynced(tmp_path / "a.npz", npz_bytes(values, compressed=compressed))
    monkeypatch.setattr(time, "time", lambda: 2e9)
    assert npz_bytes(values, compressed=compressed) == (tmp_path / "a.npz").read_bytes()
    found = arrays(tmp_path / "a.npz")
    assert list(found) == list(values)
    for name, value in values.items():
        np.testing.assert_array_equal(found[name], value)
        assert found[name].dtype == np.asarray(value).dtype
    with zipfile.ZipFile(tmp_path / "a.npz") as file:
        assert file.testzip() is None
        assert file.infolist()[0].date_time == (1980, 1, 1, 0, 0, 0)
    with pytest.raises(OutputError, match=r"cannot write .*No such file or directory; choose another folder"):
        write_unsynced(tmp_path / "none" / "a.npz", b"")


def test_json_has_no_numbers_that_json_lacks(tmp_path: Path) -> None:
    value = {"a": [1.0, float("nan"), (float("inf"), "caf\udce9 −")]}
    write_json(tmp_path / "a.json", value)
    write_json(tmp_path / "b.json", value, ascii_only=True)
    for name in "ab":
        data = (tmp_path / f"{name}.json").read_bytes()
        assert json.loads(data) == {"a": [1.0, None, [None, "caf\udce9 −"]]}
    assert data.isascii()


def test_no_other_module_writes_a_file() -> None:
    package = Path(fiqx_trt.__file__).parent
    writes = re.compile(r"""open\(.*["']w|write_text|write_bytes|np\.save|imwrite""")
    found = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if writes.search(path.read_text(encoding="utf-8"))
    }
    assert found == {"files.py"}
