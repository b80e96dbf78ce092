"""Every copy whose quality does not follow the recogniser is told, and no other."""

from __future__ import annotations

from fiqx_trt.demo.run import DemoStep
from fiqx_trt.demo.story import lower_at_full_strength, surprises

COSINES = {"genuine": (0.5, 0.7, 0.9), "impostor": (-0.1, 0.1, 0.3)}
UNTOUCHED = DemoStep("none", 0.0, 0.66, 0.80, 1.0)


def steps(*copies: tuple[str, float, float, float]) -> list[DemoStep]:
    return [
        UNTOUCHED,
        *(DemoStep(kind, level, 0.5 + scaled / 5, scaled, cos) for kind, level, scaled, cos in copies),
    ]


def test_a_ladder_that_falls_has_no_surprise() -> None:
    ladder = steps(
        ("blur", 0.5, 0.7, 0.9), ("blur", 1.0, 0.2, 0.1), ("jpeg", 0.5, 0.79, 0.95), ("jpeg", 1.0, 0.4, 0.3)
    )
    assert surprises(ladder, COSINES) == []
    assert lower_at_full_strength(ladder) == (2, 2)


def test_a_higher_quality_is_explained_by_what_the_recogniser_noticed() -> None:
    mild, wrong = surprises(steps(("blur", 0.5, 0.85, 0.97), ("noise", 1.0, 0.9, 0.2)), COSINES)
    assert mild == (
        "blur 50%: quality 0.85, more than the untouched face's 0.80. The recogniser hardly notices this change (cosine 0.97), "
        "so the difference means little."
    )
    assert wrong.endswith("The recogniser does notice the change (cosine 0.20): the method errs here.")


def test_a_rise_along_a_degradation_is_told_once() -> None:
    (told,) = surprises(
        steps(("blur", 0.5, 0.3, 0.6), ("blur", 1.0, 0.5, 0.2), ("jpeg", 0.5, 0.6, 0.9)), COSINES
    )
    assert told == (
        "blur 100%: quality 0.50, more than the 0.30 at 50%, although the cosine falls from 0.60 to 0.20. The method errs here."
    )
