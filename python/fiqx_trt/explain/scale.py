"""The scale of pixel quality: per intensity or per contrast, and its γ."""

from __future__ import annotations

import logging
from functools import cache
from typing import TYPE_CHECKING, Literal

from fiqx_trt.errors import InvalidInputError, NotCalibratedError

if TYPE_CHECKING:
    from fiqx_trt.models.spec import ModelSpec

__all__ = ["PAPER_PER", "PER", "Per", "check_per", "resolve_gamma", "resolve_per"]

logger = logging.getLogger(__name__)

Per = Literal["intensity", "contrast"]
#: What a change of a pixel is measured by, the paper's first.
PER: tuple[Per, ...] = ("intensity", "contrast")
#: The paper's, which its experiments use and its γ belong to.
PAPER_PER: Per = "intensity"


def check_per(per: str) -> None:
    """Raise InvalidInputError for an unknown definition."""
    if per not in PER:
        raise InvalidInputError(f"per is {per!r} (--per); choose one of {', '.join(PER)}")


def resolve_per(spec: ModelSpec, per: Per | None, gamma: float | None) -> Per:
    """Return the definition of P: the given one, else ``"contrast"``.

    A γ given without a definition belongs to the paper's, ``"intensity"``. A model that has a γ per intensity only uses that
    one, and a warning says so.
    """
    if per is not None:
        check_per(per)
        return per
    if gamma is not None:
        return PAPER_PER
    if spec.gamma_contrast is None and spec.gamma is not None:
        _tell_of_the_paper(spec.name)
        return PAPER_PER
    return "contrast"


@cache
def _tell_of_the_paper(name: str) -> None:
    """Warn once per model that its pixel quality is per intensity."""
    logger.warning(
        "%s has no γ per contrast, so its pixel quality is per intensity; run `fiqx-trt calibrate` on typical faces",
        name,
    )


def resolve_gamma(spec: ModelSpec, weights: str, gamma: float | None, per: Per = "intensity") -> float:
    """Return γ: the given one, or the model's own where it was measured with this weighting.

    Raises
    ------
    InvalidInputError
        The given γ is out of range.
    NotCalibratedError
        The model has no γ of this weighting.
    """
    if gamma is not None:
        if not abs(gamma) <= 30:
            raise InvalidInputError(f"gamma is {gamma}; give a number from -30 to 30 (ArcFace's is 7.5)")
        return float(gamma)
    own = spec.gamma_contrast if per == "contrast" else spec.gamma
    measure = f"run `fiqx-trt calibrate --weights {weights}` on typical faces"
    cure = f"{measure}, or give --gamma (the keyword gamma in Python)"
    if own is None and not spec.calibrated:
        raise NotCalibratedError(
            f"the model {spec.name} has no γ, the scale of pixel quality, and no α and r, the scale of its quality; {measure}, "
            "which finds all three, or give --alpha, --r and --gamma (keywords of load_model in Python), or --preset"
        )
    if own is None:
        alone = per == "contrast" and spec.gamma is not None
        kind, other = (" per contrast", ", or --per intensity") if alone else ("", "")
        raise NotCalibratedError(
            f"the model {spec.name} has no γ, the scale of pixel quality{kind}; {cure}{other}"
        )
    if spec.gamma_weights not in ("", weights):
        raise NotCalibratedError(
            f"γ = {own:g} of the model {spec.name} was measured with the weighting {spec.gamma_weights!r}, not with "
            f"{weights!r}; {cure}"
        )
    return own
