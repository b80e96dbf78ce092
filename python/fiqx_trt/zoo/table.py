"""The table of known models as typed records."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit

__all__ = [
    "DEFAULT_MODEL",
    "EMBEDDED_MODEL",
    "Kind",
    "KnownModel",
    "Origin",
    "PublishedFigure",
    "known",
    "models",
]

#: The recogniser that is used where none is named.
DEFAULT_MODEL = "mobilefacenet"
#: The recogniser that needs no network once the extra ``demo`` is installed.
EMBEDDED_MODEL = "dlib-resnet"

Kind: TypeAlias = Literal["recogniser", "quality", "detector"]


@dataclass(frozen=True)
class Origin:
    """A source of a model's file; exactly one of `url`, `npm` and `python` is given.

    Parameters
    ----------
    url
        Address of the file, or of a zip archive that contains it as `member`.
    member
        Name of the file within the archive.
    sha256
        Hash of the archive, where it is known.
    npm, version, path
        Package of the npm registry, its version, and the file within its archive.
    python
        Python package that contains the file; it is installed, not fetched.
    """

    url: str = ""
    member: str = ""
    sha256: str = ""
    npm: str = ""
    version: str = ""
    path: str = ""
    python: str = ""

    @property
    def place(self) -> str:
        """Short name for messages: the host of an address, or the package."""
        if self.url:
            return urlsplit(self.url).hostname or self.url
        return f"npm package {self.npm} {self.version}" if self.npm else f"Python package {self.python}"


@dataclass(frozen=True)
class PublishedFigure:
    """A published figure of merit, with its source."""

    what: str
    value: float
    source: str


@dataclass(frozen=True)
class KnownModel:
    """An entry of the table.

    Parameters
    ----------
    name
        Argument of ``--model``.
    kind
        ``"recogniser"``, ``"quality"`` (an image-quality network) or ``"detector"``.
    file, bytes, sha256
        Name, size (None: not known) and hash of the file.
    origins
        Sources, in the order in which they are tried.
    licence_code, licence_weights
        Licences of the training program and of the weights.
    consent
        Terms that the user has to accept first; may be empty.
    about, data
        Description of the network, and its training data.
    contract, calibration
        Fields of :class:`fiqx_trt.ModelSpec`: the input contract and taps, and the measured scales.
    figures
        Published figures.
    validity
        Quality method → :class:`fiqx_trt.models.validity.Validity`.
    map_worth
        Kind of map → :class:`fiqx_trt.models.map_worth.MapWorth`.
    """

    name: str
    kind: Kind
    file: str
    sha256: str
    origins: tuple[Origin, ...]
    licence_code: str
    licence_weights: str
    bytes: int | None = None
    consent: str = ""
    about: str = ""
    data: str = ""
    contract: Mapping[str, Any] = field(default_factory=dict)
    calibration: Mapping[str, Any] = field(default_factory=dict)
    figures: tuple[PublishedFigure, ...] = ()
    validity: Mapping[str, Any] = field(default_factory=dict)
    map_worth: Mapping[str, Any] = field(default_factory=dict)

    @property
    def stored_name(self) -> str:
        """File name in the cache; two models' files may have the same name at their sources."""
        return self.name + PurePosixPath(self.file).suffix

    @property
    def installed_with(self) -> str:
        """The Python package that contains the file; empty where it is fetched."""
        return next((origin.python for origin in self.origins if origin.python), "")

    @property
    def size(self) -> str:
        """Size as a text for messages."""
        return "size unknown" if self.bytes is None else f"{self.bytes / 1e6:.1f} MB"


@functools.cache
def models() -> Mapping[str, KnownModel]:
    """Return all known models by name, in the table's order."""
    text = files("fiqx_trt.zoo").joinpath("table.json").read_text(encoding="utf-8")
    return MappingProxyType({raw["name"]: _entry(raw) for raw in json.loads(text)["models"]})


def known(name: str) -> KnownModel | None:
    """Return the model of a name, or None."""
    return models().get(name)


def _entry(raw: dict[str, Any]) -> KnownModel:
    return KnownModel(
        **{
            **{key: value for key, value in raw.items() if key != "sources"},
            "origins": tuple(Origin(**origin) for origin in raw["sources"]),
            "figures": tuple(PublishedFigure(**figure) for figure in raw.get("figures", ())),
        }
    )
