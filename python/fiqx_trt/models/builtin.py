"""Convert models that come with Python packages, once, to ONNX files in the user's cache."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

from fiqx_trt.cache import Cache, cache_dir
from fiqx_trt.zoo import Fetched

__all__ = ["BUILTIN", "builtin_model"]

#: Part of the cached file's name; raise it when a conversion changes.
CONVERSION = 1


def _dlib_resnet() -> Fetched:
    from fiqx_trt.onnx_export.architectures import dlib_resnet

    return _converted("dlib-resnet", dlib_resnet.find_weights(), _dlib_resnet_graph)


def _dlib_resnet_graph(weights: bytes) -> bytes:
    from fiqx_trt.onnx_export.architectures.dlib_resnet import build_dlib_resnet

    graph: bytes = build_dlib_resnet(weights).SerializeToString()
    return graph


#: Name in the table of known models → function that returns the converted model.
BUILTIN: Mapping[str, Callable[[], Fetched]] = {"dlib-resnet": _dlib_resnet}


def builtin_model(name: str) -> Fetched:
    """Return a built-in model, from the cache or converted now; DependencyError where the package is not installed."""
    return BUILTIN[name]()


def _converted(name: str, weights: Path, convert: Callable[[bytes], bytes]) -> Fetched:
    content = weights.read_bytes()
    file = f"{name}-{CONVERSION}-{hashlib.sha256(content).hexdigest()[:16]}.onnx"
    cache = Cache(cache_dir("models"))
    data = cache.get(file, lambda: convert(content))
    return Fetched(data, None if cache.folder is None else cache.folder / file)
