"""The explaining half of the demonstration: maps of every rung, and how the maps of good and bad rungs vary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.amva import Amva, analyse, quality_groups, save_amva
from fiqx_trt.demo.picture import Step, maps_figure
from fiqx_trt.explain.plq import plq
from fiqx_trt.explain.scorecam import scorecam_details
from fiqx_trt.figures.amva import amva_figures, example_images, face_rows
from fiqx_trt.figures.canvas import Picture, save_pictures
from fiqx_trt.models import Model

__all__ = ["ExplainedLadder", "explain_ladder"]

#: Rungs in each of the groups H and L, as a share of all.
FRACTION = 0.2


@dataclass(frozen=True)
class ExplainedLadder:
    """What the maps of the ladder showed.

    Parameters
    ----------
    result
        How the activation maps of good and bad rungs vary.
    correlation, channels
        ``(N,)`` of every activation map: see :class:`fiqx_trt.explain.ScoreCam`.
    maps_picture, pictures
        The figure of the maps, and those of their variation.
    written
        What was written, relative to the folder.
    """

    result: Amva
    correlation: NDArray[np.float64]
    channels: NDArray[np.float64]
    maps_picture: Picture
    pictures: Mapping[str, Picture]
    written: tuple[str, ...]


def explain_ladder(
    model: Model, faces: NDArray[np.uint8], steps: Sequence[Step], out: Path
) -> ExplainedLadder:
    """Write the pixel-quality and activation maps of the ladder, and their variation between its good and bad rungs.

    Parameters
    ----------
    model
        A calibrated model.
    faces
        ``(N, H, W, 3)``, the untouched face first.
    steps
        What belongs to each face.
    out
        Folder to write into.

    Returns
    -------
    ExplainedLadder
        What they showed, and the files.
    """
    quality = plq(model, faces, quality=np.array([step.scaled for step in steps]))
    cams = scorecam_details(model, faces)
    maps_picture = maps_figure(list(faces), quality.maps, cams.maps, steps)
    maps_picture.save(out / "maps")
    names = [f"{step.kind} {step.level:.0%}" for step in steps]
    scores = {"serfiq": np.array([step.raw for step in steps])}
    groups = quality_groups(names, scores, higher_is_better={"serfiq": True}, fraction=FRACTION)
    result = analyse(names, groups, cams.compact())
    shown = example_images(result, count=3)
    rows = face_rows(result, shown, [faces[i] for i in shown], cams.maps[shown], scores)
    save_amva(result, out / "amva")
    pictures = amva_figures(result, rows=rows)
    save_pictures(pictures, out / "amva")
    written = ("maps.png", "maps.npz", "amva/")
    return ExplainedLadder(
        result, cams.uniform_correlation, cams.effective_channels, maps_picture, pictures, written
    )
