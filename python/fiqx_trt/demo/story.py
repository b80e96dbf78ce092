"""The ladder in words: the verdict on each cosine, and the faces where quality and recogniser disagree."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fiqx_trt.demo.picture import Step

__all__ = ["BETWEEN", "LOST", "SAME", "lower_at_full_strength", "surprises", "verdict"]

SAME, BETWEEN, LOST = "one person", "unsure", "two people"
#: Differences of Q̂ below this are not told: two digits are printed.
TOLD = 0.005


def verdict(cosine: float, cosines: Mapping[str, tuple[float, ...]]) -> str:
    """Return whether a cosine to the untouched face means the same person, another person, or neither.

    Parameters
    ----------
    cosine
        Of the degraded and the untouched face.
    cosines
        ``"genuine"`` and ``"impostor"`` → 5th, 50th and 95th percentile (:attr:`fiqx_trt.models.ModelSpec.cosines`).

    Returns
    -------
    str
        :data:`SAME` where 95 % of the genuine pairs reach, :data:`LOST` where 95 % of the impostor pairs stay, :data:`BETWEEN`
        else; empty where the percentiles are not known.

    Examples
    --------
    >>> known = {"genuine": (0.5, 0.7, 0.9), "impostor": (-0.1, 0.1, 0.3)}
    >>> verdict(0.8, known), verdict(0.4, known), verdict(0.2, known), verdict(0.2, {})
    ('one person', 'unsure', 'two people', '')
    """
    if not cosines:
        return ""
    if cosine >= cosines["genuine"][0]:
        return SAME
    return LOST if cosine <= cosines["impostor"][-1] else BETWEEN


def lower_at_full_strength(steps: Sequence[Step]) -> tuple[int, int]:
    """Return how many degradations at full strength have a lower quality than the untouched face, and how many there are."""
    strongest = {step.kind: step for step in steps[1:]}
    return sum(step.raw < steps[0].raw for step in strongest.values()), len(strongest)


def surprises(steps: Sequence[Step], cosines: Mapping[str, tuple[float, ...]]) -> list[str]:
    """Explain every copy whose quality does not follow what the recogniser made of it, in a sentence each.

    Parameters
    ----------
    steps
        The untouched face, then the copies of each degradation from weak to strong.
    cosines
        As for :func:`verdict`.
    """
    sentences = [
        _above(step, steps[0], cosines) for step in steps[1:] if step.scaled > steps[0].scaled + TOLD
    ]
    for before, step in itertools.pairwise(steps[1:]):
        rises = before.kind == step.kind and step.scaled > before.scaled + TOLD
        if rises and step.similarity < before.similarity and step.scaled <= steps[0].scaled + TOLD:
            sentences.append(
                f"{_name(step)}: quality {step.scaled:.2f}, more than the {before.scaled:.2f} at {before.level:.0%}, although "
                f"the cosine falls from {before.similarity:.2f} to {step.similarity:.2f}. The method errs here."
            )
    return sentences


def _above(step: Step, untouched: Step, cosines: Mapping[str, tuple[float, ...]]) -> str:
    text = f"{_name(step)}: quality {step.scaled:.2f}, more than the untouched face's {untouched.scaled:.2f}."
    if verdict(step.similarity, cosines) == SAME:
        return f"{text} The recogniser hardly notices this change (cosine {step.similarity:.2f}), so the difference means little."
    return (
        f"{text} The recogniser does notice the change (cosine {step.similarity:.2f}): the method errs here."
    )


def _name(step: Step) -> str:
    return f"{step.kind} {step.level:.0%}"
