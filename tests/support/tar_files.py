"""Tar archives for the tests, and what the reader of inputs finds in them."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

from fiqx_trt.errors import ImageError
from fiqx_trt.faces.sources import Source, iter_sources

Member = tuple[str, bytes]
NAMES = ["b.jpg", "a.jpg", "in/ünïcödé 顔.jpg", "in/two\nlines.PNG", "x" * 180 + "/y.jpg", "a.jpg"]
MEMBERS = [(name, f"{index}:{name}".encode() * 50) for index, name in enumerate(NAMES)]


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
