"""How detectors open their networks."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from fiqx_trt.runtime import Session, open_session
from fiqx_trt.runtime.lanes import Lanes
from fiqx_trt.runtime.machine import cpu_count

if TYPE_CHECKING:
    import onnx

__all__ = ["open_lanes"]


def open_lanes(
    model: onnx.ModelProto, *, backend: str, max_batch: int, threads: int | None, first: str = "auto"
) -> Lanes:
    """Open a detector's network in up to `threads` sessions of one thread, None for one per processor.

    On the processor, unless another backend than ``"auto"`` is given: such networks are too small to gain from a GPU,
    which the recogniser needs more. `first` is the backend that ``"auto"`` takes where its package is installed.
    """
    if backend == "auto" and first != "auto" and importlib.util.find_spec(first) is not None:
        backend, device = first, "cpu"
    else:
        device = "cpu" if backend == "auto" else "auto"

    def open_one() -> Session:
        return open_session(
            model, backend=backend, device=device, precision="fp32", max_batch=max_batch, threads=1
        )

    return Lanes(open_one, threads or cpu_count())
