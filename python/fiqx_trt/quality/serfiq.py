"""SER-FIQ: quality as the robustness of an embedding against dropout (Terhörst et al., Eq. 1 and 2)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from fiqx_trt import kernels
from fiqx_trt.errors import InvalidInputError, ModelError
from fiqx_trt.kernels import Array
from fiqx_trt.quality.base import Quality
from fiqx_trt.quality.options import check_options, option
from fiqx_trt.runtime.device_context import HOST, DeviceContext

if TYPE_CHECKING:
    from fiqx_trt.models.model import Extracted, Model
    from fiqx_trt.models.spec import ModelSpec

__all__ = ["SerFiq", "quality_of_distance", "scale_quality", "serfiq"]

ESTIMATORS = ("closed-form", "sampled")
DISTANCES = ("pairs", "paper")
#: Of the estimator ``"sampled"``, where they are not given.
PASSES, SEED = 100, 0
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
    rank: float = math.inf,
    context: DeviceContext = HOST,
) -> NDArray[np.float64]:
    """Return the expected distance of two dropped-out embeddings, without sampling.

    With the head ``e = A h + b``, inverted dropout of probability p adds noise of covariance
    ``Σ = p/(1-p) A diag(h²) Aᵀ``. With ``t = tr Σ / ‖e‖²`` and ``s = t / (1 + t)``, two normalised noisy embeddings lie

    ``d̄ ≈ √(2s) (1 - (1 + 5 (1 - s)²) / (8R))``

    apart, where R is the effective rank of the noise. The trace is ``p/(1-p) Σ_k h_k² ‖A_:k‖²``: one dot product per face.

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
    rank
        R ≥ 1, :attr:`fiqx_trt.models.Model.head_rank`; infinity gives the first order alone.
    context
        The device context of the arrays.

    Returns
    -------
    ndarray
        ``(N,)`` float64; NaN for a zero embedding.

    Notes
    -----
    *Derivation.* Let u and v be two normalised noisy embeddings and c their cosine, so that their distance is
    ``sqrt(2 (1 - c))``. Split the noise into its part across e, whose squared length over ‖e‖² has the mean t⊥ and the variance
    ``2 t² / R``, with ``R = (tr Σ)² / tr Σ²``, and its part along e with the relative variance a. To the first order in 1/R and
    a, ``E c = 1/(1+t⊥) · (1 - 3 a t⊥/(1+t⊥)² + 1.5 t²/(R (1+t⊥)²))`` and
    ``Var c = 1/(1+t⊥)² · (t²/R · (1 + 1/(1+t⊥)²) + 2 a t²/(1+t⊥)²)``, and by Jensen
    ``E sqrt(2 (1 - c)) ≈ sqrt(2 (1 - E c)) · (1 - Var c / (8 (1 - E c)²))``. An embedding that is itself a sum of the head's
    columns has ``a ≈ t/R`` and ``t⊥ ≈ t - t/R``. Collected in 1/R, this is the formula above. R is taken of the head alone, as
    if all units of h were equal; it then is one number per model, and d̄ rises with t: the ranks are those of the first
    order.

    *Error*, against sampled passes: largest error of d̄ over clean and degraded faces, first order alone in brackets.

    ================================================ ======= =============== =================
    head                                             R       mean d̄          largest error
    ================================================ ======= =============== =================
    dlib's ResNet, 256 → 128 (20,000 passes)         67      1.16 … 1.19     0.0007 (0.0037)
    MobileFaceNet, 512 → 512 → 192 (20,000 passes)   54      0.70 … 1.00     0.0031 (0.0093)
    the same, faces of 16 … 6 pixels                 54      0.79 … 0.93     0.0018 (0.0080)
    its last layer alone, 512 → 192 (5,000 passes)   57      0.44 … 0.45     0.0076 (0.0125)
    random, 1,792 → 512 (3,000 passes)               398     0.32 … 0.97     0.0005 (0.0013)
    random, 25,088 → 512 (1,500 passes)              502     0.31 … 0.99     0.0006 (0.0012)
    ================================================ ======= =============== =================
    """
    noise, power = context.fetch(
        kernels.row_power(pre_dropout, column_norms, stream=context.stream),
        kernels.row_power(embedding, stream=context.stream),
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        t = dropout / (1.0 - dropout) * noise / power
        s = t / (1.0 + t)
        return np.asarray(np.sqrt(2.0 * s) * (1.0 - (1.0 + 5.0 * np.square(1.0 - s)) / (8.0 * rank)))


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

    passes: int | None = option(
        None,
        kind=int,
        low=2,
        help=f"Number of dropout passes of the estimator sampled; {PASSES} where none is given.",
    )
    dropout: float = option(0.5, low=0, high=1, open=True, help="Probability that a unit is dropped.")
    seed: int | None = option(
        None,
        kind=int,
        low=0,
        high=2**64 - 1,
        help=f"Seed of the dropout masks of the estimator sampled; {SEED} where none is given.",
    )
    estimator: str = option(
        "closed-form", choices=ESTIMATORS, help="Without chance, or by dropout passes as in the paper."
    )
    distance: str = option(
        "pairs", choices=DISTANCES, help="Mean over the pairs of passes, or the paper's factor 2/m²."
    )

    def __post_init__(self) -> None:
        """Check the options once."""
        check_options(self)
        if self.estimator == "closed-form" and (self.passes, self.seed) != (None, None):
            raise InvalidInputError(
                "the closed form has no passes and no seed; leave --passes and --seed out, or give --estimator sampled "
                "with them (estimator='sampled')"
            )
        if self.estimator == "closed-form" and self.distance == "paper":
            raise InvalidInputError(
                "the closed form has no number of passes, on which the paper's factor 2/m² depends; leave --distance out, or "
                "give --estimator sampled with it (estimator='sampled')"
            )

    @property
    def _passes(self) -> int:
        return PASSES if self.passes is None else self.passes

    @property
    def _seed(self) -> int:
        return SEED if self.seed is None else self.seed

    @property
    def setting(self) -> str:
        """The estimator with all that changes its numbers, in words, as a calibration keeps it.

        Examples
        --------
        >>> SerFiq().setting, SerFiq(estimator="sampled", seed=3).setting
        ('closed-form, dropout 0.5', 'sampled, dropout 0.5, 100 passes, seed 3')
        """
        common = f"{self.estimator}, dropout {self.dropout:g}"
        if self.estimator == "closed-form":
            return common
        paper = ", distance paper" if self.distance == "paper" else ""
        return f"{common}, {self._passes} passes, seed {self._seed}{paper}"

    def scales(self, spec: ModelSpec) -> bool:
        """Whether a model's α, r and quantiles were measured with this estimator, or it is not known with which."""
        return spec.estimator in ("", self.estimator, self.setting)

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
        if self.estimator == "closed-form":
            return common
        return {**common, "serfiq.passes": self._passes, "serfiq.seed": self._seed}

    def unscaled(self, spec: ModelSpec) -> tuple[str, str] | None:
        """Return why qualities of this model cannot be scaled, and the cure; None where they can."""
        if not spec.calibrated:
            return (
                f"the model {spec.name} has no α and r",
                "run `fiqx-trt calibrate` on typical faces, or give alpha and r (--alpha, --r)",
            )
        if not self.scales(spec):
            return (
                f"{spec.name} was calibrated with another estimator ({spec.estimator}; here {self.setting})",
                f"use that one, calibrate with `fiqx-trt calibrate --estimator {self.estimator}`, or give alpha and r "
                "(--alpha, --r)",
            )
        return None

    def notes(self, model: Model) -> tuple[str, ...]:
        """Say why Q̂ cannot be given, if it cannot."""
        missing = self.unscaled(model.spec)
        if missing is None:
            return ()
        why, cure = missing
        return (f"{why}, so serfiq_scaled, serfiq_percentile and serfiq_100 stay empty; {cure}",)

    def score(self, model: Model | None, faces: NDArray[np.uint8], extracted: Extracted | None) -> Quality:
        """Score faces whose taps are extracted."""
        if model is None or extracted is None:
            raise InvalidInputError("serfiq needs a recognition model; give one")
        distance = self.mean_distance(model, extracted)
        if self.distance == "paper":
            distance = distance * ((self._passes - 1) / self._passes)
        raw, spec = quality_of_distance(distance), model.spec
        if not self.scales(spec):
            return Quality(raw)
        scaled = (
            None if spec.alpha is None or spec.r is None else scale_quality(raw, alpha=spec.alpha, r=spec.r)
        )
        return Quality(raw, scaled, percentile(raw, spec.quantiles) if spec.quantiles else None)

    def mean_distance(self, model: Model, extracted: Extracted) -> NDArray[np.float64]:
        """Return d̄ of every face, ``(N,)`` float64."""
        return (self._closed_form if self.estimator == "closed-form" else self._sampled_distance)(
            model, extracted
        )

    def _closed_form(self, model: Model, extracted: Extracted) -> NDArray[np.float64]:
        taps, context = extracted.taps, extracted.context
        try:
            norms, rank = model.column_norms_at(context), model.head_rank
        except ModelError as error:
            raise ModelError(
                f"{error}; the closed form needs one that is: give --estimator sampled (estimator='sampled')"
            ) from error
        return closed_form_distance(
            taps.pre_dropout, taps.embedding, norms, dropout=self.dropout, rank=rank, context=context
        )

    def _sampled_distance(self, model: Model, extracted: Extracted) -> NDArray[np.float64]:
        context, h = extracted.context, extracted.taps.pre_dropout
        (count, features), passes = h.shape, self._passes
        # On a GPU a native run of the head takes several faces.
        group = max(1, EXPANDED_BYTES // (4 * features * passes), model.head_session(passes).batch // passes)
        parts = []
        for start in range(0, count, group):
            some = kernels.rows(h, start, min(start + group, count))
            dropped = kernels.dropout_expand(
                some, passes=passes, dropout=self.dropout, seed=self._seed, stream=context.stream
            )
            embeddings = model.head(dropped, rows_per_face=passes)
            grouped = kernels.reshape(embeddings, (len(some), passes, embeddings.shape[1]))
            parts.append(kernels.pair_spread(grouped, stream=context.stream))
        return np.concatenate(context.fetch(*parts)) if parts else np.zeros(0)


def serfiq(
    model: Model,
    faces: NDArray[np.uint8],
    *,
    passes: int | None = None,
    dropout: float = 0.5,
    seed: int | None = None,
    estimator: str = "closed-form",
    distance: str = "pairs",
) -> Quality:
    """Return the SER-FIQ quality of aligned faces (Terhörst et al., Eq. 1 and 2).

    Parameters
    ----------
    model
        A recognition model (:func:`fiqx_trt.load_model`).
    faces
        ``(N, H, W, 3)`` uint8 RGB, of the model's input size.
    dropout
        Probability p that a unit is dropped.
    estimator
        ``"closed-form"`` (default), see :func:`closed_form_distance`; or ``"sampled"``, the paper's stochastic passes.
    passes
        Number m of passes of the head, of the estimator ``"sampled"``; ``None``: 100.
    seed
        Seed of the dropout masks, of the estimator ``"sampled"``; ``None``: 0. The masks are the same for every face:
        another seed moves all scores of a model together, so an absolute number depends on it.
    distance
        ``"pairs"`` (default) or ``"paper"``, see :class:`fiqx_trt.quality.MethodOptions`; of the estimator ``"sampled"``.

    Returns
    -------
    Quality
        ``.raw`` Q in (0, 1] and ``.scaled`` Q̂ in [0, 1], each ``(N,)``. ``.scaled`` and ``.percentile`` are ``None`` when the
        model is not calibrated, or was with another estimator.

    Raises
    ------
    InvalidInputError
        The faces or an option are not as described.
    """
    method = SerFiq(passes, dropout, seed, estimator, distance)
    return method.score(model, faces, model.extract(faces))
