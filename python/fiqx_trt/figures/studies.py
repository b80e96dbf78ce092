"""The figures of the studies of a set of faces, drawn from their results: name of the files → picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fiqx_trt.experiments.inpainting import INPAINTERS
from fiqx_trt.figures.assess import degradation_figure, validity_figure
from fiqx_trt.figures.canvas import Look, Picture
from fiqx_trt.figures.deletion import areas_figure
from fiqx_trt.figures.pixel_quality import (
    compare_figure,
    examples_figure,
    inpainting_figure,
    masks_figure,
    short_name,
)

if TYPE_CHECKING:
    from fiqx_trt.experiments.assessment_study import AssessmentStudy
    from fiqx_trt.experiments.compare import ComparedFace, ComparisonStudy
    from fiqx_trt.experiments.deletion_study import DeletionStudy
    from fiqx_trt.experiments.inpainting_study import InpaintingStudy
    from fiqx_trt.experiments.mask_study import MaskStudy

__all__ = [
    "assessment_pictures",
    "comparison_pictures",
    "deletion_pictures",
    "inpainting_pictures",
    "mask_pictures",
]


def mask_pictures(study: MaskStudy, look: Look | None = None) -> dict[str, Picture]:
    """Draw the losses through random masks and example faces."""
    sizes = study.sizes
    by_size = {size: [mask for mask in study.masks if mask.size == size] for size in sizes}
    losses = {"image quality": {s: np.array([m.quality_loss for m in by_size[s]]) for s in sizes}}
    for name in study.weights:
        losses[f"pixel quality, {name}"] = {s: np.array([m.inside[name] for m in by_size[s]]) for s in sizes}
    titles = ["no mask", *(f"{size} px" for size in sizes)]
    return {
        "figure-5-masks": masks_figure(losses, look=look),
        "figure-6-examples": examples_figure(study.examples, titles, look=look),
    }


def inpainting_pictures(study: InpaintingStudy, look: Look | None = None) -> dict[str, Picture]:
    """Draw quality before and after inpainting and example faces."""
    first = next(iter(INPAINTERS))
    before = np.stack([face.before for face in study.of(first)])
    after = {name: np.stack([face.after for face in study.of(name)]) for name in INPAINTERS}
    return {
        "figure-3-inpainting": inpainting_figure(before, after, look=look),
        "figure-4-examples": examples_figure(study.examples, ["before", "after"], across=3, look=look),
    }


def comparison_pictures(study: ComparisonStudy, look: Look | None = None) -> dict[str, Picture]:
    """Draw a reference and other pictures of the same person with their maps."""
    faces, pictures = study.setup.faces, study.pictures
    return {
        "figure-7-compare": compare_figure(
            list(faces.images),
            [one.quality_map for one in pictures],
            [one.quality for one in pictures],
            [short_name(faces.name(i)) for i in range(len(faces))],
            ["reference", *map(_change, pictures[1:])],
            look=look,
        )
    }


def _change(picture: ComparedFace) -> str:
    lost = f"lost most: {picture.most_lost}" if picture.most_lost else "nothing lost"
    return f"cosine {picture.similarity:.2f}\n{lost}"


def deletion_pictures(study: DeletionStudy, look: Look | None = None) -> dict[str, Picture]:
    """Draw the areas under the curves, a picture for each measure."""
    return {
        f"areas-{measure}": areas_figure(study.curves, study.areas, measure, look=look)
        for measure in study.measures
    }


def assessment_pictures(study: AssessmentStudy, look: Look | None = None) -> dict[str, Picture]:
    """Draw the correlations of an assessment and the effect of each degradation."""
    return {
        "validity": validity_figure(study.result, look=look),
        "degradations": degradation_figure(study.scores, look=look),
    }
