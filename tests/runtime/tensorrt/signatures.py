"""The official Python signatures of four TensorRT versions, reduced to the classes this package uses."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["VERSIONS", "Api", "read"]

_FILE = Path(__file__).with_name("signatures.json")


@functools.cache
def _content() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(_FILE.read_text())
    return content


VERSIONS: tuple[str, ...] = tuple(_content()["versions"])


class Api:
    """What one version offers: per class its methods (parameter texts of each overload), properties and members."""

    def __init__(self, version: str) -> None:
        digit = str(VERSIONS.index(version))
        self.version = version
        self.classes: dict[str, dict[str, Any]] = {}
        for name, parts in _content()["classes"].items():
            self.classes[name] = {
                kind: {
                    item: [text for text, versions in texts.items() if digit in versions]
                    for item, texts in parts.get(kind, {}).items()
                    if any(digit in versions for versions in texts.values())
                }
                for kind in ("methods", "props", "members")
            }

    def has(self, name: str, attribute: str) -> bool:
        return any(attribute in self.classes[name][kind] for kind in ("methods", "props", "members"))

    def writable(self, name: str, attribute: str) -> bool:
        return self.classes[name]["props"].get(attribute) == ["rw"]


@functools.cache
def read(version: str) -> Api:
    return Api(version)


def bind(
    api: Api,
    types: Mapping[str, type],
    name: str,
    method: str,
    arguments: tuple[Any, ...],
    named: dict[str, Any],
) -> None:
    """Raise what pybind11 raises when no overload takes the arguments."""
    overloads = api.classes[name]["methods"][method]
    if not any(_fits(text, types, arguments, named) for text in overloads):
        raise TypeError(
            f"{name}.{method}(): incompatible function arguments {arguments} {named}; supported: {overloads}"
        )


def parameters(text: str) -> list[tuple[str, str, bool]]:
    """Name, type and whether it has a default, of each parameter in ``a: int, b: str = None``."""
    found, depth, part = [], 0, ""
    for letter in text + ",":
        depth += letter in "[(<"
        depth -= letter in "])>"
        if letter == "," and depth == 0:
            if part.strip():
                declared, _, default = part.partition(" = ")
                title, _, kind = declared.partition(":")
                found.append((title.strip(), kind.strip(), bool(default)))
            part = ""
        else:
            part += letter
    return found


def _fits(text: str, types: Mapping[str, type], arguments: tuple[Any, ...], named: dict[str, Any]) -> bool:
    wanted = parameters(text)
    if text == "?" or len(arguments) > len(wanted):
        return text == "?"
    values = dict(zip((title for title, _, _ in wanted), arguments, strict=False))
    if set(values) & set(named) or not set(named) <= {title for title, _, _ in wanted}:
        return False
    values.update(named)
    if any(title not in values and not optional for title, _, optional in wanted):
        return False
    return all(_is(values[title], kind, types) for title, kind, _ in wanted if title in values)


def _is(value: Any, kind: str, types: Mapping[str, type]) -> bool:
    if kind == "int":
        return isinstance(value, int) and not isinstance(value, bool)
    if kind in ("tuple", "list", "Dims") or kind.startswith("list["):
        return isinstance(value, (tuple, list)) and all(isinstance(v, int) for v in value)
    if kind == "buffer":
        return isinstance(value, (bytes, bytearray, memoryview))
    simple = {"str": str, "bool": bool}
    expected = simple.get(kind) or types.get(kind)
    return expected is None or isinstance(value, expected)
