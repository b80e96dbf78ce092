"""The study of inpainting: whether a face gains quality where its least useful area is filled in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.evaluate.proportions import wilson
from fiqx_trt.experiments.inpainting import INPAINTERS, OUTCOMES, InpaintedFace, inpaint_faces
from fiqx_trt.experiments.study import ExampleFaces, Rows, StudySetup
from fiqx_trt.explain.plq import PlqExplainer
from fiqx_trt.explain.scale import PAPER_PER

if TYPE_CHECKING:
    from fiqx_trt.experiments.face_set import FaceSet
    from fiqx_trt.models.model import Model

__all__ = ["InpaintingStudy", "study_inpainting"]

#: Faces that are shown before and after.
EXAMPLES = 6


@dataclass(frozen=True)
class InpaintingStudy:
    """The result of a study of inpainting.

    Parameters
    ----------
    setup
        What ran on which faces.
    inpainted
        The result of every face and inpainter.
    without_region
        Number of faces that have no low area of a fitting size.
    examples
        The faces whose quality changed most under the first inpainter, before and after, from gain to loss.
    """

    setup: StudySetup
    inpainted: Sequence[InpaintedFace]
    without_region: int
    examples: Sequence[ExampleFaces]

    def of(self, inpainter: str) -> list[InpaintedFace]:
        """Return the results of one inpainter."""
        return [face for face in self.inpainted if face.inpainter == inpainter]

    def summary(self) -> dict[str, Any]:
        """Return every number of the study, as JSON values."""
        return {
            **self.setup.summary(),
            "without_region": self.without_region,
            "inpainters": {name: _summary(self.of(name)) for name in INPAINTERS},
        }

    def tables(self) -> dict[str, Rows]:
        """Return the rows behind the summary, by the name of their file."""
        faces = self.setup.faces
        return {"inpainting.csv": [{**faces.row(face.face), **face.row()} for face in self.inpainted]}


def study_inpainting(
    model: Model, faces: FaceSet, *, weights: str = "l1", per: str = PAPER_PER, seeds: int = 10
) -> InpaintingStudy:
    """Fill in the least useful area of faces and measure their quality before and after.

    Parameters
    ----------
    model
        A calibrated model.
    faces
        Aligned faces.
    weights, per
        Weighting of the quality node, and what P is measured by.
    seeds
        Seeds of the dropout masks over which quality is averaged.

    Raises
    ------
    InvalidInputError
        No face has an area that can be filled.
    NotCalibratedError
        There is no Q̂ or no γ.
    """
    explainer = PlqExplainer(model, cast(Any, weights), per=cast(Any, per))
    inpainted, regions, filled = inpaint_faces(explainer, faces.images, seeds=seeds)
    if not inpainted:
        raise InvalidInputError("no face has a low area between 1 % and 40 % of its size; give other faces")
    parameters = {"weights": weights, "per": per, "gamma": explainer.gamma, "seeds": seeds}
    return InpaintingStudy(
        StudySetup.of(model, faces, parameters),
        inpainted,
        sum(region is None for region in regions),
        _examples(explainer, faces, inpainted, filled),
    )


def _summary(results: Sequence[InpaintedFace]) -> dict[str, Any]:
    return {
        "paired": _outcomes([r.paired_outcome for r in results]),
        "as_printed": _outcomes([r.outcome for r in results]),
        "mean_change": round(float(np.mean([r.change for r in results])), 5),
        "mean_region_before": round(float(np.mean([r.region_before for r in results])), 5),
        "mean_region_after": round(float(np.mean([r.region_after for r in results])), 5),
    }


def _outcomes(words: Sequence[str]) -> dict[str, Any]:
    return {word: wilson(words.count(word), len(words)).as_dict() for word in OUTCOMES}


def _examples(
    explainer: PlqExplainer,
    faces: FaceSet,
    inpainted: Sequence[InpaintedFace],
    filled: Mapping[str, Sequence[NDArray[np.uint8] | None]],
) -> list[ExampleFaces]:
    inpainter = next(iter(INPAINTERS))
    changed = sorted((r for r in inpainted if r.inpainter == inpainter), key=lambda r: -abs(r.change))[
        :EXAMPLES
    ]
    examples = []
    for result in sorted(changed, key=lambda r: -r.change):
        image = filled[inpainter][result.face]
        assert image is not None
        images = [faces.images[result.face], image]
        quality = [float(result.before.mean()), float(result.after.mean())]
        maps = list(explainer(np.stack(images)).maps)
        examples.append(ExampleFaces(faces.name(result.face), images, maps, quality))
    return examples
