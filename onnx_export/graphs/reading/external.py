"""External data: allowed paths of the weight files, and their part of the hash."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import onnx
from onnx.external_data_helper import load_external_data_for_tensor, uses_external_data

from fiqx_trt.errors import ModelError
from fiqx_trt.files import open_regular
from fiqx_trt.onnx_export.graphs.reading.walk import all_tensors

if TYPE_CHECKING:
    from hashlib import _Hash

_PIECE = 1 << 20


def locations(model: onnx.ModelProto) -> list[str]:
    """Return the stated paths of a model's files of external data, sorted."""
    paths: set[str] = set()
    for tensor in all_tensors(model):
        if uses_external_data(tensor):
            paths.update(entry.value for entry in tensor.external_data if entry.key == "location")
    return sorted(paths, key=os.fsencode)


def load_external_data(model: onnx.ModelProto, folder: Path | None, name: str) -> None:
    """Load all external data into the model, in place.

    ``folder`` is the model's folder, or None where only its bytes are known; messages call the model `name`. ModelError
    where a file is missing, too short, no regular file, or outside the folder.
    """
    tensors = [tensor for tensor in all_tensors(model) if uses_external_data(tensor)]
    if not tensors:
        return
    for location in locations(model):
        _check_regular(_weights_file(folder, location, name), name)
    for tensor in tensors:
        try:
            load_external_data_for_tensor(tensor, str(folder))
        except (
            Exception
        ) as error:  # OSError, ValueError, or the checker's refusal of a path outside the folder
            reason = " ".join(str(error).split())[:200]
            raise ModelError(f"the weights that belong to {name} cannot be read: {reason}") from error


def combined_sha256(graph: _Hash, folder: Path | None, files: Iterable[str], name: str) -> str:
    """Return one hash over a graph and its files of external data; the graph's own where there are none.

    ``graph`` is the hash of the model file, ``folder`` its folder, ``files`` the stated paths. ModelError where a file cannot
    be read.
    """
    parts = [f"{location}\n{_file_sha256(_weights_file(folder, location, name), name)}" for location in files]
    if not parts:
        return graph.hexdigest()
    text = "\n".join([f"graph\n{graph.hexdigest()}", *parts])
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _weights_file(folder: Path | None, location: str, name: str) -> Path:
    """Return the path of a file of external data inside the model's folder."""
    if folder is None:
        raise ModelError(
            "the model keeps its weights in another file; give the path of the model, not its bytes"
        )
    path = folder / location
    outside = PurePosixPath(location).is_absolute() or ".." in PurePosixPath(location).parts
    if outside or not path.resolve().is_relative_to(folder.resolve()):
        raise ModelError(
            f"the weights that belong to {name} cannot be read: their stated path is {location!r}, outside the "
            "model's folder; put model and weights into one folder, without links"
        )
    return path


def _check_regular(path: Path, name: str) -> None:
    """Raise for a pipe or a device before it is opened, and for a missing file."""
    try:
        open_regular(path).close()
    except OSError as error:
        raise _unreadable(path, name, error) from error


def _unreadable(path: Path, name: str, error: OSError) -> ModelError:
    return ModelError(
        f"the weights that belong to {name} cannot be read: {path.name}: {error.strerror or error}; put the file beside the "
        "model"
    )


def _file_sha256(path: Path, name: str) -> str:
    """Return the hash of a regular file, read in blocks."""
    digest = hashlib.sha256()
    try:
        with open_regular(path) as file:
            while piece := file.read(_PIECE):
                digest.update(piece)
    except OSError as error:
        raise _unreadable(path, name, error) from error
    return digest.hexdigest()
