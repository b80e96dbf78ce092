"""TensorRT on NVIDIA GPUs: engines built from the ONNX file, kept, checked each time they are loaded.

Nothing of TensorRT is touched before the driver has been asked (:mod:`.probe`); versions 10.13 to 11 run through
one code path (:mod:`.compat`). fp16 is written into the ONNX file (:mod:`fiqx_trt.onnx_export.graphs.half`).
"""

from __future__ import annotations

from fiqx_trt.errors import BackendError, ModelError
from fiqx_trt.runtime.base import Session, first_line
from fiqx_trt.runtime.graph import Graph
from fiqx_trt.runtime.options import Options
from fiqx_trt.runtime.tensorrt import probe
from fiqx_trt.runtime.tensorrt.opening import Opener
from fiqx_trt.runtime.tensorrt.session import DeviceTensor, TensorRtSession

__all__ = ["DeviceTensor", "TensorRtSession", "open_graph", "unavailable"]


def unavailable(device: str) -> str | None:
    """Return why this backend cannot run on a device, or None when it can."""
    return probe.missing(device)


def open_graph(graph: Graph, options: Options) -> Session:
    """Open a graph as an engine: from the cache, or built now."""
    try:
        return Opener(graph, options).open()
    except (BackendError, ModelError):
        raise
    except Exception as error:  # ours, pycuda's, torch's and pybind11's errors share no base class
        raise BackendError(f"TensorRT failed while opening {graph.label}: {first_line(error)}") from error
