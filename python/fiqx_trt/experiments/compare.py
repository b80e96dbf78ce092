"""A reference picture of a person and pictures that break its rules, side by side (Terhörst et al., 5.3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.explain.region_words import RegionWords, words_of
from fiqx_trt.explain.regions import region_masks, region_means

if TYPE_CHECKING:
    from fiqx_trt.explain.plq import PlqExplainer

__all__ = ["ComparedFace", "compare_faces"]


@dataclass(frozen=True)
class ComparedFace:
    """One picture beside the reference.

    Parameters
    ----------
    quality
        Q̂.
    quality_map
        ``(H, W)`` P.
    similarity
        Cosine between its embedding and the reference's; 1 for the reference.
    means
        Region → mean pixel quality.
    words
        Which of its regions are unusual.
    losses
        Region → the reference's mean pixel quality minus this one's.
    """

    quality: float
    quality_map: NDArray[np.float32]
    similarity: float
    means: Mapping[str, float]
    words: RegionWords
    losses: Mapping[str, float]


def compare_faces(explainer: PlqExplainer, faces: NDArray[np.uint8]) -> list[ComparedFace]:
    """Explain a reference and other pictures of the same person.

    Parameters
    ----------
    explainer
        A model and the settings of its maps.
    faces
        ``(N, H, W, 3)`` uint8 RGB, the reference first.

    Raises
    ------
    InvalidInputError
        There is nothing to compare with the reference.
    """
    if len(faces) < 2:
        raise InvalidInputError(f"{len(faces)} faces; give a reference and at least one other picture")
    model = explainer.model
    found = explainer(faces)
    unit = model.embed(faces).astype(np.float64)
    similarity = (unit * unit[0]).sum(axis=1)
    masks = region_masks(model.spec.template, model.spec.input_size)
    means = region_means(found.maps, masks)
    words = words_of(found, model.spec, explainer.weights)
    return [
        ComparedFace(
            float(found.quality[i]),
            found.maps[i],
            float(similarity[i]),
            {name: float(values[i]) for name, values in means.items()},
            words[i],
            {name: float(values[0] - values[i]) for name, values in means.items()},
        )
        for i in range(len(faces))
    ]
