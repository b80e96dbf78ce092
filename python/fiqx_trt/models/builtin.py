"""Convert models that come with Python packages, once, to ONNX files in the user's cache."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from fiqx_trt.cache import Cache, cache_dir

__all__ = ["BUILTIN", "BuiltIn", "builtin_model"]

#: Part of the cached file's name; raise it when a conversion changes.
CONVERSION = 1


class BuiltIn(NamedTuple):
    """The bytes of a converted ONNX file, and its path, beside which a sidecar can be kept; None where there is no cache."""

    data: bytes
    path: Path | None


def _dlib_resnet() -> BuiltIn:
    from fiqx_trt.onnx_export.architectures import dlib_resnet

    return _converted("dlib-resnet", dlib_resnet.find_weights(), _dlib_resnet_graph)


def _dlib_resnet_graph(weights: bytes) -> bytes:
    from fiqx_trt.onnx_export.architectures.dlib_resnet import build_dlib_resnet

    graph: bytes = build_dlib_resnet(weights).SerializeToString()
    return graph


#: Name in the table of known models → function that returns the converted model.
BUILTIN: Mapping[str, Callable[[], BuiltIn]] = {"dlib-resnet": _dlib_resnet}


def builtin_model(name: str) -> BuiltIn:
    """Return a built-in model, from the cache or converted now; DependencyError where the package is not installed."""
    return BUILTIN[name]()


def _converted(name: str, weights: Path, convert: Callable[[bytes], bytes]) -> BuiltIn:
    content = weights.read_bytes()
    file = f"{name}-{CONVERSION}-{hashlib.sha256(content).hexdigest()[:16]}.onnx"
    cache = Cache(cache_dir("models"))
    data = cache.get(file, lambda: convert(content))
    return BuiltIn(data, None if cache.folder is None else cache.folder / file)
