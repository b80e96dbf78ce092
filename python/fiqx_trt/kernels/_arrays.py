"""What the typed functions share."""

from __future__ import annotations

import sys
from typing import Any, TypeAlias

__all__ = ["Array", "stream_of"]

#: A NumPy array or any array with ``__cuda_array_interface__``.
Array: TypeAlias = Any


def stream_of(array: Array, stream: int | None) -> int | None:
    """Torch's interface names no stream: ask torch, if this is one of its tensors, for the current one."""
    torch = sys.modules.get("torch")
    if stream is None and torch is not None and isinstance(array, torch.Tensor) and array.is_cuda:
        return int(torch.cuda.current_stream(array.device).cuda_stream)
    return stream
