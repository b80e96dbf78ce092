"""A reference picture of a person and pictures that break its rules, side by side (Terhörst et al., 5.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.evaluate.proportions import wilson
from fiqx_trt.experiments.study import Rows, StudySetup
from fiqx_trt.explain.plq import PlqExplainer
from fiqx_trt.explain.region_words import RegionWords, words_of
from fiqx_trt.explain.regions import REGIONS, region_masks, region_means
from fiqx_trt.explain.scale import PAPER_PER

if TYPE_CHECKING:
    from fiqx_trt.experiments.face_set import FaceSet
    from fiqx_trt.models.model import Model

__all__ = ["ComparedFace", "ComparisonStudy", "compare_faces", "study_comparison"]


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

    @property
    def most_lost(self) -> str | None:
        """The region of the face that lost most; ``None`` where none lost."""
        name = max((n for n in REGIONS if n != "background"), key=lambda n: self.losses[n])
        return name if self.losses[name] > 0 else None

    def row(self) -> dict[str, Any]:
        """Return the numbers and words as the cells of a table."""
        return {
            "quality": self.quality,
            "similarity": self.similarity,
            **{f"plq_{name}": self.means[name] for name in REGIONS},
            **{f"loss_{name}": self.losses[name] for name in REGIONS},
            "low": " ".join(self.words.low),
            "summary": self.words.text,
        }


@dataclass(frozen=True)
class ComparisonStudy:
    """A reference and other pictures of the same person.

    Parameters
    ----------
    setup
        What ran on which faces.
    pictures
        The reference first.
    """

    setup: StudySetup
    pictures: Sequence[ComparedFace]

    def rows(self) -> Rows:
        """Return the path, the name and the numbers of every picture."""
        faces = self.setup.faces
        return [{**faces.row(i), "name": faces.name(i), **one.row()} for i, one in enumerate(self.pictures)]

    def summary(self) -> dict[str, Any]:
        """Return every number of the study, as JSON values."""
        reference, *others = self.pictures
        below = [one.quality < reference.quality for one in others]
        return {
            **self.setup.summary(),
            "reference": self.setup.faces.paths[0],
            "quality_below_reference": wilson(sum(below), len(below)).as_dict(),
            "rows": [{k: v for k, v in row.items() if k != "path"} for row in self.rows()],
        }

    def tables(self) -> dict[str, Rows]:
        """Return the rows behind the summary, by the name of their file."""
        return {"compare.csv": self.rows()}


def study_comparison(
    model: Model, faces: FaceSet, *, weights: str = "l1", per: str = PAPER_PER
) -> ComparisonStudy:
    """Compare the first face with the others.

    Parameters
    ----------
    model, faces
        The recogniser and aligned faces of one person, the reference first.
    weights, per
        Weighting of the quality node, and what P is measured by.

    Raises
    ------
    InvalidInputError
        There is nothing to compare.
    NotCalibratedError
        There is no Q̂ or no γ.
    """
    explainer = PlqExplainer(model, cast(Any, weights), per=cast(Any, per))
    pictures = compare_faces(explainer, faces.images)
    parameters = {"weights": weights, "per": per, "gamma": explainer.gamma}
    return ComparisonStudy(StudySetup.of(model, faces, parameters), pictures)


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
    explained = explainer(faces)
    unit = model.embed(faces).astype(np.float64)
    similarity = (unit * unit[0]).sum(axis=1)
    masks = region_masks(model.spec.template, model.spec.input_size)
    means = region_means(explained.maps, masks)
    words = words_of(explained, model.spec, explainer.weights)
    return [
        ComparedFace(
            float(explained.quality[i]),
            explained.maps[i],
            float(similarity[i]),
            {name: float(values[i]) for name, values in means.items()},
            words[i],
            {name: float(values[0] - values[i]) for name, values in means.items()},
        )
        for i in range(len(faces))
    ]
