"""The input contract that recognisers and quality networks share, and its fields in a JSON sidecar."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from fiqx_trt.errors import InvalidInputError, ModelError
from fiqx_trt.files import parse_json, read_regular
from fiqx_trt.text import field_words

__all__ = ["Color", "InputContract", "check_names", "entry_of", "measured_with", "read_fields", "typed_field"]

Color: TypeAlias = Literal["rgb", "bgr", "gray"]


class InputContract:
    """What a network's input is: the base of dataclasses that have these fields.

    Attributes
    ----------
    input_size
        Height and width of the face in pixels.
    mean, std
        Per channel, in raw intensity 0..255 and in the *network's* channel order: it receives ``(x - mean) / std``.
    color
        Channel order of the network: ``"rgb"``, ``"bgr"`` or ``"gray"``. Callers always give RGB.
    """

    input_size: tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    color: Color

    @property
    def channels(self) -> int:
        """Number of colour channels that the network receives."""
        return 1 if self.color == "gray" else 3

    @property
    def per_channel(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and std, one number per channel each."""
        mean, std = (value * self.channels if len(value) == 1 else value for value in (self.mean, self.std))
        return mean, std

    def check_input(self, *, one_for_all: bool = False) -> None:
        """Raise InvalidInputError for a value that no network can have.

        With ``one_for_all``, a single mean or std stands for every channel.
        """
        if len(self.input_size) != 2 or min(self.input_size) < 1:
            raise InvalidInputError(
                f"input_size is {self.input_size}; give a positive height and width in pixels"
            )
        if self.color not in get_args(Color):
            raise InvalidInputError(
                f"color is {self.color!r}; the orders known are {', '.join(get_args(Color))}"
            )
        wanted = "one number" if self.channels == 1 else "one number, or one for each of 3 channels"
        for name in ("mean", "std"):
            count = len(getattr(self, name))
            if count != self.channels and not (one_for_all and count == 1):
                cure = "" if one_for_all else f": {field_words(name, 'X[,Y,Z]')}"
                raise InvalidInputError(
                    f"{name} has {count} numbers; a {self.color} model has {wanted}{cure}"
                )
        if 0.0 in self.std:
            raise InvalidInputError(f"std is {self.std}; a zero would divide by zero")


def read_fields(path: Path) -> dict[str, Any]:
    """Return the JSON object in a sidecar.

    Raises
    ------
    ModelError
        The file cannot be read or is not one JSON object.
    """
    try:
        fields = parse_json(read_regular(path))
    except (OSError, ValueError) as error:
        raise ModelError(f"cannot read the model's sidecar {path}: {error}") from error
    if not isinstance(fields, dict):
        raise ModelError(f"the sidecar {path} holds a {type(fields).__name__}; it must be one JSON object")
    return fields


def check_names(fields: Mapping[str, Any], known: Iterable[str], origin: str) -> None:
    """Raise ModelError where `origin` has a field that is not known."""
    unknown = sorted(set(fields) - set(known))
    if unknown:
        raise ModelError(
            f"{origin} has unknown fields {', '.join(unknown)}; known are {', '.join(sorted(known))}"
        )


def typed_field(origin: str, name: str, value: Any) -> Any:
    """Return a field of the input, or a text, as its type; raise ModelError where it has another one."""
    try:
        if name in ("mean", "std", "clip"):
            return tuple(map(float, [value] if isinstance(value, (int, float)) else value))
        if name == "input_size":
            height, width = value
            return int(height), int(width)
    except (OverflowError, TypeError, ValueError) as error:
        raise ModelError(f"{origin} has {name} = {value!r}: {error}") from error
    if not isinstance(value, str):
        raise ModelError(f"{origin} has {name} = {value!r}; it must be a text")
    return value


def entry_of(kind: type[Any], value: Any) -> dict[str, Any]:
    """Return a nested entry of a sidecar by name; raise ValueError or TypeError where it is none of the dataclass `kind`."""
    entry = dict(value)
    unknown = set(entry) - set(kind.__dataclass_fields__)
    if unknown:
        raise ValueError(f"unknown fields {', '.join(sorted(map(str, unknown)))}")
    return entry


def measured_with(entries: Mapping[str, Any], name: str, settings: Mapping[str, object]) -> Any:
    """Return the entry of a name if it was measured with these settings, else None."""
    entry = entries.get(name)
    plain = json.loads(json.dumps(dict(settings)))
    return entry if entry is not None and dict(entry.settings) == plain else None
