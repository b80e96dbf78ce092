"""An S3 server on this machine, and a file system whose requests fail now and then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.request import Request, urlopen

import pyarrow.fs as fs
import pytest

__all__ = ["Failing", "s3_server"]

KEYS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@contextmanager
def s3_server(patch: pytest.MonkeyPatch) -> Iterator[str]:
    """Run an S3 server; the environment names it, so that a URL ``s3://…`` reaches it."""
    server = pytest.importorskip("moto.server").ThreadedMotoServer(
        ip_address="127.0.0.1", port=0, verbose=False
    )
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    for name, value in {**KEYS, "AWS_ENDPOINT_URL": address}.items():
        patch.setenv(name, value)
    # what an earlier server of this process was given is still there
    urlopen(Request(f"{address}/moto-api/reset", method="POST")).close()
    try:
        yield address
    finally:
        server.stop()


class Failing(fs.FileSystemHandler):  # type: ignore[misc]
    """A file system over another one, which calls `before` ahead of every request."""

    def __init__(self, inner: fs.FileSystem, before: Callable[[str, str], None]) -> None:
        self._inner = inner
        self._before = before

    def get_type_name(self) -> str:
        return "failing"

    def normalize_path(self, path: str) -> str:
        return path

    def get_file_info(self, paths: list[str]) -> Any:
        self._before("info", paths[0])
        return self._inner.get_file_info(paths)

    def get_file_info_selector(self, selector: Any) -> Any:
        self._before("list", selector.base_dir)
        return self._inner.get_file_info(selector)

    def open_input_file(self, path: str) -> Any:
        self._before("open", path)
        from pyarrow import PythonFile

        return PythonFile(_Reads(self._inner.open_input_file(path), lambda: self._before("read", path)))

    def open_input_stream(self, path: str) -> Any:
        return self.open_input_file(path)

    def _refuse(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError

    def open_output_stream(self, path: str, metadata: Any) -> Any:
        self._before("write", path)
        self._inner.create_dir(path.rpartition("/")[0], recursive=True)
        return self._inner.open_output_stream(path, metadata=metadata)

    def move(self, source: str, target: str) -> None:
        self._inner.move(source, target)

    def delete_file(self, path: str) -> None:
        self._inner.delete_file(path)

    copy_file = create_dir = delete_dir = delete_dir_contents = delete_root_dir_contents = _refuse
    open_append_stream = _refuse


class _Reads:
    """A file that calls a function before each read."""

    def __init__(self, inner: Any, before: Callable[[], None]) -> None:
        self._inner, self._before = inner, before
        self.closed, self.mode = False, "rb"

    def read(self, size: int = -1) -> bytes:
        self._before()
        return bytes(self._inner.read(None if size < 0 else size))

    def seek(self, offset: int, whence: int = 0) -> int:
        return int(self._inner.seek(offset, whence))

    def tell(self) -> int:
        return int(self._inner.tell())

    def close(self) -> None:
        self.closed = True
        self._inner.close()
