"""Inputs cut into numbered units of work: the same ones on every machine that is given the same inputs.

A file that holds many pictures is a unit, or several where it can be begun in the middle (RecordIO files and tables of pictures,
see :mod:`fiqx_trt.faces.pieces`); other pictures are taken `LOOSE` at a time, in the order of the inputs. The rows of all units,
one after the other, are those of one run over all inputs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from fiqx_trt.faces.labels import Labels
from fiqx_trt.faces.sources import Container, Source

__all__ = ["LOOSE", "UNIT_RULE", "Unit", "UnitDigest", "cut_units", "digest_units"]

#: Loose pictures in a unit.
LOOSE = 4096
#: Number of this rule; it changes where units are cut in another way, so that no run goes on with units of another rule.
UNIT_RULE = 1


@dataclass(frozen=True)
class Unit:
    """A numbered piece of the inputs; it can be pickled.

    Parameters
    ----------
    number
        From 0, in the order of the inputs.
    container
        A file that holds many pictures, or ``None``.
    pictures
        Paths of loose pictures, each with why it cannot be read, or an empty text.
    """

    number: int
    container: Container | None = None
    pictures: tuple[tuple[str, str], ...] = ()

    def sources(self, labels: Labels | None = None) -> Iterator[Source]:
        """Yield the pictures; `labels` keeps what the file holds beside them."""
        if self.container is not None:
            return self.container.sources(labels=labels)
        return (Source(path, problem) for path, problem in self.pictures)

    def __str__(self) -> str:
        if self.container is not None:
            piece = self.container.piece
            return self.container.path + (f" from its picture {piece.first}" if piece is not None else "")
        return f"{len(self.pictures)} pictures from {self.pictures[0][0]!r}"


def cut_units(pieces: Iterable[Source | Container], *, loose: int | None = None) -> Iterator[Unit]:
    """Cut inputs (:func:`fiqx_trt.faces.sources.iter_pieces`) into units; memory holds one.

    Parameters
    ----------
    pieces
        The inputs.
    loose
        Loose pictures in a unit; ``None``: `LOOSE`.
    """
    number, most = 0, LOOSE if loose is None else loose
    pictures: list[tuple[str, str]] = []
    for piece in pieces:
        if isinstance(piece, Source):
            pictures.append((piece.path, piece.problem))
        if pictures and (isinstance(piece, Container) or len(pictures) == most):
            yield Unit(number, pictures=tuple(pictures))
            number, pictures = number + 1, []
        if isinstance(piece, Container):
            for number, part in enumerate(piece.cut(), number):  # noqa: B020
                yield Unit(number, part)
            number += 1
    if pictures:
        yield Unit(number, pictures=tuple(pictures))


class UnitDigest:
    """How many units went by, and a SHA-256 of what they are."""

    def __init__(self) -> None:
        self.count = 0
        self._digest = hashlib.sha256(str(UNIT_RULE).encode())

    def over(self, units: Iterable[Unit]) -> Iterator[Unit]:
        """Yield units and take them into account."""
        for unit in units:
            self.count += 1
            what = unit.container or unit.pictures
            self._digest.update(repr(what).encode("utf-8", "surrogateescape"))
            yield unit

    @property
    def sha256(self) -> str:
        """The digest of what went by so far, as hexadecimal digits."""
        return self._digest.hexdigest()


def digest_units(units: Iterable[Unit]) -> tuple[int, str]:
    """Return how many units there are, and a SHA-256 of what they are."""
    digest = UnitDigest()
    for _ in digest.over(units):
        pass
    return digest.count, digest.sha256
