"""Units: every input in exactly one, in order, the same ones every time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from hypothesis import given
from hypothesis import strategies as st

from fiqx_trt.faces.sources import Container, Source, iter_pieces, iter_sources
from fiqx_trt.faces.units import LOOSE, Unit, cut_units, digest_units
from fiqx_trt.runs.options import Inputs

Piece = Source | Container
PIECES = st.lists(st.one_of(st.integers(1, 3 * LOOSE), st.just("x.tar")), max_size=6)


def pieces(what: list[int | str]) -> Iterator[Piece]:
    for position, one in enumerate(what):
        if isinstance(one, str):
            yield Container(f"{position}-{one}")
        else:
            yield from (Source(f"{position}/{number}.jpg") for number in range(one))


def flat(units: list[Unit]) -> list[str]:
    return [
        name
        for u in units
        for name in ([u.container.path] if u.container else [path for path, _ in u.pictures])
    ]


@given(PIECES)
def test_every_piece_is_in_exactly_one_unit_in_order(what: list[int | str]) -> None:
    units = list(cut_units(pieces(what)))
    assert flat(units) == [piece.path for piece in pieces(what)]
    assert [unit.number for unit in units] == list(range(len(units)))
    assert all(len(unit.pictures) <= LOOSE for unit in units)
    assert digest_units(units) == digest_units(cut_units(pieces(what)))
    if what:
        assert digest_units(cut_units(pieces([*what, 1]))) != digest_units(units)


def test_units_hold_the_sources_of_the_whole(inputs: Inputs) -> None:
    units = list(cut_units(iter_pieces(inputs.names)))
    assert len(units) == 7
    one_by_one = list(chain.from_iterable(unit.sources() for unit in units))
    assert one_by_one == list(iter_sources(inputs.names))
    assert [unit.container is not None for unit in units] == [True, True, False, False, False, True, True]
