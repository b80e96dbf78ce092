"""RecordIO files as MXNet and InsightFace write them."""

from __future__ import annotations

import struct

MAGIC = struct.pack("<I", 0xCED7230A)


def record(content: bytes) -> bytes:
    """Write a record as dmlc-core does: cut where the content holds the magic at a multiple of 4."""
    cuts = [at for at in range(0, len(content) - 3, 4) if content[at : at + 4] == MAGIC]
    begins, ends = [0, *(at + 4 for at in cuts)], [*cuts, len(content)]
    parts = [content[begin:end] for begin, end in zip(begins, ends, strict=True)]
    kinds = [0] if len(parts) == 1 else [1, *([2] * (len(parts) - 2)), 3]
    return b"".join(
        MAGIC + struct.pack("<I", kind << 29 | len(part)) + part + bytes(-len(part) % 4)
        for kind, part in zip(kinds, parts, strict=True)
    )


def packed(picture: bytes, number: int, *labels: float) -> bytes:
    """Put MXNet's header before a picture: one label in it, several behind it."""
    flag, label = (len(labels), 0.0) if len(labels) > 1 else (0, labels[0])
    extra = struct.pack(f"<{flag}f", *labels) if flag else b""
    return struct.pack("<IfQQ", flag, label, number, 0) + extra + picture


def insightface(pictures: list[bytes]) -> bytes:
    """Write what InsightFace distributes: record 0 and the last ones hold ranges of identities and no picture."""
    count = len(pictures)
    contents = [packed(b"", 0, count + 1, count + 2)]
    contents += [packed(picture, number, number % 2) for number, picture in enumerate(pictures, 1)]
    contents += [packed(b"", count + 1, 1, count + 1)]
    return b"".join(map(record, contents))
