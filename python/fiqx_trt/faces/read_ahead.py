"""A file in an object store that is read from its begin to its end: while one block is used, a thread fetches the next."""

from __future__ import annotations

import io
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

__all__ = ["ReadAhead"]


class ReadAhead(io.RawIOBase):
    """A raw file over blocks; in memory are two of them.

    Parameters
    ----------
    read
        Returns some bytes from a place on; called in a thread, one call after the other.
    size
        Bytes of the file.
    block
        Bytes of a block.
    """

    def __init__(self, read: Callable[[int, int], bytes], size: int, block: int) -> None:
        self._read, self._size, self._block = read, size, block
        self._at = 0
        self._thread = ThreadPoolExecutor(1, "fiqx-ahead")
        self._blocks: dict[int, Future[bytes]] = {}

    def readinto(self, buffer: Any) -> int:
        """Read at most to the end of the block."""
        if self._at >= self._size:
            return 0
        index, begin = divmod(self._at, self._block)
        self._fetch(
            index, further=begin > self._block // 8
        )  # who looks at the begin only takes no second block
        try:
            block = self._blocks[index].result()
        except BaseException:
            del self._blocks[index]  # the next attempt fetches it again
            raise
        part = memoryview(block)[begin : begin + len(buffer)]
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)

    def readable(self) -> bool:
        """Return true."""
        return True

    def seekable(self) -> bool:
        """Return true."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        """Return the place."""
        return self._at

    def close(self) -> None:
        """Fetch nothing any more."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        super().close()

    def _fetch(self, index: int, *, further: bool) -> None:
        """Begin to fetch a block, and the one after it; forget the others."""
        wanted = (index, index + 1) if further else (index,)
        for other in [one for one in self._blocks if one not in (index, index + 1)]:
            self._blocks.pop(other).cancel()
        for one in wanted:
            if one not in self._blocks and one * self._block < self._size:
                begin = one * self._block
                size = min(self._block, self._size - begin)
                self._blocks[one] = self._thread.submit(self._read, begin, size)
