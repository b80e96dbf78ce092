"""Sentences that several pages share."""

from __future__ import annotations

from fiqx_trt.report.parts import uniform_caution


def test_maps_are_told_to_be_the_plain_activation_where_they_are_and_else_how_near() -> None:
    assert uniform_caution(1.0, 512.0).startswith(
        "To four digits the maps are the plain mean activation itself"
    )
    near = uniform_caution(0.9972, 500.0)
    assert near.startswith("The maps correlate 0.9972 on average with the plain mean activation")
    assert "99.4 % of its variation" in near
    assert near.endswith("hardly what speaks for this face.")
    assert "hardly" not in uniform_caution(0.6, 20.0)
