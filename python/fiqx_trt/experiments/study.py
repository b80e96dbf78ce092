"""Shared parts of the studies of a set of faces: the setup, and faces shown beside their maps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.runs.record import RanModel

if TYPE_CHECKING:
    from fiqx_trt.experiments.face_set import FaceSet
    from fiqx_trt.models import Model, ModelSpec

__all__ = ["ExampleFaces", "Progress", "Rows", "StudySetup"]

#: Called with the number of steps done and the number of all steps.
Progress: TypeAlias = Callable[[int, int], None]
#: The rows of a table; the keys of the first are the columns.
Rows: TypeAlias = "list[dict[str, Any]]"


@dataclass(frozen=True)
class StudySetup:
    """The model, the faces and the parameters of a study.

    Parameters
    ----------
    model
        The model and where it ran.
    faces
        The faces that were studied.
    parameters
        Every setting that changes a number, as JSON values.
    """

    model: RanModel
    faces: FaceSet
    parameters: Mapping[str, Any]

    @classmethod
    def of(cls, model: Model, faces: FaceSet, parameters: Mapping[str, Any]) -> StudySetup:
        """Return the setup of a study that runs an open model."""
        return cls(RanModel.of(model), faces, dict(parameters))

    @property
    def spec(self) -> ModelSpec:
        """The model's contract."""
        return self.model.spec

    def summary(self) -> dict[str, Any]:
        """Return the first entries of the study's summary, as JSON values."""
        return {
            "gradients": "fp32",
            "alpha": self.spec.alpha,
            "r": self.spec.r,
            "parameters": dict(self.parameters),
            "faces": len(self.faces),
            "skipped": dict(self.faces.skipped),
        }


@dataclass(frozen=True)
class ExampleFaces:
    """Variants of one face with their maps of pixel quality.

    Parameters
    ----------
    name
        File name of the face.
    images
        ``(H, W, 3)`` uint8 RGB of each variant.
    maps
        ``(H, W)`` P of each variant.
    quality
        Q̂ of each variant.
    """

    name: str
    images: Sequence[NDArray[np.uint8]]
    maps: Sequence[NDArray[np.floating]]
    quality: Sequence[float]
