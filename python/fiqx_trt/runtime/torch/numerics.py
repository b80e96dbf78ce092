"""What torch computes with: the graph and dtype of a device and precision, and torch's own settings for exact sums."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch

from fiqx_trt.errors import ModelError

if TYPE_CHECKING:
    import onnx

__all__ = ["arithmetic", "exact_convolutions", "forbid_reduced_sums", "limited_threads"]

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@contextlib.contextmanager
def limited_threads(count: int | None) -> Iterator[None]:
    """Return a context in which torch uses so many threads; None: torch's own setting."""
    before = torch.get_num_threads()
    try:
        if count is not None:
            torch.set_num_threads(count)
        yield
    finally:
        if count is not None:
            torch.set_num_threads(before)


def exact_convolutions() -> contextlib.AbstractContextManager[None]:
    """Return a context with full float32 and deterministic algorithms in cuDNN; by default it has neither."""
    context: contextlib.AbstractContextManager[None] = torch.backends.cudnn.flags(
        enabled=True, benchmark=False, deterministic=True, allow_tf32=False
    )
    return context


def arithmetic(model: onnx.ModelProto, device: str, precision: str) -> tuple[onnx.ModelProto, torch.dtype]:
    """Return the graph that a device runs in a precision, and the dtype that its float32 tensors get.

    On a GPU batch norms are folded in float64, before any rounding, into the convolutions before and after them, and in
    fp16 the sensitive operators stay in float32, as in the graph that TensorRT gets. A processor gets the graph as it is.
    """
    from fiqx_trt.onnx_export.graphs.fold import fold_batch_norms
    from fiqx_trt.onnx_export.graphs.fold_ahead import fold_batch_norms_ahead
    from fiqx_trt.onnx_export.graphs.half import to_half

    if device == "cpu":
        return model, DTYPES[precision]
    folded = fold_batch_norms_ahead(fold_batch_norms(model))
    if precision == "fp16":
        # A graph that cannot be written in half precision is rounded as a whole.
        with contextlib.suppress(ModelError):
            return to_half(folded), torch.float32
    return folded, DTYPES[precision]


def forbid_reduced_sums() -> None:
    """Make matrix products of half precision on CUDA add in float32, for the whole process.

    By default cuBLAS may split a long product and add the parts in half precision; then accuracy, and whether a row's bits
    depend on its position, are its choice. The setting is one per process, so it is made once and never changed back.
    """
    products = torch.backends.cuda.matmul
    products.allow_fp16_reduced_precision_reduction = False
    products.allow_bf16_reduced_precision_reduction = False
