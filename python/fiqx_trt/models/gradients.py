"""The gradient of a face's quality with respect to its raw pixels: one run of one compiled graph per face."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import DependencyError, InvalidInputError, ModelError
from fiqx_trt.kernels import Array
from fiqx_trt.onnx_export.graphs.gradient import build_gradient
from fiqx_trt.onnx_export.graphs.taps import TapNames

if TYPE_CHECKING:
    import onnx

    from fiqx_trt.models.model import Model
    from fiqx_trt.runtime.base import Session

__all__ = ["WEIGHTS", "Gradients", "Weights", "device_gradients", "gradients", "open_gradient"]

logger = logging.getLogger(__name__)

Weights = Literal["l1", "sum", "signed", "exact"]
#: Every weighting of the quality node, and the graph whose gradient it needs: `sum` differs from `l1` by a factor per face.
WEIGHTS: dict[str, Literal["l1", "signed", "exact"]] = {
    "l1": "l1",
    "sum": "l1",
    "signed": "signed",
    "exact": "exact",
}
#: Red, green and blue in the luma that a grey network reads (ITU-R BT.601), as :func:`fiqx_trt.kernels.face_input` has them.
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True)
class Gradients:
    """Result of one run of the gradient graph on N faces.

    Parameters
    ----------
    embedding
        ``(N, D)`` float32, before L2 normalisation.
    pre_dropout
        ``(N, F)`` float32, the first vector from which everything up to the embedding is affine.
    gradient
        ``(N, 3, H, W)`` float32 per unit of raw intensity 0..255, channels in the network's order.
    """

    embedding: Array
    pre_dropout: Array
    gradient: Array


def check_weights(weights: str) -> None:
    """Raise InvalidInputError for an unknown weighting."""
    if weights not in WEIGHTS:
        raise InvalidInputError(f"weights is {weights!r}; choose one of {', '.join(WEIGHTS)}")


def open_gradient(model: Model, weights: str, *, dropout: float = 0.5) -> Session:
    """Return the session of a model's gradient graph, opened once per model.

    It runs in float32 on the model's backend and device: gradients of a piecewise-linear network in bf16 have errors of 25 %.

    Parameters
    ----------
    model
        A recognition model.
    weights
        ``"l1"`` and ``"sum"``: gradient of ``Σ e_i``; ``"signed"``: of ``Σ |e_i|``, both of the L2-normalised embedding;
        ``"exact"``: of ``-√(2t/(1+t))``, the closed form's distance in first order.
    dropout
        Dropout probability of ``"exact"``.

    Returns
    -------
    Session
        Input ``image`` ``(N, C, H, W)`` float32, raw intensities in the network's colour order. Outputs ``embedding``,
        ``pre_dropout``, ``gradient``. Where the gradient of an operator is not implemented, torch's automatic
        differentiation is used, with a warning.

    Raises
    ------
    InvalidInputError
        The weighting does not exist.
    ModelError
        For ``"exact"``: the head is not affine.
    DependencyError
        The gradient of an operator is not implemented, and torch is not installed.
    """
    check_weights(weights)
    graph = WEIGHTS[weights]
    if graph == "exact":
        model.head_column_norms  # noqa: B018 -- says why the head is not affine, where it is not
    key = f"gradient {graph} p={dropout}" if graph == "exact" else f"gradient {graph}"
    return model.derived(key, lambda network: _compile(model, network, graph, dropout))


def _compile(
    model: Model, network: onnx.ModelProto, weights: Literal["l1", "signed", "exact"], dropout: float
) -> onnx.ModelProto | Session:
    spec = model.spec
    taps = TapNames(spec.image, spec.embedding, spec.pre_dropout, spec.features)
    try:
        return build_gradient(network, taps, mean=spec.mean, std=spec.std, weights=weights, dropout=dropout)
    except ModelError as error:
        reason = str(error)
    try:
        from fiqx_trt.models.torch_gradients import TorchGradientSession
    except ImportError as error:
        raise DependencyError(
            f"{spec.name}: {reason}. torch could differentiate it, but is not installed: "
            'python -m pip install "fiqx-trt[torch]"'
        ) from error
    norms = model.head_column_norms if weights == "exact" else None
    try:
        session = TorchGradientSession(
            network, spec, weights=weights, dropout=dropout, column_norms=norms, device=model.device
        )
    except ModelError as error:
        raise ModelError(
            f"{spec.name}: {reason}; torch, which then differentiates, does not know all of its operators either. Export "
            "the network without that operator"
        ) from error
    logger.warning("%s: %s. torch's autograd is used instead, several times slower", spec.name, reason)
    return session


def gradients(
    model: Model, faces: NDArray[np.uint8], weights: str = "l1", *, dropout: float = 0.5
) -> Gradients:
    """Return embedding, pre-dropout vector and the gradient of the quality node of aligned faces.

    Parameters
    ----------
    model
        A recognition model.
    faces
        ``(N, H, W, 3)`` uint8 RGB, of the model's input size.
    weights, dropout
        As in :func:`open_gradient`. The factor per face (:func:`fiqx_trt.explain.plq.node_scale`) is not applied.

    Raises
    ------
    InvalidInputError
        The faces or the weighting are not as described.
    """
    run = device_gradients(model, faces, weights, dropout=dropout)
    return Gradients(*model.context.fetch(run.embedding, run.pre_dropout, run.gradient))


def device_gradients(
    model: Model, faces: NDArray[np.uint8], weights: str = "l1", *, dropout: float = 0.5
) -> Gradients:
    """Return the result of :func:`gradients` as arrays of the model's context."""
    session = open_gradient(model, weights, dropout=dropout)
    outputs = model.context.run(session, {"image": model.input(faces, raw=True)})
    gradient = outputs["gradient"]
    if (
        model.spec.color == "gray"
    ):  # the chain rule through the luma, on the host, the context of gray networks
        gradient = gradient.sum(axis=1, keepdims=True) * LUMA[:, np.newaxis, np.newaxis]
    return Gradients(outputs["embedding"], outputs["pre_dropout"], gradient)
