"""RecordIO files of MXNet, as InsightFace distributes training sets: ``train.rec``, one encoded face a record.

A record begins at a multiple of 4 bytes::

    4 bytes   magic 0xced7230a
    4 bytes   3 bits: whole (0), first (1), middle (2) or last (3) part; 29 bits: length
    length    24 bytes of header (flag, label, id, id2), 4 · flag bytes of further labels, the encoded picture

A record is cut into parts where its content holds the magic at a multiple of 4: the magic stands between the parts and is put
back. A picture is called ``train.rec/00000123.jpg``: its position in the file, from 0, which is its key in ``train.idx``.
Records without a picture (the first one and those of the identities) are left out. The layout is that of dmlc-core's
``recordio.h`` and MXNet's ``recordio.py``.
"""
# Names are texts here, of any bytes, spelled as the user does; Path would respell them.

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterator
from functools import partial
from typing import BinaryIO, NamedTuple

from fiqx_trt.errors import ImageError, StorageError
from fiqx_trt.faces import pieces as pieces_module
from fiqx_trt.faces.labels import Labels
from fiqx_trt.faces.pieces import Piece
from fiqx_trt.faces.storage import CHUNK, is_url, open_url
from fiqx_trt.faces.tar import MAX_BYTES, Entry

__all__ = ["RECORD_SUFFIX", "cut_recordio", "is_recordio", "walk_recordio"]

RECORD_SUFFIX = ".rec"
INDEX_SUFFIX = ".idx"

_MAGIC = struct.pack("<I", 0xCED7230A)
_HEADER = struct.Struct("<IfQQ")
_WHOLE, _FIRST, _MIDDLE, _LAST = range(4)
_SEARCHED = 1 << 20
#: Bytes of one request for the head of a record in an object store, and records whose heads are compared with the index there.
HEAD, LOOKED_AT = 1 << 12, 32
_SUFFIXES = {b"\xff\xd8\xff": ".jpg", b"\x89PNG": ".png", b"RIFF": ".webp", b"BM": ".bmp"}


class _Record(NamedTuple):
    """Where the parts of a record's content are: offset and length of each."""

    parts: tuple[tuple[int, int], ...]

    @property
    def size(self) -> int:
        """Bytes of the content."""
        return sum(length for _, length in self.parts) + len(_MAGIC) * (len(self.parts) - 1)


class _DamagedError(Exception):
    """A record cannot be read; the text says why."""


def is_recordio(path: str) -> bool:
    """Return whether a file is called ``.rec`` and begins with the magic of RecordIO."""
    if not path.lower().endswith(RECORD_SUFFIX):
        return False
    try:
        with _open(path, chunk=HEAD) as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except StorageError:
        raise
    except (OSError, ValueError):
        return False


def _open(path: str, *, chunk: int = CHUNK) -> BinaryIO:
    if is_url(path):
        return open_url(path, chunk=chunk, ahead=chunk == CHUNK)
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")


def walk_recordio(path: str, piece: Piece | None = None, labels: Labels | None = None) -> Iterator[Entry]:
    """Yield the pictures of a RecordIO file, or of a piece of it, in its order, and one entry for every damage.

    Of a local file only headers are read while listing, and a picture is read where it is needed, in any thread. After damage
    the next record is searched for. The numbers of the names count records, so damage shifts those behind it where it destroys
    several records.
    """
    with _open(path) as file:
        for part in [piece] if piece is not None else _indexed(path):
            for number, at, record, skipped in _records(file, part):
                if isinstance(skipped, str):
                    yield Entry(path, f"record {number}, at byte {at:,}: {skipped}")
                elif skipped < record.size:
                    if labels is not None:
                        labels.keep(f"{path}/{number:08d}", "label", _label(file, record, skipped))
                    yield _entry(path, file, record, skipped, number)


def cut_recordio(path: str) -> list[Piece]:
    """Cut a RecordIO file into pieces of `PICTURES` records.

    Where they begin is taken from the index, ``train.idx`` beside ``train.rec``. Without one, the headers of a local file are
    read, and a file in an object store is one piece.
    """
    pieces = _indexed(path)
    if len(pieces) > 1 or is_url(path):
        return pieces
    whole = pieces[0]
    with _open(path) as file:
        begins = [
            (number, at) for number, at, _, _ in _records(file, whole) if number % pieces_module.PICTURES == 0
        ]
    return _between(begins or [(0, 0)], whole.end)


def _between(begins: list[tuple[int, int]], size: int) -> list[Piece]:
    ends = [*(at for _, at in begins[1:]), size]
    return [Piece(number, at, end) for (number, at), end in zip(begins, ends, strict=True)]


def _indexed(path: str) -> list[Piece]:
    """Return the pieces that the index beside a file tells of; one piece where there is none or it is of another file."""
    with _open(path, chunk=HEAD) as file:
        return _read_index(path, file)


def _read_index(path: str, file: BinaryIO) -> list[Piece]:
    size = file.seek(0, os.SEEK_END)
    begins = []
    try:
        with _open(path[: -len(RECORD_SUFFIX)] + INDEX_SUFFIX) as index:
            before = -1
            for number, line in enumerate(index):
                key, _, offset = line.partition(b"\t")
                if int(key) != number or not before < int(offset) < size:
                    return [Piece(0, 0, size)]
                before = int(offset)
                if number % pieces_module.PICTURES == 0:
                    begins.append((number, before))
    except StorageError:
        raise
    except (OSError, ValueError):
        return [Piece(0, 0, size)]
    looked_at = begins[:: 1 + len(begins) // LOOKED_AT] if is_url(path) else begins
    fits = begins and begins[0][1] == 0 and all(_begins_record(file, at) for _, at in looked_at)
    return _between(begins, size) if fits else [Piece(0, 0, size)]


def _begins_record(file: BinaryIO, at: int) -> bool:
    file.seek(at)
    head = file.read(8)
    return head.startswith(_MAGIC) and len(head) == 8 and head[7] >> 5 in (_WHOLE, _FIRST)


def _records(file: BinaryIO, piece: Piece) -> Iterator[tuple[int, int, _Record, int | str]]:
    """Yield number, place and record, and how many bytes come before its picture, or what is wrong with it."""
    size = file.seek(0, os.SEEK_END)
    number, at = piece.first, piece.begin
    while at < piece.end:
        record = _Record(())
        try:
            record, after = _read_record(file, at, size)
            yield number, at, record, _header_size(file, record)
        except _DamagedError as error:
            yield number, at, record, str(error)
            after = _next_record(file, at + len(_MAGIC), piece.end)
        number, at = number + 1, after


def _read_record(file: BinaryIO, at: int, size: int) -> tuple[_Record, int]:
    """Return a record that begins at a byte, and where the next one begins."""
    parts: list[tuple[int, int]] = []
    while True:
        file.seek(at)
        head = file.read(8)
        if len(head) < 8:
            raise _DamagedError("the file ends inside the record")
        if head[:4] != _MAGIC:
            raise _DamagedError("no record begins there")
        word = int.from_bytes(head[4:], "little")
        kind, length = word >> 29, word & ((1 << 29) - 1)
        if kind > _LAST or (kind in (_WHOLE, _FIRST)) == bool(parts):
            raise _DamagedError("the parts of the record are not in order")
        if at + 8 + length > size:
            raise _DamagedError("the file ends inside the record")
        parts.append((at + 8, length))
        at += 8 + length + (-length % 4)
        if kind in (_WHOLE, _LAST):
            return _Record(tuple(parts)), at


def _header_size(file: BinaryIO, record: _Record) -> int:
    """Return how many bytes of a record come before its picture: all of them where it holds labels alone."""
    file.seek(record.parts[0][0])
    head = file.read(min(_HEADER.size, record.parts[0][1]))
    if len(head) < _HEADER.size:
        raise _DamagedError(f"{record.size} bytes, too few for the header of a picture")
    skipped: int = _HEADER.size + 4 * _HEADER.unpack(head)[0]
    if skipped > record.size:
        raise _DamagedError("more labels than bytes")
    return skipped


def _label(file: BinaryIO, record: _Record, skipped: int) -> str:
    """Return the label of a record, or its labels as a JSON list."""
    head = _content(file, record, skipped)
    numbers = struct.unpack(f"<{(skipped - _HEADER.size) // 4}f", head[_HEADER.size : skipped])
    return json.dumps(list(numbers)) if numbers else f"{_HEADER.unpack(head[: _HEADER.size])[1]:g}"


def _content(file: BinaryIO, record: _Record, size: int) -> bytes:
    """Read the first bytes of a record."""
    content = b""
    for part, (at, length) in enumerate(record.parts):
        file.seek(at)
        content += (_MAGIC if part else b"") + file.read(min(length, size))
        if len(content) >= size:
            break
    return content[:size]


def _entry(path: str, file: BinaryIO, record: _Record, skipped: int, number: int) -> Entry:
    file.seek(record.parts[0][0] + skipped)
    begin = file.read(4) if skipped + 4 <= record.parts[0][1] else b""
    suffix = next((end for magic, end in _SUFFIXES.items() if begin.startswith(magic)), ".jpg")
    name = f"{path}/{number:08d}{suffix}"
    if record.size > MAX_BYTES or not is_url(path):
        return Entry(name, read=partial(_read_picture, path, record, skipped))
    pieces = []
    for at, length in record.parts:  # a later read would be a request of its own
        file.seek(at)
        pieces.append(file.read(length))
    return Entry(name, read=partial(bytes, _MAGIC.join(pieces)[skipped:]))


def _read_picture(path: str, record: _Record, skipped: int) -> bytes:
    if record.size > MAX_BYTES:
        message = f"a record of {record.size:,} bytes: more than the limit of {MAX_BYTES:,}"
        raise ImageError(message, status="unsupported")
    try:
        number = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            parts = [os.pread(number, length, at) for at, length in record.parts]
        finally:
            os.close(number)
    except OSError as error:
        raise ImageError(f"cannot be read: {error.strerror or error}", status="decode_error") from error
    if any(len(part) < length for part, (_, length) in zip(parts, record.parts, strict=True)):
        raise ImageError("the file ends inside the record", status="decode_error")
    return _MAGIC.join(parts)[skipped:]


def _next_record(file: BinaryIO, begin: int, size: int) -> int:
    """Return where the next record that is whole or a first part begins, or the file's end."""
    at = begin + (-begin % 4)
    while at < size:
        file.seek(at)
        piece = file.read(_SEARCHED + 8)
        found = piece.find(_MAGIC)
        while 0 <= found < _SEARCHED:
            kind = piece[found + 7] >> 5 if found + 8 <= len(piece) else _LAST
            if found % 4 == 0 and kind in (_WHOLE, _FIRST):
                return at + found
            found = piece.find(_MAGIC, found + 1)
        at += _SEARCHED
    return size
