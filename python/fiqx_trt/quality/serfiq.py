"""SER-FIQ: quality as the robustness of an embedding against dropout (Terhörst et al., Eq. 1 and 2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from fiqx_trt import kernels
from fiqx_trt.errors import InvalidInputError
from fiqx_trt.kernels import Array
from fiqx_trt.quality.base import MethodOptions, Quality
from fiqx_trt.runtime.place import HOST, Place

if TYPE_CHECKING:
    from fiqx_trt.models.model import Extracted, Model

__all__ = ["SerFiq", "quality_of_distance", "scale_quality", "serfiq"]

ESTIMATORS = ("sampled", "closed-form")
DISTANCES = ("pairs", "paper")
#: Bytes of dropped-out copies of h that exist at one time.
EXPANDED_BYTES = 64 << 20


def sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 1 / (1 + e^-x) without overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * x)))


def quality_of_distance(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Q = 2 σ(-d̄), in (0, 1] (Terhörst et al., Eq. 1).

    Parameters
    ----------
    distance
        ``(N,)`` mean distance d̄ ≥ 0 of the stochastic embeddings.

    Examples
    --------
    >>> float(quality_of_distance(np.array([0.0]))[0])
    1.0
    """
    return 2.0 * sigmoid(-distance)


def scale_quality(raw: NDArray[np.float64], *, alpha: float, r: float) -> NDArray[np.float64]:
    """Return Q̂ = σ(α (Q - r)), in [0, 1] (Terhörst et al., Eq. 2).

    Examples
    --------
    >>> float(scale_quality(np.array([0.88]), alpha=130, r=0.88)[0])
    0.5
    """
    return sigmoid(alpha * (raw - r))


def percentile(raw: NDArray[np.float64], quantiles: Sequence[float]) -> NDArray[np.float64]:
    """Return where qualities lie among those of the calibration faces, in [0, 100].

    Parameters
    ----------
    raw
        ``(N,)`` qualities Q.
    quantiles
        Quantiles of Q at equal steps from 0 to 1, not falling; between them the line is straight.

    Examples
    --------
    >>> percentile(np.array([0.4, 0.85, 2.0]), [0.8, 0.9]).round(6).tolist()
    [0.0, 50.0, 100.0]
    """
    return np.interp(raw, quantiles, np.linspace(0.0, 100.0, len(quantiles)))


def closed_form_distance(
    pre_dropout: Array,
    embedding: Array,
    column_norms: Array,
    *,
    dropout: float,
    place: Place = HOST,
) -> NDArray[np.float64]:
    """Return the expected distance of two dropped-out embeddings, without sampling.

    With the head ``e = A h + b``, inverted dropout of probability p adds noise of covariance
    ``p/(1-p) A diag(h²) Aᵀ``. With ``t`` its trace over ``‖e‖²``, two normalised noisy embeddings lie
    ``d̄ ≈ sqrt(2t / (1+t))`` apart. The trace is ``p/(1-p) Σ_k h_k² ‖A_:k‖²``: one dot product per face.

    Parameters
    ----------
    pre_dropout
        ``(N, F)`` float32 input h of the head.
    embedding
        ``(N, D)`` float32 raw embedding e.
    column_norms
        ``(F,)`` float64 squared norms ‖A_:k‖².
    dropout
        Probability p in (0, 1).
    place
        Where the arrays lie.

    Returns
    -------
    ndarray
        ``(N,)`` float64; NaN for a zero embedding.
    """
    noise, power = place.fetch(
        kernels.row_power(pre_dropout, column_norms, stream=place.stream),
        kernels.row_power(embedding, stream=place.stream),
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        t = dropout / (1.0 - dropout) * noise / power
        return np.asarray(np.sqrt(2.0 * t / (1.0 + t)))


@dataclass(frozen=True)
class SerFiq:
    """SER-FIQ of a recognition model.

    Parameters
    ----------
    passes, dropout, seed, estimator, distance
        See :class:`fiqx_trt.quality.base.MethodOptions`.

    Raises
    ------
    InvalidInputError
        An option is out of range.
    """

    name: ClassVar[str] = "serfiq"
    higher_is_better: ClassVar[bool] = True
    needs_model: ClassVar[bool] = True

    passes: int = 100
    dropout: float = 0.5
    seed: int = 0
    estimator: str = "sampled"
    distance: str = "pairs"

    def __post_init__(self) -> None:
        """Check the options once."""
        if self.estimator not in ESTIMATORS:
            raise InvalidInputError(f"estimator is {self.estimator!r}; choose one of {', '.join(ESTIMATORS)}")
        if self.distance not in DISTANCES:
            raise InvalidInputError(f"distance is {self.distance!r}; choose one of {', '.join(DISTANCES)}")
        if self.passes < 2:
            raise InvalidInputError(f"passes is {self.passes}; a distance needs at least 2")
        if not 0.0 < self.dropout < 1.0:
            raise InvalidInputError(
                f"dropout is {self.dropout}; give a probability between 0 and 1, both excluded"
            )
        if not 0 <= self.seed < 2**64:
            raise InvalidInputError(f"seed is {self.seed}; give an integer from 0 to 2**64 - 1")

    @classmethod
    def from_options(cls, options: MethodOptions) -> SerFiq:
        """Build it from the common options."""
        return cls(options.passes, options.dropout, options.seed, options.estimator, options.distance)

    @property
    def columns(self) -> tuple[str, ...]:
        """Raw quality Q, scaled quality Q̂, percentile among the calibration faces, and 100 Q̂ as an integer."""
        return ("serfiq", "serfiq_scaled", "serfiq_percentile", "serfiq_100")

    @property
    def parameters(self) -> Mapping[str, object]:
        """Every setting that changes a number."""
        common = {
            "serfiq.estimator": self.estimator,
            "serfiq.dropout": self.dropout,
            "serfiq.distance": self.distance,
        }
        if self.estimator == "closed-form" and self.distance == "pairs":
            return common
        if self.estimator == "closed-form":
            return {**common, "serfiq.passes": self.passes}
        return {**common, "serfiq.passes": self.passes, "serfiq.seed": self.seed}

    def notes(self, model: Model) -> tuple[str, ...]:
        """Say when Q̂ cannot be given, or was calibrated with another estimator."""
        spec = model.spec
        if spec.calibrated and (self.estimator in spec.calibration or "SER-FIQ" not in spec.calibration):
            return ()
        if spec.calibrated:
            return (
                f"{spec.name} was calibrated with another estimator ({spec.calibration}); with {self.estimator} the "
                "scaled qualities and percentiles are shifted a little",
            )
        return (
            f"the model {model.spec.name} is not calibrated, so serfiq_scaled stays empty; "
            "run `fiqx-trt calibrate` on a set of typical faces, or give alpha and r",
        )

    def score(self, model: Model | None, faces: NDArray[np.uint8], extracted: Extracted | None) -> Quality:
        """Score faces whose taps are extracted."""
        if model is None or extracted is None:
            raise InvalidInputError("serfiq needs a recognition model; give one")
        distance = self.mean_distance(model, extracted)
        if self.distance == "paper":
            distance = distance * ((self.passes - 1) / self.passes)
        raw = quality_of_distance(distance)
        spec = model.spec
        scaled = (
            None if spec.alpha is None or spec.r is None else scale_quality(raw, alpha=spec.alpha, r=spec.r)
        )
        return Quality(raw, scaled, percentile(raw, spec.quantiles) if spec.quantiles else None)

    def mean_distance(self, model: Model, extracted: Extracted) -> NDArray[np.float64]:
        """Return d̄ of every face, ``(N,)`` float64."""
        if self.estimator == "closed-form":
            taps, place = extracted.resident, extracted.place
            norms = model.column_norms_at(place)
            return closed_form_distance(
                taps.pre_dropout, taps.embedding, norms, dropout=self.dropout, place=place
            )
        return self._sampled_distance(model, extracted)

    def _sampled_distance(self, model: Model, extracted: Extracted) -> NDArray[np.float64]:
        place, h = extracted.place, extracted.resident.pre_dropout
        count, features = h.shape
        group = max(1, EXPANDED_BYTES // (4 * features * self.passes))
        parts = []
        for start in range(0, count, group):
            some = kernels.rows(h, start, min(start + group, count))
            dropped = kernels.dropout_expand(
                some, passes=self.passes, dropout=self.dropout, seed=self.seed, stream=place.stream
            )
            embeddings = model.head(dropped, rows_per_face=self.passes)
            grouped = kernels.reshape(embeddings, (len(some), self.passes, embeddings.shape[1]))
            parts.append(kernels.pair_spread(grouped, stream=place.stream))
        return np.concatenate(place.fetch(*parts)) if parts else np.zeros(0)


def serfiq(
    model: Model,
    faces: NDArray[np.uint8],
    *,
    passes: int = 100,
    dropout: float = 0.5,
    seed: int = 0,
    estimator: str = "sampled",
    distance: str = "pairs",
) -> Quality:
    """Return the SER-FIQ quality of aligned faces (Terhörst et al., Eq. 1 and 2).

    Parameters
    ----------
    model
        A recognition model (:func:`fiqx_trt.load_model`).
    faces
        ``(N, H, W, 3)`` uint8 RGB, of the model's input size.
    passes, dropout, seed
        m stochastic passes of the head, the probability that a unit is dropped, and the seed of the masks. The masks
        are the same for every face, so a score depends on the face and the seed alone.
    estimator
        ``"sampled"``, or ``"closed-form"``: the same quantity without sampling.
    distance
        ``"pairs"`` (default) or ``"paper"``, see :class:`fiqx_trt.quality.base.MethodOptions`.

    Returns
    -------
    Quality
        ``.raw`` Q in (0, 1] and ``.scaled`` Q̂ in [0, 1] (``None`` when the model is not calibrated), each ``(N,)``.

    Raises
    ------
    InvalidInputError
        The faces or an option are not as described.
    """
    method = SerFiq(passes, dropout, seed, estimator, distance)
    return method.score(model, faces, model.extract(faces))
