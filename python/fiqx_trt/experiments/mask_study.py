"""The study of random masks: whether the covered area loses pixel quality, and the face quality."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.experiments.mask_summary import summarise_colors, summarise_masks
from fiqx_trt.experiments.masks import COLORS, SIZES, MaskedFace, cover, random_masks
from fiqx_trt.experiments.pointing import Pointing, measure_pointing
from fiqx_trt.experiments.study import ExampleFaces, Progress, Rows, StudySetup
from fiqx_trt.experiments.weightings import CalibratedWeightings, calibrate_weightings
from fiqx_trt.explain.scale import PAPER_PER, Per
from fiqx_trt.models.gradients import WEIGHTS

if TYPE_CHECKING:
    from fiqx_trt.experiments.face_set import FaceSet
    from fiqx_trt.models.model import Model

__all__ = ["MaskOptions", "MaskStudy", "study_masks"]

#: Side, in pixels of a 112-pixel face, of the squares whose colours are compared.
COLOR_SIZE = 30
#: Faces that are shown with their maps.
EXAMPLES = 3
#: Masks of one size that make a share worth reading.
ENOUGH = 200


@dataclass(frozen=True)
class MaskOptions:
    """Settings of a study of random masks.

    Parameters
    ----------
    weights
        Weightings to compare; each gets its own γ from the faces of the study.
    sizes
        Sides of the squares in pixels of a 112-pixel face.
    repeats
        Masks per face and size; ``None``: as many as make 200 of each size, fewer tell little.
    colors
        Compare twelve colours of a square as well.
    pointing
        Disturb squares and regions of the first 64 faces as well, to see whether the deviation points at them. Needs a
        model that knows what is usual.
    min_quality
        Smallest scaled quality of the faces that are masked.
    seed
        Seed of the places.
    per
        What P is measured by (:func:`fiqx_trt.plq`); the paper's is ``"intensity"``.
    """

    weights: Sequence[str] = tuple(WEIGHTS)
    sizes: Sequence[int] = SIZES
    repeats: int | None = None
    colors: bool = True
    pointing: bool = True
    min_quality: float = 0.0
    seed: int = 0
    per: Per = PAPER_PER


@dataclass(frozen=True)
class MaskStudy:
    """The result of a study of random masks.

    Parameters
    ----------
    setup
        What ran on which faces.
    options
        The settings, with the number of repeats.
    masks
        The result of every mask.
    colored
        The result of every coloured mask; empty where colours were not compared.
    pointing
        Whether maps point at disturbed areas; ``None`` where it was not measured.
    examples
        Faces of the highest quality without a mask and with a mask of each size.
    """

    setup: StudySetup
    options: MaskOptions
    masks: Sequence[MaskedFace]
    colored: Sequence[MaskedFace]
    pointing: Pointing | None
    examples: Sequence[ExampleFaces]

    @property
    def sizes(self) -> list[int]:
        """Sides of the masks, in the order of measuring."""
        return list(dict.fromkeys(mask.size for mask in self.masks))

    @property
    def weights(self) -> list[str]:
        """The weightings that were compared."""
        return list(self.setup.parameters["gammas"])

    def summary(self) -> dict[str, Any]:
        """Return every number of the study, as JSON values."""
        summary = {**self.setup.summary(), **summarise_masks(self.masks)}
        if self.colored:
            summary["color_study"] = summarise_colors(self.colored)
        if self.options.pointing:
            summary["pointing"] = None if self.pointing is None else self.pointing.summary()
        return summary

    def tables(self) -> dict[str, Rows]:
        """Return the rows behind the summary, by the name of their file."""
        faces = self.setup.faces
        tables = {"masks.csv": [{**faces.row(mask.face), **mask.row()} for mask in self.masks]}
        if self.colored:
            tables["colors.csv"] = [{**faces.row(mask.face), **mask.row()} for mask in self.colored]
        if self.pointing is not None:
            tables |= self.pointing.tables(faces)
        return tables


def study_masks(
    model: Model, faces: FaceSet, options: MaskOptions | None = None, *, progress: Progress | None = None
) -> MaskStudy:
    """Cover random squares of faces and measure what quality and pixel quality lose.

    Parameters
    ----------
    model
        A calibrated model.
    faces
        At least ten aligned faces.
    options
        The settings.
    progress
        Called with the number of masked faces done and of all; afterwards with that of the disturbed faces.

    Raises
    ------
    InvalidInputError
        Fewer than ten faces, a weighting that does not exist, or no face of enough quality.
    NotCalibratedError
        There is no Q̂.

    Examples
    --------
    >>> import fiqx_trt as fx
    >>> from fiqx_trt.experiments.face_set import FaceSet
    >>> def ranking(model_file, images):
    ...     with fx.load_model(model_file) as model:
    ...         study = study_masks(model, FaceSet.of(images), MaskOptions(weights=["l1", "exact"]))
    ...     return study.summary()["ranking"]
    """
    options = options or MaskOptions()
    weightings = calibrate_weightings(model, faces.images, options.weights, per=options.per)
    if options.min_quality > 0:
        faces = _good_faces(model, faces, weightings.only(options.weights[0]), options.min_quality)
    repeats = options.repeats or max(1, -(-ENOUGH // len(faces)))
    masks = random_masks(
        model,
        faces.images,
        weightings=weightings,
        sizes=options.sizes,
        repeats=repeats,
        seed=options.seed,
        progress=progress,
    )
    parameters = {
        "sizes": list(options.sizes),
        "repeats": repeats,
        "seed": options.seed,
        "min_quality": options.min_quality,
        "per": options.per,
        "gammas": dict(weightings.gammas),
    }
    first = weightings.only(next(iter(weightings.gammas)))
    return MaskStudy(
        StudySetup.of(model, faces, parameters),
        options,
        masks,
        _colored(model, faces, first, options.seed) if options.colors else (),
        measure_pointing(
            model, faces, weightings.gammas, per=options.per, seed=options.seed, progress=progress
        )
        if options.pointing
        else None,
        _examples(model, faces, masks, first),
    )


def _good_faces(model: Model, faces: FaceSet, weighting: CalibratedWeightings, min_quality: float) -> FaceSet:
    good = np.flatnonzero(weighting.explain(model, faces.images).quality >= min_quality)
    if not good.size:
        raise InvalidInputError(f"no face has a scaled quality of {min_quality:g}; lower --min-quality")
    return faces.subset(good.tolist())


def _colored(model: Model, faces: FaceSet, weighting: CalibratedWeightings, seed: int) -> list[MaskedFace]:
    return random_masks(
        model, faces.images, weightings=weighting, sizes=[COLOR_SIZE], colors=list(COLORS), seed=seed
    )


def _examples(
    model: Model, faces: FaceSet, masks: Sequence[MaskedFace], weighting: CalibratedWeightings
) -> list[ExampleFaces]:
    """Return the faces of the highest quality with their first mask of each size."""
    qualities = sorted({mask.face: mask.quality for mask in masks}.items(), key=lambda item: -item[1])
    name = next(iter(weighting.gammas))
    examples = []
    for face, _ in qualities[:EXAMPLES]:
        own: dict[int, MaskedFace] = {}
        for mask in masks:
            if mask.face == face:
                own.setdefault(mask.size, mask)
        image = faces.images[face]
        images = [image, *(cover(image, mask.square, mask.color) for mask in own.values())]
        explained = weighting.explain(model, np.stack(images))
        examples.append(
            ExampleFaces(faces.name(face), images, list(explained.maps[name]), explained.quality.tolist())
        )
    return examples
