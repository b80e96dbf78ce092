"""Models that come with the package: converted once from openly licensed weights into the user's cache."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from fiqx_trt.cache import Cache, cache_dir

__all__ = ["BUILTIN", "DEFAULT_MODEL", "BuiltIn", "builtin_model"]

DEFAULT_MODEL = "dlib-resnet"
#: Part of the cached file's name; raise it when a conversion changes.
CONVERSION = 1


class BuiltIn(NamedTuple):
    """A converted model.

    Attributes
    ----------
    data
        The ONNX file's bytes.
    path
        Where they are kept, and a sidecar beside them; None where nothing can be kept.
    fields
        The fields of its spec.
    """

    data: bytes
    path: Path | None
    fields: dict[str, Any]


def _dlib_resnet() -> BuiltIn:
    from fiqx_trt.onnx_export import dlib_resnet

    weights = dlib_resnet.find_weights()
    fields: dict[str, Any] = {
        "name": "dlib-resnet",
        "input_size": dlib_resnet.DLIB_SIZE,
        "mean": dlib_resnet.DLIB_MEAN,
        "std": dlib_resnet.DLIB_STD,
        "color": "rgb",
        "template": "dlib",
        "alpha": 374.7,
        "r": 0.47851,
        "gamma": 11.798,
        "gamma_weights": "l1",
        "regions": {
            "forehead": (0.6426, 0.9104, 1.2144),
            "eyes": (0.8679, 1.0063, 1.2746),
            "nose": (1.4121, 2.1009, 2.7416),
            "mouth": (0.6429, 0.8251, 1.1229),
            "cheeks": (0.7233, 0.798, 0.9704),
            "background": (0.1132, 0.1664, 0.255),
            "face": (0.0529, 0.386, 0.585),
        },
        "quantiles": (
            0.4680412,
            0.470957,
            0.4724109,
            0.4735588,
            0.4743518,
            0.4752211,
            0.4757642,
            0.4762789,
            0.4764312,
            0.476863,
            0.4771823,
            0.4777139,
            0.4788495,
            0.4795154,
            0.4816166,
            0.483997,
            0.4841231,
            0.484401,
            0.4849899,
            0.4866745,
            0.4904693,
        ),
        "calibration": "SER-FIQ sampled on 51 photographs of mixed quality; γ for the weighting l1 on the best 5 of them",
        "source": "dlib_face_recognition_resnet_model_v1 (Davis King), from the package face_recognition_models",
        "licence": "CC0-1.0",
    }
    return _converted("dlib-resnet", weights, _dlib_resnet_graph, fields)


def _dlib_resnet_graph(weights: bytes) -> bytes:
    from fiqx_trt.onnx_export.dlib_resnet import build_dlib_resnet

    graph: bytes = build_dlib_resnet(weights).SerializeToString()
    return graph


#: Name → function that returns the converted model.
BUILTIN: Mapping[str, Callable[[], BuiltIn]] = {"dlib-resnet": _dlib_resnet}


def builtin_model(name: str) -> BuiltIn:
    """Return a built-in model, from the cache or converted now.

    Raises
    ------
    DependencyError
        The package with its weights is not installed.
    """
    return BUILTIN[name]()


def _converted(
    name: str, weights: Path, convert: Callable[[bytes], bytes], fields: dict[str, Any]
) -> BuiltIn:
    content = weights.read_bytes()
    file = f"{name}-{CONVERSION}-{hashlib.sha256(content).hexdigest()[:16]}.onnx"
    cache = Cache(cache_dir("models"))
    data = cache.get(file, lambda: convert(content))
    return BuiltIn(data, None if cache.folder is None else cache.folder / file, fields)
