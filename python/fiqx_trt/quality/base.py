"""What a quality method is, and the table of those this package knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.registry import Registry

if TYPE_CHECKING:
    from fiqx_trt.models.model import Extracted, Model

__all__ = ["METHODS", "MethodOptions", "Quality", "QualityMethod", "create_method", "method_names"]

#: Name → ``module:class``.
METHODS = Registry(
    "quality method",
    "fiqx_trt.quality",
    {
        "brisque": "fiqx_trt.quality.brisque:Brisque",
        "flip": "fiqx_trt.quality.flip:Flip",
        "gradient": "fiqx_trt.quality.gradient:Gradient",
        "magface": "fiqx_trt.quality.magface:MagFace",
        "serfiq": "fiqx_trt.quality.serfiq:SerFiq",
    },
    required=("higher_is_better",),
    reserved=("onnx",),
    also="onnx:FILE or onnx:NAME",
)


@dataclass(frozen=True)
class Quality:
    """The quality of N faces.

    Parameters
    ----------
    raw
        ``(N,)`` float64, the method's own number; NaN where it is not defined.
    scaled
        ``(N,)`` float64 in [0, 1], comparable to a human eye (Terhörst et al., Eq. 2); ``None`` where the method has no
        scaling or the model is not calibrated.
    percentile
        ``(N,)`` float64 in [0, 100]: the share of the calibration faces that are not better; ``None`` where they were
        not measured.
    """

    raw: NDArray[np.float64]
    scaled: NDArray[np.float64] | None = None
    percentile: NDArray[np.float64] | None = None

    @property
    def hundred(self) -> NDArray[np.int64] | None:
        """``(N,)`` integers from 0 to 100, higher is better, as ISO/IEC 29794-1 wants them: 100 Q̂, rounded (-1: no number)."""
        if self.scaled is None:
            return None
        whole = np.isfinite(self.scaled)
        return np.where(whole, np.rint(100.0 * np.where(whole, self.scaled, 0.0)), -1).astype(np.int64)


@dataclass(frozen=True)
class MethodOptions:
    """The options of all methods; each reads those it knows.

    Parameters
    ----------
    passes
        Number m of stochastic passes of the estimator ``"sampled"``; ``None``: 100.
    dropout
        Probability p that a unit is dropped, in (0, 1); of both estimators.
    seed
        Seed of the dropout masks of the estimator ``"sampled"``; ``None``: 0.
    estimator
        ``"closed-form"`` or ``"sampled"``.
    distance
        ``"pairs"``: mean over the m(m-1)/2 pairs; ``"paper"``: the factor 2/m² as printed in Terhörst et al., Eq. 1.
    brisque_model, brisque_ranges
        Files of BRISQUE's regression; ``None`` takes those of the PyPI package ``brisque``.
    brisque_halving
        ``"antialiased"`` as MATLAB halves a picture, or ``"plain"`` as OpenCV does; ``None``: as
        :func:`fiqx_trt.quality.brisque.brisque` says.
    """

    passes: int | None = None
    dropout: float = 0.5
    seed: int | None = None
    estimator: str = "closed-form"
    distance: str = "pairs"
    brisque_model: Path | None = None
    brisque_ranges: Path | None = None
    brisque_halving: str | None = None


class QualityMethod(Protocol):
    """A face-image quality method: faces in, one number each out."""

    @property
    def name(self) -> str:
        """What it is called, its first column."""
        ...

    @property
    def higher_is_better(self) -> bool:
        """Direction of its quality."""
        ...

    @property
    def needs_model(self) -> bool:
        """Whether it reads what a recognition model extracts."""
        ...

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of its columns in a table of scores, the raw quality first."""
        ...

    @property
    def parameters(self) -> Mapping[str, object]:
        """Every setting that changes a number."""
        ...

    def notes(self, model: Model) -> tuple[str, ...]:
        """Return what a user should know before reading the numbers of this model."""
        ...

    def score(self, model: Model | None, faces: NDArray[np.uint8], extracted: Extracted | None) -> Quality:
        """Score ``(N, H, W, 3)`` aligned faces whose taps are already extracted."""
        ...


class MethodFactory(Protocol):
    """What :data:`METHODS` names."""

    def from_options(self, options: MethodOptions) -> QualityMethod:
        """Build the method from the options it knows, checked."""
        ...


def method_names() -> tuple[str, ...]:
    """Return the names of all registered methods, sorted.

    Examples
    --------
    >>> "serfiq" in method_names()
    True
    """
    return tuple(sorted(METHODS))


def create_method(name: str, options: MethodOptions | None = None) -> QualityMethod:
    """Build a method by name.

    Parameters
    ----------
    name
        One of :func:`method_names`, or ``onnx:FILE`` for a quality network (:mod:`fiqx_trt.quality.onnx_scorer`).
    options
        Options of all methods.

    Raises
    ------
    InvalidInputError
        The name is unknown, or an option is out of range.
    ModelError
        The file of a quality network is missing or has no contract.
    """
    options = options or MethodOptions()
    family, _, argument = name.partition(":")
    if family == "onnx" and argument:
        from fiqx_trt.quality.onnx_scorer import OnnxScorer

        return OnnxScorer.from_argument(argument, options)
    factory: MethodFactory = METHODS.load(name)
    return factory.from_options(options)
