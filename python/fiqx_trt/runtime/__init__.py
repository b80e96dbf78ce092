"""Running ONNX graphs: one session type over several inference engines.

:func:`open_session` opens a graph on a backend by name, or on the first of :data:`AUTO` that works here.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from fiqx_trt.errors import (
    BackendError,
    BackendUnavailableError,
    FiqxError,
    InvalidInputError,
    ModelError,
    PluginError,
    reraise_interruption,
)
from fiqx_trt.registry import Registry
from fiqx_trt.runtime.base import Feeds, Session, TensorInfo, first_line
from fiqx_trt.runtime.graph import Graph, read_graph
from fiqx_trt.runtime.machine import cuda_missing
from fiqx_trt.runtime.options import PRECISIONS, Options
from fiqx_trt.runtime.turns import before_the_end

if TYPE_CHECKING:
    import onnx

__all__ = ["AUTO", "BACKENDS", "Session", "TensorInfo", "available_backends", "open_session"]

logger = logging.getLogger(__name__)

#: Name → module with ``unavailable(device) -> str | None`` and ``open_graph(graph, options) -> Session``. A module is
#: imported when it is used.
BACKENDS = Registry(
    "backend",
    "fiqx_trt.backends",
    {
        "tensorrt": "fiqx_trt.runtime.tensorrt",
        "torch": "fiqx_trt.runtime.torch",
        "openvino": "fiqx_trt.runtime.openvino",
        "onnxruntime": "fiqx_trt.runtime.onnxruntime",
    },
    required=("unavailable", "open_graph"),
    reserved=("auto",),
    also="auto",
)
# What `backend="auto"` tries, in this order; on device="cuda" ONNX Runtime stands in its place there too.
AUTO = (
    ("tensorrt", "cuda"),
    ("torch", "cuda"),
    ("openvino", "cpu"),
    ("onnxruntime", "cpu"),
    ("torch", "cpu"),
)
AUTO_CUDA = (("tensorrt", "cuda"), ("torch", "cuda"), ("onnxruntime", "cuda"))


def open_session(
    model: Path | str | bytes | onnx.ModelProto,
    *,
    backend: str = "auto",
    precision: str = "auto",
    device: str = "auto",
    max_batch: int | None = None,
    threads: int | None = None,
    probe: Feeds | None = None,
    rows: int | None = None,
) -> Session:
    """Open an ONNX graph for running.

    Parameters
    ----------
    model
        Path of an ``.onnx`` file, its bytes, or a ModelProto.
    backend
        A name of :data:`BACKENDS`, or ``"auto"`` for the first of :data:`AUTO` that works. ``session.notes``
        lists the others with the reason.
    precision
        ``"fp32"``, ``"bf16"``, ``"fp16"``, or ``"auto"``: the fastest that this machine has instructions for
        and that passes the parity gate on `probe`; without a probe, one that needs no gate.
    device
        ``"cpu"``, ``"cuda"``, ``"cuda:1"`` …, or ``"auto"``.
    max_batch
        Largest number of rows of one native run, or None for the backend's choice. It limits memory;
        :meth:`Session.run` still takes any number of rows.
    threads
        Processor threads, or None for all.
    probe
        A few real rows, as for :meth:`Session.run`, for the parity gate of ``precision="auto"``.
    rows
        Number of rows that mostly come together, or None. A GPU makes its native runs for so many, within `max_batch`.

    Raises
    ------
    InvalidInputError
        An argument is none of the allowed values.
    ModelError
        The file is no usable ONNX graph, or no backend can open it.
    BackendUnavailableError
        The requested backend, device or precision is not on this machine.

    Examples
    --------
    >>> import numpy as np
    >>> from onnx import TensorProto, helper
    >>> row = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", 2]) for n in ("x", "y")]
    >>> graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "tiny", row[:1], row[1:])
    >>> model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    >>> with open_session(model, backend="openvino", max_batch=1) as session:
    ...     session.run({"x": np.array([[-1, 2]], np.float32)})["y"]
    array([[0., 2.]], dtype=float32)
    """
    _check(backend, precision, device, {"max_batch": max_batch, "threads": threads, "rows": rows})
    graph = read_graph(model)

    def options(on: str) -> Options:
        return Options(on, precision, max_batch, threads, probe, rows)

    with before_the_end():
        if backend != "auto":
            return _open_named(backend, graph, device, options)
        return _open_first(graph, device, options)


def available_backends() -> list[tuple[str, bool, str]]:
    """Return every backend's name, whether it runs here, and where it runs or why it does not.

    Imports each installed one.
    """
    rows = []
    for name in BACKENDS:
        reasons = {device: _unavailable(name, device) for device in ("cuda", "cpu")}
        devices = [device for device, reason in reasons.items() if reason is None]
        description = (
            "on " + " and ".join(devices)
            if devices
            else reasons["cuda"]
            if name == "tensorrt"
            else reasons["cpu"]
        )
        rows.append((name, bool(devices), str(description)))
    return rows


def _check(backend: str, precision: str, device: str, counts: Mapping[str, int | None]) -> None:
    if backend != "auto" and backend not in BACKENDS.builtin:
        BACKENDS.load(backend)
    if precision not in PRECISIONS:
        raise InvalidInputError(f"precision '{precision}' is unknown; give one of {', '.join(PRECISIONS)}")
    kind, colon, index = device.partition(":")
    if device not in ("auto", "cpu", "cuda") and not (kind == "cuda" and colon and index.isdecimal()):
        raise InvalidInputError(
            f"device '{device}' is unknown; give auto, cpu, cuda, or cuda:1 for the second GPU"
        )
    for name, value in counts.items():
        if value is not None and value < 1:
            raise InvalidInputError(f"{name} is {value}; give 1 or more, or None to leave it to the backend")


def _open_named(backend: str, graph: Graph, device: str, options: Callable[[str], Options]) -> Session:
    devices = [device] if device != "auto" else ["cuda", "cpu"]
    reasons = {one: _unavailable(backend, one) for one in devices}
    for one, reason in reasons.items():
        if reason is None:
            with BACKENDS.calling(backend):
                session: Session = BACKENDS.load(backend).open_graph(graph, options(one))
            return session
    problems = "; ".join(dict.fromkeys(str(reason) for reason in reasons.values()))
    usable = ", ".join(f"{name} {reason}" for name, available, reason in available_backends() if available)
    request = f"backend '{backend}'" + (f" on device '{device}'" if device != "auto" else "")
    raise BackendUnavailableError(f"{request} cannot be used: {problems}. Usable here: {usable or 'none'}")


def _open_first(graph: Graph, device: str, options: Callable[[str], Options]) -> Session:
    skipped: list[str] = []
    refusals: list[FiqxError] = []
    for name, kind in _candidates(device):
        one = device if device.startswith("cuda") else kind
        reason = _unavailable(name, one)
        if reason is None:
            try:
                session: Session = BACKENDS.load(name).open_graph(graph, options(one))
            except (BackendError, ModelError) as error:
                refusals.append(error)
                reason = str(error)
            else:
                session.notes = (*skipped, *session.notes)
                return session
        skipped.append(f"{name} on {one} skipped: {reason}")
        _say_once(skipped[-1])
    problems = "; ".join(skipped)
    if refusals and all(isinstance(error, ModelError) for error in refusals):
        raise ModelError(f"no backend can open {graph.label}: {problems}")
    raise BackendUnavailableError(f"no backend can run {graph.label} as requested: {problems}")


def _candidates(device: str) -> list[tuple[str, str]]:
    if device.startswith("cuda"):
        return list(AUTO_CUDA)
    return [(name, kind) for name, kind in AUTO if device in ("auto", kind)]


def _unavailable(name: str, device: str) -> str | None:
    """Return why a backend cannot run on a device; imports it only where the device exists."""
    missing = cuda_missing() if device.startswith("cuda") else None
    if missing is not None:
        return missing
    if name not in BACKENDS.builtin:
        return _extension_unavailable(name, device)
    try:
        reason: str | None = BACKENDS.load(name).unavailable(device)
    except ImportError as error:
        reraise_interruption(error)
        extra = "" if name == "openvino" else f"[{name}]"
        return f"{first_line(error)} (cure: python -m pip install 'fiqx-trt{extra}')"
    return reason


def _extension_unavailable(name: str, device: str) -> str | None:
    """Return why another package's backend cannot run on a device; whatever it raises is a reason."""
    try:
        reason: str | None = BACKENDS.load(name).unavailable(device)
    except PluginError as error:
        return str(error)
    except Exception as error:
        return f"its unavailable({device!r}) failed: {type(error).__name__}: {first_line(error)}"
    return reason


@functools.cache
def _say_once(text: str) -> None:
    logger.info("%s", text)
