"""Write a recogniser as an ONNX file with its sidecar."""

from __future__ import annotations

import hashlib
import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.files import write_atomic
from fiqx_trt.models.infer import infer_spec
from fiqx_trt.models.known import entry_fields, known_file
from fiqx_trt.models.spec import ModelSpec, sidecar_path
from fiqx_trt.onnx_export.architectures import ARCHITECTURES
from fiqx_trt.onnx_export.graphs.reading import read_model
from fiqx_trt.zoo import known

if TYPE_CHECKING:
    import onnx

__all__ = ["CONTRACTS", "export_model"]

_ARCFACE: dict[str, Any] = {"mean": (127.5,) * 3, "std": (127.5,) * 3, "color": "rgb", "template": "arcface"}
#: Input contract of each architecture, as its own training program feeds it.
CONTRACTS: dict[str, dict[str, Any]] = {
    "iresnet": {**_ARCFACE, "input_size": (112, 112)},
    "mobilefacenet": {**_ARCFACE, "input_size": (112, 112)},
    # facenet-pytorch: (x - 127.5) / 128
    "inception-resnet-v1": {
        "mean": (127.5,) * 3,
        "std": (128.0,) * 3,
        "color": "rgb",
        "template": "facenet",
        "input_size": (160, 160),
    },
}


def export_model(name: str, out: Path, *, weights: Path | None = None, seed: int | None = None) -> ModelSpec:
    """Write an architecture with the given weights, or a known model, as an ONNX file with its sidecar.

    Parameters
    ----------
    name
        A known model (:func:`fiqx_trt.zoo.models`), or a key of
        :data:`fiqx_trt.onnx_export.architectures.ARCHITECTURES`; with weights or a seed the latter.
    out
        The ONNX file; its folder exists.
    weights
        A PyTorch state dict; it is read without unpickling.
    seed
        Seed of random weights, for tests.

    Raises
    ------
    InvalidInputError
        The name is unknown, or neither weights nor a seed were given.
    ModelError
        The state dict does not fit the architecture.
    """
    entry = known(name)
    if entry is not None and weights is None and seed is None:
        data, fields = read_model(known_file(entry)[0]).SerializeToString(), entry_fields(entry)
    else:
        data, fields = _architecture(name, weights, seed)
    write_atomic(out, data)
    spec = infer_spec(read_model(data), fields, path=out, sha256=hashlib.sha256(data).hexdigest())
    spec.save(sidecar_path(out))
    return spec


def _architecture(name: str, weights: Path | None, seed: int | None) -> tuple[bytes, dict[str, Any]]:
    if name not in ARCHITECTURES:
        if known(name) is not None:
            raise InvalidInputError(f"{name} has its own weights; remove --weights and --random-weights")
        raise InvalidInputError(
            f"no architecture or known model is called {name!r}; architectures are {', '.join(ARCHITECTURES)}, and "
            "`fiqx-trt model list` prints the known models"
        )
    if weights is None and seed is None:
        raise InvalidInputError(
            f"{name} has no weights of its own; give --weights FILE.pt, or --random-weights SEED for tests"
        )
    module, _, function = ARCHITECTURES[name].partition(":")
    graph: onnx.ModelProto = getattr(importlib.import_module(module), function)(
        state=None if weights is None else _load_state(weights), seed=seed or 0
    )
    family = next(key for key in CONTRACTS if name.startswith(key))
    source = f"{name}, random weights, seed {seed}" if weights is None else f"{name}, {weights.name}"
    return graph.SerializeToString(), {**CONTRACTS[family], "name": name, "source": source}


def _load_state(path: Path) -> dict[str, Any]:
    from fiqx_trt.onnx_export.architectures.state import load_state

    return load_state(path)
