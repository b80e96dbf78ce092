"""TIFF: its directory of tags, read as libtiff reads it. An EXIF block is a TIFF without a picture."""

from __future__ import annotations

__all__ = ["Directory", "read_orientation"]

_KIND, _SUB_DIRECTORIES, _DNG_VERSION = 254, 330, 50706
_ORIENTATION, _WIDTH, _HEIGHT, _TILE_WIDTH, _TILE_HEIGHT = 274, 256, 257, 322, 323
_BYTES = {1: 1, 3: 2, 4: 4, 6: 1, 8: 2, 9: 4, 13: 4, 16: 8, 17: 8}
"""Bytes of the types of whole numbers: BYTE, SHORT, LONG, SBYTE, SSHORT, SLONG, IFD, LONG8, SLONG8."""
_SIGNED = frozenset((6, 8, 9, 17))
_MOST_TAGS = 4096  # as libtiff


class Directory:
    """The first directory of a TIFF.

    Raises
    ------
    IndexError
        The file ends before it; so do the methods.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._order: str = "little" if data[:1] == b"I" else "big"
        wide = data[2:4] in (b"+\0", b"\0+")
        self._word = 8 if wide else 4
        entry, counter = (20, 8) if wide else (12, 2)
        begin = self.number(8 if wide else 4, self._word)
        count = self.number(begin, counter)
        first = begin + counter
        self._entries = range(first, first + entry * min(count, _MOST_TAGS + 1), entry)
        self._too_many = count > _MOST_TAGS

    def number(self, at: int, size: int, *, signed: bool = False) -> int:
        """Return the number at an offset."""
        cell = self._data[at : at + size]
        if len(cell) < size:
            raise IndexError(at)
        return int.from_bytes(cell, self._order, signed=signed)  # type: ignore[arg-type]

    def value(self, tag: int) -> int | None:
        """Return the number of a tag; where a tag comes twice the first counts."""
        for at in self._entries:
            if self.number(at, 2) == tag:
                return self._value(at)
        return None

    def _value(self, at: int) -> int | None:
        kind, count = self.number(at + 2, 2), self.number(at + 4, self._word)
        if kind not in _BYTES or count != 1:
            return None
        size, cell = _BYTES[kind], at + 4 + self._word
        if size > self._word:  # it lies elsewhere
            cell = self.number(cell, self._word)
        return self.number(cell, size, signed=kind in _SIGNED)

    def is_raw(self) -> bool:
        """Tell whether it is a camera's raw file, whose first picture is a thumbnail."""
        kind = self.value(_KIND) or 0
        return self._has(_DNG_VERSION) or (kind & 1 == 1 and self._has(_SUB_DIRECTORIES))

    def picture_size(self) -> tuple[int, int, int]:
        """Return width and height of the picture, and the pixels of its largest tile.

        The first two are 0 or less where a tag lacks or is no whole number, the last is 0 where there are no tiles.
        """
        if self._too_many:
            return 0, 0, 0
        width, height = self.value(_WIDTH) or 0, self.value(_HEIGHT) or 0
        tile_width, tile_height = self.value(_TILE_WIDTH) or 0, self.value(_TILE_HEIGHT) or 0
        # A decoder takes one of the two from the picture where the other alone is given.
        tile = (tile_width or width) * (tile_height or height) if tile_width or tile_height else 0
        return width, height, tile

    def _has(self, tag: int) -> bool:
        return any(self.number(at, 2) == tag for at in self._entries)


def read_orientation(exif: bytes) -> int:
    """Return the orientation of an EXIF block, 1 (upright) to 8; 1 where it has none or is damaged."""
    if not exif.startswith((b"II*\0", b"MM\0*")):
        return 1
    try:
        found = Directory(exif).value(_ORIENTATION)
    except IndexError:
        return 1
    return found if found is not None and 1 <= found <= 8 else 1
