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
        "alpha": 366.2,
        "r": 0.47678,
        "gamma": 11.794,
        "gamma_weights": "l1",
        "regions": {
            "forehead": (0.6426, 0.9104, 1.2144),
            "eyes": (0.8679, 1.0063, 1.2746),
            "nose": (1.4121, 2.1009, 2.7416),
            "mouth": (0.6429, 0.8251, 1.1229),
            "cheeks": (0.7233, 0.798, 0.9704),
            "background": (0.1132, 0.1664, 0.255),
            "face": (0.0565, 0.3792, 0.5977),
        },
        "estimator": "closed-form, dropout 0.5",
        "quantiles": (
            0.4666604,
            0.4690607,
            0.470769,
            0.4713633,
            0.4727056,
            0.4736029,
            0.4741177,
            0.4743376,
            0.4747221,
            0.4751699,
            0.4755779,
            0.4764952,
            0.4771778,
            0.4782845,
            0.4800084,
            0.4811131,
            0.4812439,
            0.482738,
            0.4838653,
            0.4851435,
            0.4880271,
        ),
        "calibration": "SER-FIQ closed-form on 51 photographs of mixed quality; γ for the weighting l1 on the best 5 of them",
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
