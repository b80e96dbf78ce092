"""The contract of a recognition model: its input, its taps, and the scales of its quality."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fiqx_trt.errors import ModelError
from fiqx_trt.files import write_atomic
from fiqx_trt.models.contract import Color, InputContract, check_names, read_fields, typed_field
from fiqx_trt.models.map_worth import MapWorth
from fiqx_trt.models.usual import Usual
from fiqx_trt.models.validity import Validity

__all__ = ["ModelSpec", "sidecar_path"]

#: A list of numbers that is spread over lines; no text of JSON holds a bare line break.
_NUMBERS = re.compile(r"\[\n([-+.,\deE\s]+)\]")
#: Fields of sidecars that earlier versions wrote; they are passed over.
RETIRED = frozenset({"regions"})
OPTIONAL_NUMBERS = ("alpha", "r", "gamma", "gamma_contrast")


@dataclass(frozen=True)
class ModelSpec(InputContract):
    """The part of a recognition model's definition that is not in its ONNX file.

    Parameters
    ----------
    name
        Short name, used in messages and metadata.
    input_size
        Height and width of the aligned face in pixels.
    mean, std
        Per channel, in raw intensity 0..255 and in the *model's* channel order: the network receives ``(x - mean) / std``.
    color
        Channel order of the model: ``"rgb"``, ``"bgr"`` or ``"gray"``. Callers always give RGB.
    template
        Name of the alignment template (:data:`fiqx_trt.faces.align.TEMPLATES`).
    image, embedding, pre_dropout, features
        Names of the input tensor and of the three taps in the graph (:class:`fiqx_trt.onnx_export.graphs.taps.TapNames`):
        ``pre_dropout`` is the first vector from which everything up to the embedding is affine.
    alpha, r
        Scaling of the quality, ``Q̂ = σ(α (Q - r))`` (Terhörst et al., Eq. 2); ``None`` where the model is not calibrated.
    gamma
        Exponent of the pixel-quality map (Terhörst et al., Eq. 6), per intensity; ``None`` where the model is not calibrated.
    gamma_contrast
        The same of the map per contrast (:func:`fiqx_trt.plq`).
    gamma_weights
        The weighting of the quality node that both were measured with (:func:`fiqx_trt.plq`); empty where it is unknown.
    usual
        Usual saliency at every pixel of a face, and of its regions, over the calibration faces (:func:`fiqx_trt.plq` gives
        the deviation from it); ``None`` where it was not measured.
    estimator
        The :attr:`fiqx_trt.quality.serfiq.SerFiq.setting` that α, r and the quantiles were measured with
        (``"closed-form, dropout 0.5"``), or the name of the estimator alone; empty where it is unknown. Qualities of another
        estimator are not scaled.
    quantiles
        Quantiles of Q over the calibration faces at equal steps from 0 to 1; empty where they were not measured.
    cosines
        ``"genuine"`` and ``"impostor"`` → 5th, 50th and 95th percentile of the cosine between untouched pictures of one person
        and of two people, measured by ``fiqx-trt assess``; empty where they were not measured.
    validity
        Quality method → its correlation with comparison scores on this model, measured by ``fiqx-trt assess``.
    map_worth
        Kind of map → its deletion gain on this model beside simple baselines, measured by ``fiqx-trt assess --maps``.
    calibration
        Description of the faces that α, r and γ were measured on.
    source, licence
        Source and licence of the weights.
    sha256
        Hash of the ONNX file.
    guesses
        Names of the fields that were neither given nor inferred, so that a default was used.
    scaling
        From what ``mean`` and ``std`` were inferred, where they are guesses. Not written to the sidecar.
    """

    name: str
    input_size: tuple[int, int] = (112, 112)
    mean: tuple[float, ...] = (127.5, 127.5, 127.5)
    std: tuple[float, ...] = (127.5, 127.5, 127.5)
    color: Color = "rgb"
    template: str = "arcface"
    image: str = ""
    embedding: str = ""
    pre_dropout: str = ""
    features: str = ""
    alpha: float | None = None
    r: float | None = None
    gamma: float | None = None
    gamma_contrast: float | None = None
    gamma_weights: str = ""
    usual: Usual | None = None
    estimator: str = ""
    quantiles: tuple[float, ...] = ()
    cosines: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    validity: Mapping[str, Validity] = field(default_factory=dict)
    map_worth: Mapping[str, MapWorth] = field(default_factory=dict)
    calibration: str = ""
    source: str = ""
    licence: str = ""
    sha256: str = ""
    guesses: tuple[str, ...] = ()
    scaling: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        """Check every field once."""
        self.check_input()

    @property
    def calibrated(self) -> bool:
        """Whether Q̂ can be computed."""
        return self.alpha is not None and self.r is not None

    def replace(self, **fields: Any) -> ModelSpec:
        """Return a copy with some fields changed (:func:`dataclasses.replace`)."""
        return dataclasses.replace(self, **fields)

    def to_json(self) -> str:
        """Return the sidecar's text: one line per field and per list of numbers, in a stable order."""
        fields = dataclasses.asdict(self)
        del fields["scaling"]
        return sidecar_text(fields)

    def save(self, path: Path) -> None:
        """Write the sidecar atomically."""
        write_atomic(path, self.to_json().encode())


def sidecar_text(fields: Mapping[str, Any]) -> str:
    """Return fields as the text of a sidecar, one line per field and per list of numbers."""
    text = json.dumps(fields, indent=2, ensure_ascii=False) + "\n"
    return _NUMBERS.sub(lambda found: "[" + " ".join(found[1].split()) + "]", text)


def sidecar_path(model: Path) -> Path:
    """Return the path of the sidecar of an ONNX file: the same name with the suffix ``.json``.

    Examples
    --------
    >>> sidecar_path(Path("models/r100.onnx")).name
    'r100.json'
    """
    return model.with_suffix(".json")


def read_sidecar(path: Path) -> dict[str, Any]:
    """Return the fields of a sidecar, checked by name and type; raise ModelError where they are wrong."""
    return typed_fields(read_fields(path), f"the sidecar {path}")


def typed_fields(fields: Mapping[str, Any], origin: str) -> dict[str, Any]:
    """Return fields of a :class:`ModelSpec` read from JSON at `origin`, checked by name and type; raise ModelError if wrong."""
    known = {field.name for field in dataclasses.fields(ModelSpec)} - {"scaling"}
    current = {name: value for name, value in fields.items() if name not in RETIRED}
    check_names(current, known, origin)
    return {name: _typed(origin, name, value) for name, value in current.items()}


def _validity(entries: Any) -> dict[str, Validity]:
    return {str(method): Validity.from_fields(entry) for method, entry in entries.items()}


def _map_worth(entries: Any) -> dict[str, MapWorth]:
    return {str(name): MapWorth.from_fields(entry) for name, entry in entries.items()}


#: Fields whose values have a type of their own.
_READERS: Mapping[str, Callable[[Any], Any]] = {
    "validity": _validity,
    "map_worth": _map_worth,
    "usual": Usual.from_fields,
}


def _typed(origin: str, name: str, value: Any) -> Any:
    try:
        if name in OPTIONAL_NUMBERS:
            return None if value is None else float(value)
        if name == "quantiles":
            return tuple(float(v) for v in value)
        if name == "cosines":
            return {str(part): tuple(map(float, numbers)) for part, numbers in value.items()}
        if name in _READERS:
            return _READERS[name](value)
        if name == "guesses":
            return tuple(str(v) for v in value)
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise ModelError(f"{origin} has {name} = {value!r}: {error}") from error
    return typed_field(origin, name, value)
