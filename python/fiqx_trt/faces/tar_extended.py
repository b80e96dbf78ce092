"""The extended headers of tar archives: long names and large sizes."""

from __future__ import annotations

import os
from dataclasses import dataclass

__all__ = ["ENDLESS", "LONGEST_NAME", "Extended", "read_pax"]

ENDLESS = 1 << 60  # no file is as large
LONGEST_SIZE = 20  # digits of a size
LONGEST_NAME = 1 << 15  # bytes; no system has longer ones, and each becomes a row


@dataclass
class Extended:
    """What extended headers say of the next member."""

    name: str | None = None
    size: int | None = None
    sparse: bool = False
    pending: bool = False  # one was read, and its member not yet


def read_pax(data: bytes, extended: Extended) -> bool:
    """Read records of a length, a blank, key=value and a line feed; false when they are damaged."""
    at, end = 0, len(data.rstrip(b"\0"))
    while at < end:
        digits, blank, _ = data[at : at + 20].partition(b" ")
        length = int(digits) if blank and digits.isdigit() else 0
        key, equals, value = data[at + len(digits) + 1 : at + length - 1].partition(b"=")
        if not equals or data[at + length - 1 : at + length] != b"\n" or not _take(key, value, extended):
            return False
        at += length
    return True


def _take(key: bytes, value: bytes, extended: Extended) -> bool:
    """Take what a record says of the next member; false when it cannot be so."""
    if key == b"size":
        if not value.isdigit() or len(value) > LONGEST_SIZE or int(value) >= ENDLESS:
            return False
        extended.size = int(value)
    elif key in (b"path", b"GNU.sparse.name"):
        if len(value) > LONGEST_NAME:
            return False
        extended.name = os.fsdecode(value)
    extended.sparse |= key.startswith(b"GNU.sparse.")
    return True
