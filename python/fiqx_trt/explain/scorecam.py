"""Score-CAM: activation maps whose channel weights are the scores of the masked face.

Wang et al., "Score-CAM: Score-Weighted Visual Explanations for Convolutional Neural Networks", CVPR Workshops 2020, for an
embedding instead of class scores, as in Fu & Damer, sections 3 and 4.4. The definition is in :mod:`fiqx_trt.explain.recipe`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.explain.channels import Channels
from fiqx_trt.explain.finish import finish, uniform_correlation
from fiqx_trt.explain.network import CamNetwork
from fiqx_trt.explain.recipe import Recipe, recipe
from fiqx_trt.explain.result import ScoreCam
from fiqx_trt.explain.scores import MaskScorer, channel_weights, effective_channels
from fiqx_trt.kernels import Array
from fiqx_trt.runtime.device_context import HOST

if TYPE_CHECKING:
    from fiqx_trt.models.model import Model

__all__ = ["scorecam", "scorecam_details"]

Doubles = NDArray[np.float64]
#: Called with the number of masked faces done and of all masked faces.
Progress = Callable[[int, int], None]
#: Bytes of activations that exist at one time; more faces than that are worked off in groups.
GROUP_BYTES = 32 << 20


def scorecam(
    model: Model,
    faces: NDArray[np.uint8],
    *,
    target: str | None = None,
    weights: str | None = None,
    preset: str | None = None,
    align_corners: bool | None = None,
    layer: str | None = None,
    reference: NDArray[np.floating] | None = None,
    progress: Progress | None = None,
    on_device: bool = False,
) -> Array:
    """Return the Score-CAM maps of aligned faces.

    Channel k of a layer, upsampled to the face and scaled to [0, 1], masks the normalised face. The score of the masked face
    is the weight of the channel: ``scale(relu(Σ_k w_k A_k))``.

    Parameters
    ----------
    model
        A recognition model (:func:`fiqx_trt.load_model`).
    faces
        ``(N, H, W, 3)`` uint8 RGB, of the model's input size.
    target
        ``"self"`` (default): cosine of the masked face to the face itself. ``"reference"``: to another embedding.
        ``"argmax"``, ``"norm"``, ``"logit"``: see :class:`fiqx_trt.explain.recipe.Recipe`.
    weights
        ``"score"`` (default), ``"softmax"``, ``"increase"``, or ``"uniform"``, which needs no masked passes.
    preset
        Another program's definition: ``"scorecam-author"``, ``"pytorch-grad-cam"``, ``"torchcam"`` or ``"fu-damer"``; a
        given target or weights replace the preset's.
    align_corners
        Upsample the masks with joined corner centres, as some programs do.
    layer
        Name of a tensor ``(N, C, h, w)`` in the graph; default: the model's ``features`` tap.
    reference
        ``(D,)`` or ``(N, D)`` embeddings of any norm, for ``target="reference"``.
    progress
        Called with the number of masked faces done (on a GPU: queued) and of all masked faces, after each window.
    on_device
        Keep the maps on the model's GPU, as an array that :class:`fiqx_trt.MapStatistics`, torch and CuPy read without a copy.
        Without a GPU they are a NumPy array.

    Returns
    -------
    ndarray
        ``(N, H, W)`` float32 in [0, 1]. A face's map does not depend on the other faces, bit for bit. A map without
        contrast is zero (:attr:`fiqx_trt.explain.result.ScoreCam.flat`).

    Raises
    ------
    InvalidInputError
        The faces, an option or the reference are not as described.
    ModelError
        The layer is not in the graph, or not of rank 4.
    """
    return scorecam_details(
        model,
        faces,
        target=target,
        weights=weights,
        preset=preset,
        align_corners=align_corners,
        layer=layer,
        reference=reference,
        progress=progress,
        on_device=on_device,
    ).maps


def scorecam_details(
    model: Model,
    faces: NDArray[np.uint8],
    *,
    target: str | None = None,
    weights: str | None = None,
    preset: str | None = None,
    align_corners: bool | None = None,
    layer: str | None = None,
    reference: NDArray[np.floating] | None = None,
    progress: Progress | None = None,
    on_device: bool = False,
) -> ScoreCam:
    """Return Score-CAM maps with their scores, weights and grids; the parameters are those of :func:`scorecam`."""
    chosen = recipe(preset, target=target, weights=weights, align_corners=align_corners)
    references = _references(chosen, reference, len(faces))
    network = CamNetwork(model, layer)
    step = max(1, GROUP_BYTES // network.activation_bytes)
    parts = []
    for start in range(0, max(len(faces), 1), step):  # no faces make one empty group
        group = slice(start, start + step)
        against = None if references is None else references[group]
        parts.append(_group(network, chosen, faces[group], against, progress, on_device))
    context = network.context if on_device else HOST
    maps = context.concatenate([part.maps for part in parts])
    context.wait()
    return ScoreCam.joined(parts, maps)


def _references(chosen: Recipe, reference: NDArray[np.floating] | None, count: int) -> Doubles | None:
    if (reference is None) == (chosen.target == "reference"):
        raise InvalidInputError(
            "target='reference' and a reference belong together: give the embedding to compare with, or another target"
        )
    if reference is None:
        return None
    embeddings = np.asarray(reference, np.float64)
    if (
        embeddings.ndim not in (1, 2)
        or (embeddings.ndim == 2 and len(embeddings) != count)
        or not np.isfinite(embeddings).all()
    ):
        raise InvalidInputError(
            f"the reference has shape {embeddings.shape}; give finite embeddings of shape (D,), or ({count}, D): one per face"
        )
    return np.broadcast_to(embeddings, (count, embeddings.shape[-1]))


def _group(
    network: CamNetwork,
    chosen: Recipe,
    faces: NDArray[np.uint8],
    reference: Doubles | None,
    progress: Progress | None,
    on_device: bool,
) -> ScoreCam:
    context = network.context
    inputs, activations, own = network.extract(faces)
    _check_width(reference, own)
    channels = Channels(chosen, activations, network.size, context)
    scorer = MaskScorer(chosen.target, own, None if reference is None else context.upload(reference), context)
    scores = np.full(channels.contrast.shape, np.nan)
    passes = 0
    if chosen.weights != "uniform":
        passes = network.run_masked(channels, inputs, scorer, scores, progress)
    zeros = np.full(len(faces), np.nan)
    if chosen.weights == "increase" or chosen.constant == "zero":
        index = context.upload(np.arange(len(faces)))
        (zeros,) = context.fetch(scorer(network.zero_embedding(len(faces)), index))
    weights = np.zeros_like(scores)
    for i in range(len(faces)):
        weights[i] = channel_weights(chosen, scores[i], channels.contrast[i], float(zeros[i]))
    return _packed(channels, scores, weights, passes, on_device)


def _check_width(reference: Doubles | None, own: Array) -> None:
    if reference is not None and reference.shape[1] != own.shape[1]:
        raise InvalidInputError(
            f"the reference has {reference.shape[1]} numbers and this model's embeddings have {own.shape[1]}; give an "
            "embedding of the same model"
        )


def _packed(channels: Channels, scores: Doubles, weights: Doubles, passes: int, on_device: bool) -> ScoreCam:
    """Finish and collect the maps of a group."""
    finished = finish(channels, weights, on_device=on_device)
    return ScoreCam(
        maps=finished.maps,
        grids=finished.grids,
        low=finished.low,
        high=finished.high,
        flat=finished.flat,
        scores=scores,
        weights=weights,
        effective_channels=effective_channels(weights),
        uniform_correlation=uniform_correlation(channels, finished.grids),
        passes=passes,
        recipe=channels.recipe,
    )
