"""The explaining half of the demonstration: maps of every rung, and how the maps of good and bad rungs vary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.amva import Amva, analyse, quality_groups
from fiqx_trt.demo.picture import Step, maps_figure
from fiqx_trt.explain.plq import plq
from fiqx_trt.explain.result import ScoreCam
from fiqx_trt.explain.scorecam import scorecam_details
from fiqx_trt.figures.amva import amva_figures, example_images, face_rows
from fiqx_trt.figures.canvas import Picture
from fiqx_trt.models import Model

__all__ = ["AMVA", "ExplainedLadder", "explain_ladder", "ladder_pictures"]

#: Folder of the variation of the activation maps.
AMVA = "amva/"
#: Rungs in each of the groups H and L, as a share of all.
FRACTION = 0.2


@dataclass(frozen=True)
class ExplainedLadder:
    """The maps of the ladder, and how they vary between its good and its bad rungs.

    Parameters
    ----------
    faces
        ``(N, H, W, 3)``, the untouched face first.
    quality_maps, activation
        ``(N, H, W)`` P of every face, and its activation map with its numbers.
    variation
        How the activation maps of good and bad rungs vary.
    scores
        Method → quality of every face.
    """

    faces: NDArray[np.uint8]
    quality_maps: NDArray[np.float32]
    activation: ScoreCam
    variation: Amva
    scores: Mapping[str, NDArray[np.float64]]


def explain_ladder(model: Model, faces: NDArray[np.uint8], steps: Sequence[Step]) -> ExplainedLadder:
    """Compute the pixel-quality and activation maps of the ladder, and their variation between its good and bad rungs.

    Parameters
    ----------
    model
        A calibrated model.
    faces
        ``(N, H, W, 3)``, the untouched face first.
    steps
        The numbers of each face.
    """
    quality = plq(model, faces, quality=np.array([step.scaled for step in steps]))
    activation = scorecam_details(model, faces)
    names = [f"{step.kind} {step.level:.0%}" for step in steps]
    scores = {"serfiq": np.array([step.raw for step in steps])}
    groups = quality_groups(names, scores, higher_is_better={"serfiq": True}, fraction=FRACTION)
    variation = analyse(names, groups, activation.compact())
    return ExplainedLadder(faces, quality.maps, activation, variation, scores)


def ladder_pictures(explained: ExplainedLadder, steps: Sequence[Step]) -> dict[str, Picture]:
    """Draw the maps of the strongest degradations and the variation of the activation maps, by the names of their files."""
    maps = np.asarray(explained.activation.maps)
    shown = example_images(explained.variation, count=3)
    rows = face_rows(
        explained.variation, shown, [explained.faces[i] for i in shown], maps[shown], explained.scores
    )
    return {
        "maps": maps_figure(list(explained.faces), explained.quality_maps, maps, steps),
        **{f"{AMVA}{name}": one for name, one in amva_figures(explained.variation, rows=rows).items()},
    }
