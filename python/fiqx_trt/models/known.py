"""Open known models: fetched or converted files, and the fields in the table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fiqx_trt.errors import ModelError
from fiqx_trt.models.builtin import BUILTIN, builtin_model
from fiqx_trt.models.spec import typed_fields
from fiqx_trt.zoo import KnownModel, fetch, is_stored

__all__ = ["entry_fields", "known_file", "present"]


def known_file(entry: KnownModel) -> tuple[bytes, Path | None]:
    """Return the bytes of a known model's network and its path (None where there is no cache).

    Raises
    ------
    ModelUnavailableError, LicenceError
        From :func:`fiqx_trt.zoo.fetch`.
    DependencyError
        The Python package with its weights is not installed.
    """
    data, path = builtin_model(entry.name) if entry.name in BUILTIN else fetch(entry)
    return data, path


def present(entry: KnownModel) -> bool:
    """Return whether a known model can be opened on this machine without fetching anything."""
    if entry.installed_with:
        from importlib.util import find_spec

        return find_spec(entry.installed_with) is not None
    return is_stored(entry)


def entry_fields(entry: KnownModel) -> dict[str, Any]:
    """Return the fields of a :class:`ModelSpec` in the table; ModelError where the known model is no recogniser."""
    if entry.kind != "recogniser":
        raise ModelError(
            f"{entry.name} is a {entry.kind} network, not a recogniser; it cannot be opened as a model"
        )
    stated = {
        "name": entry.name,
        "source": f"{entry.file}, {entry.origins[0].place}",
        "licence": entry.licence_weights,
        **entry.contract,
        **entry.calibration,
        **({"validity": entry.validity} if entry.validity else {}),
        **({"map_worth": entry.map_worth} if entry.map_worth else {}),
    }
    return typed_fields(stated, f"the table's entry {entry.name}")
