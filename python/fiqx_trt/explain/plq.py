"""Pixel-level quality: the effect of every pixel of a face on the recogniser (Terhörst et al., Eq. 3 to 7)."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fiqx_trt import kernels
from fiqx_trt.errors import InvalidInputError, NotCalibratedError
from fiqx_trt.explain.deviation import Comparison, Deviation, missing_usual, usual_of
from fiqx_trt.explain.scale import PER, Per, resolve_gamma, resolve_per
from fiqx_trt.kernels import Array
from fiqx_trt.models.gradients import WEIGHTS, Gradients, Weights, check_weights, device_gradients
from fiqx_trt.models.model import Extracted
from fiqx_trt.quality.base import Quality, QualityMethod
from fiqx_trt.quality.serfiq import SerFiq
from fiqx_trt.runtime.device_context import HOST

if TYPE_CHECKING:
    from fiqx_trt.models.model import Model

__all__ = ["PER", "WEIGHTS", "Per", "PixelQuality", "PlqExplainer", "Weights", "node_scale", "plq"]

logger = logging.getLogger(__name__)

#: Faces whose gradients exist at one time.
BLOCK = 64


@dataclass(frozen=True)
class PixelQuality:
    """The pixel-level quality of N faces.

    Parameters
    ----------
    maps
        ``(N, H, W)`` float32 in [0, 1]: P, never rescaled per image, so that maps can be compared. On the model's GPU with
        ``on_device``.
    saliency
        ``(N, H, W)`` float32: Ŝ, the mean absolute gradient over the colours, per unit of raw intensity or per local contrast
        (``per``). On the same device as the maps.
    quality
        ``(N,)`` float64: the quality of each face.
    clipped
        ``(N,)`` bool: whether the gradient was shortened.
    per
        ``"intensity"`` or ``"contrast"``: the unit of P and Ŝ.
    comparison
        Both saliencies on the host and the usual saliency, for the deviation; ``None`` where the model has no such statistics of
        this weighting (``fiqx-trt calibrate`` measures them), or with ``on_device``.
    """

    maps: Array
    saliency: Array
    quality: NDArray[np.float64]
    clipped: NDArray[np.bool_]
    per: Per = "intensity"
    comparison: Comparison | None = field(default=None, repr=False, compare=False)

    def __len__(self) -> int:
        """Return the number of faces."""
        return len(self.maps)

    @property
    def deviation(self) -> NDArray[np.float32] | None:
        """Deviation of every pixel from the usual saliency there (:func:`fiqx_trt.explain.deviation.deviation`).

        ``(N, H, W)`` float32, in standard deviations over the calibration faces, negative where the saliency is lower than usual;
        computed at the first access. ``None`` without a ``comparison``.
        """
        return None if self._deviation is None else self._deviation.maps

    @property
    def deviates(self) -> tuple[str, ...]:
        """The map that deviates, by face: ``"intensity"``, ``"contrast"``, or ``""`` where there is no deviation.

        There is none for a picture of one colour or a zero gradient; it is 0 then. Empty without a ``comparison``.
        """
        return () if self._deviation is None else self._deviation.deviates

    @property
    def deviation_grids(self) -> NDArray[np.float32] | None:
        """The deviation on the grid of the statistics, ``(N, h, w)`` float32; ``None`` without a ``comparison``."""
        return None if self._deviation is None else self._deviation.grids

    @cached_property
    def _deviation(self) -> Deviation | None:
        return None if self.comparison is None else self.comparison.deviation()


class _Block(NamedTuple):
    """Maps of a few faces in the model's context, and their saliency by every definition that is needed."""

    maps: Array
    saliency: tuple[Array, ...]
    quality: NDArray[np.float64]
    clipped: Array


@dataclass(frozen=True)
class PlqExplainer:
    """Pixel-level quality with fixed settings, for faces in batches; :func:`plq` is the short form.

    Parameters
    ----------
    model
        A recognition model.
    weights, gamma, clip, dropout, per
        As in :func:`plq`.
    method
        Computes the quality where none is given; it must give a scaled one.

    Raises
    ------
    InvalidInputError
        An option is out of range.
    NotCalibratedError
        γ is neither given nor in the model's spec.
    """

    model: Model
    weights: Weights = "l1"
    gamma: float | None = None
    clip: float | None = None
    dropout: float = 0.5
    method: QualityMethod = field(default_factory=SerFiq)
    per: Per | None = None

    def __post_init__(self) -> None:
        """Check the options once."""
        check_weights(self.weights)
        if self.clip is not None and not (np.isfinite(self.clip) and self.clip > 0):
            raise InvalidInputError(f"clip is {self.clip}; give a norm above 0, or None for no clipping")
        per = resolve_per(self.model.spec, self.per, self.gamma)
        object.__setattr__(self, "per", per)
        object.__setattr__(self, "gamma", resolve_gamma(self.model.spec, self.weights, self.gamma, per))
        if missing := missing_usual(self.model.spec, self.weights):
            logger.info("%s", missing)

    def __call__(
        self,
        faces: NDArray[np.uint8],
        quality: Quality | NDArray[np.floating] | None = None,
        *,
        on_device: bool = False,
    ) -> PixelQuality:
        """Explain aligned faces; see :func:`plq`."""
        faces = self.model.check_faces(faces)
        given_quality = None if quality is None else _given_quality(quality, len(faces))
        context = self.model.context if on_device else HOST
        count, size = len(faces), self.model.spec.input_size
        usual = None if on_device else usual_of(self.model.spec, self.weights)
        wanted = (self._per,) if usual is None else PER
        maps, *saliency = (context.empty((count, *size), np.float32) for _ in range(1 + len(wanted)))
        qualities, clipped = np.empty(count), np.empty(count, np.bool_)
        for start in range(0, count, BLOCK):
            stop = min(start + BLOCK, count)
            some = self._block(
                faces[start:stop], None if given_quality is None else given_quality[start:stop], wanted
            )
            qualities[start:stop] = some.quality
            (clipped[start:stop],) = self.model.context.fetch(some.clipped)
            for whole, part in zip((maps, *saliency), (some.maps, *some.saliency), strict=True):
                kernels.copy(part, kernels.rows(whole, start, stop), stream=self.model.context.stream)
        context.wait()
        comparison = None
        if usual is not None:
            comparison = Comparison(np.asarray(saliency[0]), np.asarray(saliency[1]), usual)
        own = saliency[wanted.index(self._per)]
        return PixelQuality(maps, own, qualities, clipped, self._per, comparison)

    @property
    def _per(self) -> Per:
        assert self.per is not None  # filled in above
        return self.per

    def _block(
        self, faces: NDArray[np.uint8], quality: NDArray[np.float64] | None, wanted: Sequence[Per]
    ) -> _Block:
        """Explain a few faces; the maps and the clipping flags are arrays of the model's context."""
        context = self.model.context
        run = device_gradients(self.model, faces, self.weights, dropout=self.dropout)
        if quality is None:
            quality = self._own_quality(faces, run)
        scale = context.upload(node_scale(context.fetch(run.embedding)[0], quality, self.weights))
        assert self.gamma is not None  # filled in above
        by = {}
        for per in wanted:
            contrast = None
            if per == "contrast":
                contrast = kernels.local_contrast(context.upload(faces), stream=context.stream)
            by[per] = kernels.pixel_quality(
                run.gradient, scale, contrast, gamma=self.gamma, clip=self.clip, stream=context.stream
            )
        own = by[self._per]
        return _Block(own.maps, tuple(by[per].saliency for per in wanted), quality, own.clipped)

    def _own_quality(self, faces: NDArray[np.uint8], run: Gradients) -> NDArray[np.float64]:
        none = np.empty((len(faces), 0, 0, 0), np.float32)
        extracted = Extracted(run.embedding, run.pre_dropout, none, self.model.context)
        scaled = self.method.score(self.model, faces, extracted).scaled
        if scaled is not None:
            return scaled
        missing = self.method.unscaled(self.model.spec) if isinstance(self.method, SerFiq) else None
        if missing is not None:
            why, cure = missing
            raise NotCalibratedError(
                f"there is no quality in [0, 1] to explain: {why}; {cure}, or give a quality of your own"
            )
        raise InvalidInputError(
            f"{self.method.name} gives no quality in [0, 1] to explain; scale it and give it as `quality`"
        )


def plq(
    model: Model,
    faces: NDArray[np.uint8],
    *,
    quality: Quality | NDArray[np.floating] | None = None,
    weights: Weights = "l1",
    gamma: float | None = None,
    clip: float | None = None,
    dropout: float = 0.5,
    per: Per | None = None,
    on_device: bool = False,
) -> PixelQuality:
    """Return the pixel-level quality of aligned faces.

    A quality node on the L2-normalised embedding e has the output ``M = Σ w_i e_i`` (Terhörst et al., Eq. 3). With g
    its gradient with respect to the raw intensities 0..255 (Eq. 4), w held constant,

    ``Ŝ = 1/3 Σ_c |g_c|,   P = 1 - 1 / (1 + 10^γ Ŝ²)``

    (Eq. 5 and 6). That is the effect of changing a pixel by one intensity: a darker or flatter picture of the same face has
    larger gradients. Per contrast, Ŝ is multiplied by the standard deviation of the grey intensity around the pixel
    (:func:`fiqx_trt.kernels.local_contrast`): the effect of changing it by as much as its surroundings vary. A high P means
    that the embedding depends on the pixel. The gradient is always float32, and a face's map depends on that face
    alone, bit for bit.

    Parameters
    ----------
    model
        A recognition model (:func:`fiqx_trt.load_model`).
    faces
        ``(N, H, W, 3)`` uint8 RGB, of the model's input size.
    quality
        ``(N,)`` quality Q̂ of each face, by any method, in [0, 1] for comparable maps; of a :class:`Quality` the
        scaled numbers are used. ``None``: SER-FIQ's Q̂, closed form.
    weights
        ``"l1"``: ``w_i = Q̂ / ‖e‖₁`` (Eq. 3). ``"sum"``: ``w_i = Q̂ / Σ e_i``, the authors' program; it
        gives Q̂ exactly, but divides by a number that is often near zero. ``"signed"``:
        ``w_i = Q̂ sign(e_i) / ‖e‖₁``; gives Q̂ exactly, with equal weights. ``"exact"``: no
        node, but the gradient of SER-FIQ's closed form in first order, ``-√(2t / (1 + t))``; Q̂ has no effect.
    gamma
        γ of Eq. 6, between -30 and 30. It belongs to a model, a weighting *and* ``per``: 7.5 (ArcFace) and 5.5 (FaceNet) of the
        paper belong to ``"sum"`` per intensity (:data:`fiqx_trt.PRESETS`). ``None``: the model's own.
    clip
        Largest Euclidean norm of g over all pixels and colours; a longer gradient is shortened to it, and the face marked.
        ``None`` (default): no clipping. Exploding gradients (T 8.3) occur with ``"sum"`` only: the factor of the other
        weightings is at most Q̂.
    dropout
        Dropout probability of ``"exact"``.
    per
        ``"intensity"``: the paper's definition. ``"contrast"``: Ŝ by the local contrast. ``None``: per contrast, but per
        intensity with a ``gamma`` given here, and for a model that has a γ per intensity only.
    on_device
        Keep the maps and the saliency on the model's GPU, as arrays that :class:`fiqx_trt.MapStatistics`, torch and CuPy read
        without a copy. Without a GPU they are NumPy arrays.

    Returns
    -------
    PixelQuality
        Where a face has no finite quality or the node no finite weight (an all-zero embedding), the map is 0 and the
        quality is unchanged. A picture of one colour has no contrast: per contrast its map is 0.

    Raises
    ------
    InvalidInputError
        The faces or an option are not as described.
    NotCalibratedError
        The model has no α and r and no quality was given; or no γ of this weighting and none was given.
    ModelError
        ``"exact"`` with a head that is not affine.

    Examples
    --------
    >>> import fiqx_trt as fx
    >>> with fx.load_model("dlib-resnet") as model:         # doctest: +SKIP
    ...     result = fx.plq(model, faces)                   # faces: uint8 (N, 150, 150, 3) RGB
    ...     result.maps.shape, result.maps.min() >= 0
    ((N, 150, 150), True)
    """
    return PlqExplainer(model, weights, gamma, clip, dropout, per=per)(faces, quality, on_device=on_device)


def node_scale(
    embedding: NDArray[np.floating], quality: NDArray[np.floating], weights: str
) -> NDArray[np.float64]:
    """Return the factor ``(N,)`` of the gradient of ``Σ e_i`` (``signed``: of ``Σ |e_i|``); 0 where it would not be finite.

    ``"l1"`` and ``"signed"``: ``Q̂ / ‖e‖₁``; ``"sum"``: ``Q̂ / Σ e_i``; ``"exact"``: 1, all of the normalised embedding.
    ``embedding`` is ``(N, D)`` before L2 normalisation, ``quality`` ``(N,)``.

    Examples
    --------
    >>> node_scale(np.array([[3.0, -4.0]]), np.array([0.7]), "l1")
    array([0.5])
    """
    if weights == "exact":
        return np.ones(len(embedding))
    e = np.asarray(embedding, np.float64)
    length = np.sqrt(np.square(e).sum(axis=1))
    total = e.sum(axis=1) if weights == "sum" else np.abs(e).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        scale = np.asarray(quality, np.float64) * length / total
    return np.where(np.isfinite(scale), scale, 0.0)


def _given_quality(quality: Quality | NDArray[np.floating], count: int) -> NDArray[np.float64]:
    if isinstance(quality, Quality):
        if quality.scaled is None:
            raise NotCalibratedError(
                "the given quality is not scaled; calibrate the model (`fiqx-trt calibrate`), or scale its raw numbers to "
                "[0, 1] and give those"
            )
        quality = quality.scaled
    numbers = np.asarray(quality)
    if numbers.shape != (count,) or numbers.dtype.kind not in "fiu":
        raise InvalidInputError(
            f"quality is {numbers.dtype} of shape {numbers.shape}; give one number per face, ({count},)"
        )
    return numbers.astype(np.float64)
