"""Definitions of Score-CAM, and the published programs as presets of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from fiqx_trt.errors import InvalidInputError

__all__ = ["PRESETS", "TARGETS", "WEIGHTS", "Recipe", "recipe"]

TARGETS = ("self", "reference", "argmax", "norm", "logit")
WEIGHTS = ("score", "softmax", "increase", "uniform")


@dataclass(frozen=True)
class Recipe:
    """A complete definition of a Score-CAM map.

    With channel activations ``A_k``, upsampling U, a normalised face x and raw embeddings e, a masked face is ``x ∘ H_k``, its
    score ``s_k``, the map ``scale(relu(Σ_k w_k B_k))``.

    Parameters
    ----------
    target
        The score s_k of a masked face: ``"self"``, cosine to the face's own embedding; ``"reference"``, cosine to another
        embedding; ``"argmax"``, softmax of the embedding at the coordinate where the unmasked face's is largest; ``"norm"``,
        ``‖e(x ∘ H_k)‖ / ‖e(x)‖``; ``"logit"``, the raw embedding at that coordinate (unbounded: under ``"softmax"`` it
        collapses onto a few channels).
    weights
        ``"score"``: w_k = s_k. ``"softmax"``: softmax of s over the channels. ``"increase"``: s_k minus the score of the
        all-zero input. ``"uniform"``: 1, without any masked pass.
    activations
        ``"raw"``, or ``"relu"``: negative activations are set to 0 first.
    mask
        How A_k becomes the mask H_k: ``"minmax"``, ``U A_k`` scaled to [0, 1]; ``"grid"``, A_k scaled to [0, 1] on its own
        small grid and then upsampled; ``"range"``, ``U A_k`` divided by (max - min) without subtracting the minimum.
    align_corners
        Whether the mask's upsampling joins the centres of the corner cells and pixels.
    summed
        B_k: ``"activations"``, A_k; ``"masks"``, A_k divided by the range of U A_k.
    constant
        A channel without contrast: ``"skip"`` (weight 0, no pass), or ``"zero"``: its mask is all zero, its score is the
        score of the all-zero input, and it is part of the softmax.
    relu
        Where negative values are set to 0: on the ``"grid"``, or after upsampling, on the ``"pixels"``.
    scale
        Where the minimum is subtracted and the range divided out: ``"pixels"``, ``"grid"``, or ``"both"``.
    """

    target: str = "self"
    weights: str = "score"
    activations: str = "raw"
    mask: str = "minmax"
    align_corners: bool = False
    summed: str = "activations"
    constant: str = "skip"
    relu: str = "grid"
    scale: str = "pixels"

    @property
    def needs_passes(self) -> bool:
        """Whether masked faces have to be run."""
        return self.weights != "uniform"


#: The published programs, with a recogniser's embedding instead of their class scores. Where one of them divides by
#: ``range + 1e-8`` (or 1e-7), nothing is added here: a channel without contrast is handled separately.
PRESETS: Mapping[str, Recipe] = MappingProxyType(
    {
        # The Score-CAM authors' program: probability of the top class as weight, sum and ReLU at full size.
        "scorecam-author": Recipe(target="argmax", relu="pixels"),
        # Masks with aligned corners, softmax over channels of the raw score, min-max on the grid and again at full size.
        "pytorch-grad-cam": Recipe(
            target="logit", weights="softmax", align_corners=True, constant="zero", scale="both"
        ),
        # Versions 0.4 and 0.5: masks scaled before upsampling, on a copy; the sum is over the raw activations. It subtracts
        # the unmasked score before the softmax, which changes nothing. Its map ends on the grid; here it is upsampled.
        "torchcam": Recipe(
            target="logit",
            weights="softmax",
            mask="grid",
            constant="zero",
            scale="grid",
        ),
        # ReLU on the activations, masks divided by their range, summed as they are.
        "fu-damer": Recipe(target="argmax", activations="relu", mask="range", summed="masks", relu="pixels"),
    }
)


def recipe(
    preset: str | None = None,
    *,
    target: str | None = None,
    weights: str | None = None,
    align_corners: bool | None = None,
) -> Recipe:
    """Return a preset, or the default, with the given fields replaced; raise InvalidInputError for an unknown name.

    Examples
    --------
    >>> recipe().target, recipe("fu-damer").target, recipe("fu-damer", target="self").target
    ('self', 'argmax', 'self')
    """
    for what, name, names in (
        ("preset", preset, tuple(PRESETS)),
        ("target", target, TARGETS),
        ("weights", weights, WEIGHTS),
    ):
        if name is not None and name not in names:
            raise InvalidInputError(f"{what} is {name!r}; choose one of {', '.join(names)}")
    base = Recipe() if preset is None else PRESETS[preset]
    return replace(
        base,
        target=base.target if target is None else target,
        weights=base.weights if weights is None else weights,
        align_corners=base.align_corners if align_corners is None else align_corners,
    )
