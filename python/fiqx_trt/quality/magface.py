"""MagFace: quality as the length of the embedding before normalisation (Meng et al., CVPR 2021)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from fiqx_trt import kernels
from fiqx_trt.errors import InvalidInputError, ModelError
from fiqx_trt.quality.base import Quality
from fiqx_trt.text import field_words

if TYPE_CHECKING:
    from fiqx_trt.models.model import Extracted, Model
    from fiqx_trt.models.spec import ModelSpec

__all__ = ["MagFace", "magface"]


class MagFace:
    """The norm of the unnormalised embedding; meaningful for models trained to put quality there."""

    name: ClassVar[str] = "magface"
    higher_is_better: ClassVar[bool] = True
    needs_model: ClassVar[bool] = True
    columns: ClassVar[tuple[str, ...]] = ("magface",)
    parameters: ClassVar[Mapping[str, object]] = {}

    def notes(self, model: Model) -> tuple[str, ...]:
        """Say when the model was not trained for it."""
        if "magface" in f"{model.spec.name} {model.spec.source}".lower():
            return ()
        return (
            f"magface is the length of the embedding; nothing says that {model.spec.name} was trained with the MagFace "
            "loss, and the length of another model's embedding need not follow quality",
        )

    def score(self, model: Model | None, faces: NDArray[np.uint8], extracted: Extracted | None) -> Quality:
        """Score faces whose taps are extracted.

        Raises
        ------
        ModelError
            Every embedding of the model has the same length: its file normalises them.
        """
        if model is None or extracted is None:
            raise InvalidInputError("magface needs a recognition model; give one")
        if model.normalises:
            raise ModelError(normalised_message(model.spec))
        context = extracted.context
        (power,) = context.fetch(kernels.row_power(extracted.taps.embedding, stream=context.stream))
        return Quality(np.sqrt(power))


def normalised_message(spec: ModelSpec) -> str:
    """Say that a model's embeddings all have one length, and what to name instead."""
    return (
        f"all embeddings of {spec.name} have the same length: its file normalises {spec.embedding!r}, so magface says nothing; "
        f"name the tensor before the normalisation with {field_words('embedding')}"
    )


def magface(model: Model, faces: NDArray[np.uint8]) -> Quality:
    """Return the length of the unnormalised embedding of aligned faces.

    Parameters
    ----------
    model
        A recognition model trained with the MagFace loss.
    faces
        ``(N, H, W, 3)`` uint8 RGB, of the model's input size.

    Returns
    -------
    Quality
        ``.raw`` is ``(N,)`` float64 ≥ 0, higher is better; ``.scaled`` is ``None``.

    Raises
    ------
    InvalidInputError
        The faces are not as described.
    ModelError
        Every embedding of the model has the same length: its file normalises them.
    """
    return MagFace().score(model, faces, model.extract(faces))
