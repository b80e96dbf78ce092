"""The gradient session by torch's autograd, for networks with an operator whose gradient is not implemented."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from fiqx_trt.errors import InferenceError
from fiqx_trt.onnx_export.graphs.split import with_outputs
from fiqx_trt.runtime.base import Chunk, Session, TensorInfo, first_line
from fiqx_trt.runtime.torch import TorchGraph, exact_convolutions, limited_threads

if TYPE_CHECKING:
    import onnx

    from fiqx_trt.models.spec import ModelSpec

__all__ = ["TorchGradientSession"]

#: Keeps the length of an all-zero embedding, and the distance of a head without noise, away from zero.
TINY = 1e-12


class TorchGradientSession(Session):
    """Forward and backward through torch's autograd, with the inputs and outputs of the compiled gradient graph.

    A native run has one row and one thread, so a face's gradient depends neither on its neighbours nor on the number of
    processors. It differs from the compiled graph by up to 1 % of the gradient's norm in float32 (measured 2e-6 … 1e-2), since a
    gradient jumps where a ReLU's input changes sign; in float64 both are the same to rounding.

    Parameters
    ----------
    network
        A recognition network with normalised pixels as input.
    spec
        Its contract.
    weights
        ``"l1"``: gradient of ``Σ e_i``; ``"signed"``: of ``Σ |e_i|``; ``"exact"``: of ``-d̄``.
    dropout
        Dropout probability of ``"exact"``.
    column_norms
        ``(F,)`` squared norms of the head's columns, for ``"exact"``.
    device
        ``"cpu"``, ``"cuda"`` …; the CPU for any device that torch does not have.
    dtype
        dtype of the arithmetic.
    """

    def __init__(
        self,
        network: onnx.ModelProto,
        spec: ModelSpec,
        *,
        weights: Literal["l1", "signed", "exact"],
        dropout: float = 0.5,
        column_norms: NDArray[np.float64] | None = None,
        device: str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        taps = list(dict.fromkeys((spec.embedding, spec.pre_dropout)))
        self._graph: TorchGraph | None = TorchGraph(with_outputs(network, taps), device=device, dtype=dtype)
        self._spec = spec
        self._weights = weights
        placement = {"device": self._graph.device, "dtype": dtype}
        self._mean, self._std = (
            torch.tensor(values, **placement).reshape(1, -1, 1, 1) for values in (spec.mean, spec.std)
        )
        noise = dropout / (1.0 - dropout)
        self._share = None if column_norms is None else torch.tensor(noise * column_norms, **placement)
        pixels = (None, len(spec.mean), *spec.input_size)
        e, h = self._taps(torch.zeros((1, *pixels[1:]), **placement))
        kind = np.dtype(np.float64 if dtype == torch.float64 else np.float32)
        super().__init__(
            backend="torch",
            device=str(self._graph.device),
            precision="fp32",
            batch=1,
            inputs=[TensorInfo("image", pixels, kind)],
            outputs=[
                TensorInfo("embedding", (None, e.shape[1]), kind),
                TensorInfo("pre_dropout", (None, h.shape[1]), kind),
                TensorInfo("gradient", pixels, kind),
            ],
            notes=("torch's autograd: the gradient of an operator is not implemented",),
        )

    def _run(self, chunks: Sequence[Chunk]) -> list[Chunk]:
        # One thread: torch divides a row's gradient over its threads, and adds the parts up in another order.
        with limited_threads(1), exact_convolutions():
            return [self._one(chunk["image"]) for chunk in chunks]

    def _one(self, image: NDArray[Any]) -> Chunk:
        pixels = torch.tensor(image, device=self._mean.device, dtype=self._mean.dtype, requires_grad=True)
        e, h = self._taps(pixels)
        try:
            (gradient,) = torch.autograd.grad(self._value(e, h).sum(), [pixels])
        except RuntimeError as error:
            raise InferenceError(
                f"torch cannot differentiate {self._spec.name}: {first_line(error)}"
            ) from error
        tensors = {"embedding": e, "pre_dropout": h, "gradient": gradient}
        return {name: value.detach().cpu().numpy() for name, value in tensors.items()}

    def _taps(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return embedding and pre-dropout vector, one row per face."""
        assert self._graph is not None
        taps = self._graph({self._spec.image: (pixels - self._mean) / self._std})
        rows = [
            taps[name].reshape(len(pixels), -1) for name in (self._spec.embedding, self._spec.pre_dropout)
        ]
        return rows[0], rows[1]

    def _value(self, e: torch.Tensor, h: torch.Tensor) -> torch.Tensor:
        """Return the number to differentiate, per face."""
        length = torch.linalg.vector_norm(e, dim=1, keepdim=True).clamp_min(TINY)
        if self._share is None:
            unit = e / length
            return (unit * torch.sign(unit.detach()) if self._weights == "signed" else unit).sum(dim=1)
        t = (h.square() * self._share).sum(dim=1) / length[:, 0].square()
        # A root has no gradient at 0; a head without any noise has none either.
        return -torch.sqrt((2.0 * t / (1.0 + t)).clamp_min(TINY**2))

    def _close(self) -> None:
        self._graph = None
