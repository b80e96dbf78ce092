"""A small mutator: bytes in, bytes out that are nearly the same."""

from __future__ import annotations

import random
import struct

__all__ = ["mutate"]

TOKENS: tuple[bytes, ...] = (
    b"\x00", b"\xff", b"\xff\xff\xff\xff", b"\x80", b"\x7f\xff\xff\xff", b"\xfe\xff", b"\xef\xbb\xbf", b"\xed\xb3\xa9",
    b"\n", b"\r\n", b",", b";", b'"', b'""', b"\\", b"{", b"}", b"[", b"]", b"[" * 2000, b'{"a":' * 2000,
    b"NaN", b"Infinity", b"-1", b"0", b"1e999", b"9" * 5000, b"1" * 400, b"null", b"true", b"\\ud800", b"1_0", b" ",
    b"99999999999999999999", b"-9223372036854775809", b"%s%n", b"../../", b"\x1b[2J", b"=cmd()", b"0.5.5", b"a" * 70000,
)  # fmt: skip


def _flip(random_: random.Random, data: bytearray) -> None:
    data[random_.randrange(len(data))] ^= 1 << random_.randrange(8)


def _byte(random_: random.Random, data: bytearray) -> None:
    data[random_.randrange(len(data))] = random_.choice((0, 1, 0x7F, 0x80, 0xFF, random_.randrange(256)))


def _number(random_: random.Random, data: bytearray) -> None:
    size = random_.choice((2, 4, 8))
    at = random_.randrange(len(data))
    value = random_.choice(
        (0, 1, 2 ** (8 * size - 1) - 1, 2 ** (8 * size) - 1, random_.randrange(2 ** (8 * size)))
    )
    data[at : at + size] = value.to_bytes(size, random_.choice(("little", "big")))


def _token(random_: random.Random, data: bytearray) -> None:
    at = random_.randrange(len(data) + 1)
    end = at + random_.choice((0, 0, 1, 4, random_.randrange(20)))
    data[at:end] = random_.choice(TOKENS)


def _float(random_: random.Random, data: bytearray) -> None:
    at = random_.randrange(len(data))
    data[at : at + 4] = struct.pack("<f", random_.choice((float("nan"), float("inf"), -1.0, 1e38)))


def _delete(random_: random.Random, data: bytearray) -> None:
    at = random_.randrange(len(data))
    del data[at : at + random_.choice((1, 2, 8, random_.randrange(1, 200)))]


def _repeat(random_: random.Random, data: bytearray) -> None:
    at = random_.randrange(len(data))
    piece = data[at : at + random_.randrange(1, 100)]
    data[at:at] = piece * random_.choice((1, 2, 50))


def _move(random_: random.Random, data: bytearray) -> None:
    at, to = random_.randrange(len(data)), random_.randrange(len(data))
    size = random_.randrange(1, 60)
    data[to : to + size] = data[at : at + size]


def _cut(random_: random.Random, data: bytearray) -> None:
    del data[random_.randrange(len(data)) :]


WAYS = (_flip, _flip, _byte, _byte, _number, _token, _token, _float, _delete, _repeat, _move, _cut)


def mutate(random_: random.Random, data: bytes) -> bytes:
    """Return a text changed in one to eight places."""
    changed = bytearray(data)
    for _ in range(random_.choice((1, 1, 1, 2, 3, 8))):
        if not changed:
            break
        random_.choice(WAYS)(random_, changed)
    return bytes(changed)
