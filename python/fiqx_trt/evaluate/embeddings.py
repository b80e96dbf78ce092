"""Embeddings of the compared images, computed once and kept in a file beside the result."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.arrays import load_arrays
from fiqx_trt.errors import InvalidInputError, OutputError
from fiqx_trt.evaluate.comparisons import SHOWN, Comparisons
from fiqx_trt.evaluate.similarity import cosine_similarity
from fiqx_trt.faces.batch import iter_batches
from fiqx_trt.faces.bins import bin_member
from fiqx_trt.faces.sources import Source
from fiqx_trt.files import npz_bytes, open_regular, write_atomic

if TYPE_CHECKING:
    from fiqx_trt.faces.prepare import FacePreparer
    from fiqx_trt.models.model import Model

__all__ = ["EmbeddingCache", "Embeddings", "compare_embeddings", "embed_images"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Embeddings:
    """Embeddings of I images.

    Parameters
    ----------
    paths
        Names of the images.
    vectors
        ``(I, D)`` float32 of unit length; a row of NaN where there is no face.
    errors
        Path → why there is none.
    """

    paths: tuple[str, ...]
    vectors: NDArray[np.float32]
    errors: Mapping[str, str]


@dataclass(frozen=True)
class EmbeddingCache:
    """A file with embeddings, valid for one configuration and for unchanged images.

    Parameters
    ----------
    path
        The ``.npz`` file.
    configuration
        Everything that changes an embedding: model, contract, precision, how faces are found.
    """

    path: Path
    configuration: Mapping[str, Any]

    def read(self, *, overwrite: bool = False) -> dict[str, tuple[tuple[int, int], NDArray[np.float32], str]]:
        """Return path → (size and time of the file, embedding, error); empty when there is no file.

        Raises
        ------
        OutputError
            The file is of another configuration, or not such a file, and must not be replaced.
        """
        if not self.path.exists():
            return {}
        try:
            configuration, kept = _contents(load_arrays(self.path))
        # What another program wrote may hold any JSON and any arrays.
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            if self._is_ours():
                logger.warning("%s is damaged (%s) and is made again", self.path, error)
                return {}
            return self._refuse(f"it is no file of embeddings ({error})", overwrite)
        changed = [name for name, value in self._plain.items() if configuration.get(name) != value]
        if changed:
            return self._refuse(f"its {changed[0]} is another", overwrite)
        return kept

    def _is_ours(self) -> bool:
        """Return whether a file that cannot be read is empty or begins as :meth:`write` begins it."""
        try:
            with open_regular(self.path) as file:
                begin = file.read(64)
        except OSError:
            return False
        return not begin or (begin.startswith(b"PK\3\4") and begin[30:].startswith(b"configuration.npy"))

    def write(self, embeddings: Embeddings, stamps: Sequence[tuple[int, int]]) -> None:
        """Write the file in one step.

        Raises
        ------
        OutputError
            The folder cannot be written.
        """
        arrays: dict[str, NDArray[Any]] = {
            "configuration": _bytes(json.dumps(self._plain)),
            "paths": _bytes("\0".join(embeddings.paths)),
            "errors": _bytes(json.dumps(dict(embeddings.errors))),
            "stamps": np.array(stamps, np.int64).reshape(-1, 2),
            "vectors": embeddings.vectors,
        }
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(self.path, npz_bytes(arrays))
        except OSError as error:
            raise OutputError(f"cannot write {self.path}: {error.strerror or error}") from error

    @property
    def _plain(self) -> dict[str, Any]:
        plain: dict[str, Any] = json.loads(json.dumps(dict(self.configuration)))
        return plain

    def _refuse(
        self, why: str, overwrite: bool
    ) -> dict[str, tuple[tuple[int, int], NDArray[np.float32], str]]:
        if not overwrite:
            raise OutputError(
                f"{self.path} cannot serve here: {why}; give --overwrite to replace it, or --embeddings another file"
            )
        logger.info("%s is replaced: %s", self.path, why)
        return {}


def _contents(
    arrays: Mapping[str, NDArray[Any]],
) -> tuple[dict[str, Any], dict[str, tuple[tuple[int, int], NDArray[np.float32], str]]]:
    """Return the configuration, and path → (size and time of the file, embedding, error)."""
    configuration = dict(json.loads(arrays["configuration"].tobytes()))
    names = arrays["paths"].tobytes().decode("utf-8", "surrogateescape").split("\0")
    errors = {str(name): str(why) for name, why in json.loads(arrays["errors"].tobytes()).items()}
    stamps, vectors = arrays["stamps"], arrays["vectors"]
    if vectors.ndim != 2 or vectors.dtype != np.float32 or stamps.shape != (len(names), 2):
        raise ValueError(
            f"embeddings {vectors.dtype} of shape {vectors.shape}, stamps of shape {stamps.shape}"
        )
    return configuration, {
        name: ((int(stamp[0]), int(stamp[1])), vector, errors.get(name, ""))
        for name, stamp, vector in zip(names, stamps, vectors, strict=True)
    }


def _bytes(text: str) -> NDArray[np.uint8]:
    return np.frombuffer(text.encode("utf-8", "surrogateescape"), np.uint8)


def embed_images(
    paths: Sequence[str],
    model: Model,
    preparer: FacePreparer,
    *,
    cache: EmbeddingCache | None = None,
    overwrite: bool = False,
    batch: int = 32,
    threads: int = 2,
    report: Callable[[int, int], None] | None = None,
) -> Embeddings:
    """Return the embedding of the face on each image; what the cache holds of unchanged files is not computed again.

    Parameters
    ----------
    paths
        Names of images, each once.
    model, preparer
        The recogniser, and what finds and aligns the face; the first face of a picture counts.
    cache
        File to read from and to write to.
    overwrite
        Whether a cache of another configuration may be replaced.
    batch, threads
        Faces that travel together and threads that decode; neither changes a number.
    report
        Called with the images done and failed.

    Raises
    ------
    OutputError
        The cache cannot be used or written.
    """
    kept = {} if cache is None else cache.read(overwrite=overwrite)
    stamps = [_stamp(path) for path in paths]
    fresh = [
        path
        for path, stamp in zip(paths, stamps, strict=True)
        if path not in kept or kept[path][0] != stamp or stamp == (-1, -1)
    ]
    known = {path: (vector, error) for path, (_, vector, error) in kept.items()}
    known |= _embed(fresh, model, preparer, batch=batch, threads=threads, report=report)
    width = max((len(vector) for vector, _ in known.values()), default=0)
    vectors = np.full((len(paths), width), np.nan, np.float32)
    errors = {}
    for position, path in enumerate(paths):
        vector, error = known[path]
        if error:
            errors[path] = error
        else:
            vectors[position] = vector
    embeddings = Embeddings(tuple(paths), vectors, errors)
    if cache is not None and (fresh or set(kept) != set(paths)):
        cache.write(embeddings, stamps)
    return embeddings


def _embed(
    paths: Sequence[str],
    model: Model,
    preparer: FacePreparer,
    *,
    batch: int,
    threads: int,
    report: Callable[[int, int], None] | None,
) -> dict[str, tuple[NDArray[np.float32], str]]:
    embedded: dict[str, tuple[NDArray[np.float32], str]] = {}
    nothing = np.zeros(0, np.float32)
    failed = 0
    for records in iter_batches(map(Source, paths), preparer, batch=batch, threads=threads):
        usable = [record for record in records if record.image is not None and record.face == 0]
        rows: Iterable[NDArray[np.float32]] = ()
        if usable:
            rows = model.embed(np.stack([record.image for record in usable if record.image is not None]))
        for record in records:
            if record.image is None:
                embedded[record.path] = (nothing, f"{record.status}: {record.error}")
        for record, vector in zip(usable, rows, strict=True):
            broken = not np.all(np.isfinite(vector))
            embedded[record.path] = (
                (nothing, "not_finite: the network gave no embedding") if broken else (vector, "")
            )
        failed = sum(bool(error) for _, error in embedded.values())
        if report is not None:
            report(len(embedded), failed)
    return embedded


def _stamp(path: str) -> tuple[int, int]:
    member = bin_member(path)  # a picture in a file changes with the file
    try:
        status = os.stat(path if member is None else member[0])  # noqa: PTH116 -- names may hold any byte
    except (OSError, ValueError):
        return -1, -1
    return status.st_size, status.st_mtime_ns


def compare_embeddings(comparisons: Comparisons, embeddings: Embeddings) -> tuple[Comparisons, int]:
    """Return the comparisons with cosine similarities, and how many were left out for want of an embedding.

    Parameters
    ----------
    comparisons
        P comparisons among I images.
    embeddings
        Of the same images in the same order.

    Raises
    ------
    InvalidInputError
        The images differ, or no comparison is left.
    """
    if embeddings.paths != comparisons.paths:
        raise InvalidInputError(
            "the embeddings are of other images than the comparisons; compute them of the same"
        )
    known = np.array([path not in embeddings.errors for path in comparisons.paths])
    rows = known[comparisons.first] & known[comparisons.second]
    if not np.any(rows):
        shown = "; ".join(f"{path!r}: {why}" for path, why in list(embeddings.errors.items())[:SHOWN])
        raise InvalidInputError(f"no comparison is left between images with an embedding ({shown})")
    left = comparisons if np.all(rows) else comparisons.subset(rows)
    return cosine_similarity(left, embeddings.vectors), int(len(rows) - np.count_nonzero(rows))
