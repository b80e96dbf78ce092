"""torch: an ONNX graph interpreted with torch operators, on the CPU or on CUDA.

:class:`TorchGraph` is the differentiable callable; :class:`TorchSession` is the backend built on it.
"""

from __future__ import annotations

import torch

from fiqx_trt.runtime import gate, machine, tuning
from fiqx_trt.runtime.base import Session
from fiqx_trt.runtime.graph import Graph
from fiqx_trt.runtime.options import Options
from fiqx_trt.runtime.torch.interpreter import OPERATORS, TorchGraph
from fiqx_trt.runtime.torch.numerics import (
    arithmetic,
    exact_convolutions,
    forbid_reduced_sums,
    limited_threads,
)
from fiqx_trt.runtime.torch.session import TorchSession
from fiqx_trt.runtime.torch.sizes import CUDA_BATCH, offer_sizes

__all__ = [
    "OPERATORS",
    "TorchGraph",
    "TorchSession",
    "arithmetic",
    "exact_convolutions",
    "forbid_reduced_sums",
    "limited_threads",
    "open_graph",
    "unavailable",
]


def unavailable(device: str) -> str | None:
    """Return why this backend cannot run on a device, or None when it can."""
    if device == "cpu":
        return None
    missing = machine.cuda_missing()
    if missing is not None:
        return missing
    if not torch.cuda.is_available():
        return "the installed torch is built without CUDA, or for another driver"
    index = torch.device(device).index or 0
    count = torch.cuda.device_count()
    return None if index < count else f"there is no CUDA device {index}; this machine has {count}"


def open_graph(graph: Graph, options: Options) -> Session:
    """Open a graph with the precision and the native batch that suit the device."""

    def open_with(precision: str, choice: tuning.Choice = tuning.REFERENCE) -> TorchSession:
        rows = graph.static_batch or choice.batch
        return TorchSession(
            graph, device=options.device, precision=precision, batch=rows, threads=options.threads
        )

    key = _key(graph, options)
    precision, reason = options.precision, f"{options.precision}: requested"
    if precision == "auto":
        cpu = options.device == "cpu"
        why = "half precision is not faster than fp32 in torch on a processor" if cpu else None
        precision, reason = gate.choose("fp16", open_with, options.probe, key, refused=why)

    def open_at(choice: tuning.Choice) -> TorchSession:
        return open_with(precision, choice)

    if graph.free_shape:
        session, batch_reason = open_at(tuning.REFERENCE), "batch 1: the input's shape is free"
    elif options.device == "cpu":
        groups = tuning.levels(1, options.max_batch, graph.static_batch)
        measured, batch_reason = tuning.tuned((*key, precision), open_at, groups, graph.inputs)
        session = open_at(measured.choice)
    else:
        batch = options.gpu_batch(CUDA_BATCH)
        session, batch_reason = tuning.batch_invariant_session(open_at, graph, batch)
        if graph.static_batch is None:
            limit = options.max_batch if session.batch == batch else session.batch
            batch_reason = f"{batch_reason}; {offer_sizes(session, limit)}"
    session.notes = (reason, batch_reason, *session.notes)
    return session


def _key(graph: Graph, options: Options) -> tuple[object, ...]:
    cpu = options.device == "cpu"
    name = machine.cpu_signature() if cpu else torch.cuda.get_device_name(torch.device(options.device))
    threads = options.threads or machine.cpu_count()
    return ("torch", torch.__version__, name, graph.digest, threads, options.max_batch)
