"""What all experiments share: faces in memory, rows and summaries on disk."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fiqx_trt import __version__
from fiqx_trt.errors import OutputError
from fiqx_trt.faces.batch import iter_batches
from fiqx_trt.files import write_atomic
from fiqx_trt.report.html import visible
from fiqx_trt.text import literal

if TYPE_CHECKING:
    from fiqx_trt.faces.prepare import FaceRecord, FaceSource
    from fiqx_trt.models.model import Model

__all__ = [
    "FaceSet",
    "Progress",
    "about",
    "collect_faces",
    "short_name",
    "start",
    "write_rows",
    "write_summary",
]

#: Called with how much is done, and how much there is.
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class FaceSet:
    """Aligned faces in memory, and what became of the other inputs.

    Parameters
    ----------
    images
        ``(N, H, W, 3)`` uint8 RGB.
    paths, faces
        The input of each, and which face of it.
    skipped
        Status → inputs without a face.
    """

    images: NDArray[np.uint8]
    paths: tuple[str, ...]
    faces: tuple[int, ...]
    skipped: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return the number of faces."""
        return len(self.paths)

    def __add__(self, other: FaceSet) -> FaceSet:
        """Return the faces of both, in order."""
        images = np.concatenate([self.images, other.images])
        skipped = dict(Counter(self.skipped) + Counter(other.skipped))
        return FaceSet(images, self.paths + other.paths, self.faces + other.faces, skipped)

    def subset(self, positions: Sequence[int]) -> FaceSet:
        """Return some of the faces."""
        chosen = [int(i) for i in positions]
        return FaceSet(
            self.images[chosen],
            tuple(self.paths[i] for i in chosen),
            tuple(self.faces[i] for i in chosen),
            self.skipped,
        )

    def name(self, i: int) -> str:
        """Return a short name for a figure."""
        return self.paths[i].replace("\\", "/").rsplit("/", 1)[-1]

    def row(self, i: int) -> dict[str, Any]:
        """Return what every row begins with."""
        return {"path": self.paths[i], "face": self.faces[i]}


def collect_faces(
    sources: Iterable[FaceSource],
    preparer: Callable[[FaceSource], list[FaceRecord]],
    *,
    limit: int | None = None,
    threads: int = 2,
) -> FaceSet:
    """Read the faces of all sources into memory, 70 kB each at 150×150 pixels.

    Parameters
    ----------
    sources, preparer, threads
        As for :func:`fiqx_trt.faces.batch.iter_batches`.
    limit
        Stop after this many faces.
    """
    kept: list[FaceRecord] = []
    skipped: Counter[str] = Counter()
    batches = iter_batches(sources, preparer, batch=32, threads=threads)
    try:
        for records in batches:
            kept += [record for record in records if record.image is not None]
            skipped.update(record.status for record in records if record.image is None)
            if limit is not None and len(kept) >= limit:
                kept = kept[:limit]
                break
    finally:
        batches.close()  # type: ignore[attr-defined]
    images = [record.image for record in kept if record.image is not None]
    stack = np.stack(images) if images else np.zeros((0, 0, 0, 3), np.uint8)
    return FaceSet(stack, tuple(r.path for r in kept), tuple(r.face for r in kept), dict(skipped))


def start(out: Path, *, overwrite: bool) -> None:
    """Make the folder of an experiment.

    Raises
    ------
    OutputError
        It holds an earlier one, or cannot be written.
    """
    if (out / "summary.json").exists() and not overwrite:
        raise OutputError(f"{out} holds an earlier experiment; give --overwrite, or another --out")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"cannot write into {out}: {error.strerror or error}; choose another folder"
        ) from error


def about(model: Model, faces: FaceSet, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return what every summary begins with: enough to repeat the run."""
    spec = model.spec
    return {
        "version": __version__,
        "model": spec.name,
        "model_sha256": spec.sha256,
        "backend": model.backend,
        "device": model.device,
        "gradients": "fp32",
        "alpha": spec.alpha,
        "r": spec.r,
        "parameters": dict(parameters),
        "faces": len(faces),
        "skipped": dict(faces.skipped),
    }


def short_name(name: str) -> str:
    """Return a name that fits above a face and that matplotlib can set: undecodable bytes escaped, no formula begun."""
    text = visible(name)
    text = text if len(text) <= 22 else f"{text[:20]}…"
    return literal(text)


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows as CSV: UTF-8, shortest floats that read back the same, empty where there is no number."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    names = list(rows[0]) if rows else []
    writer.writerow(names)
    for row in rows:
        writer.writerow([_cell(row[name]) for name in names])
    write_atomic(path, text.getvalue().encode("utf-8", "surrogateescape"))


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return repr(value) if np.isfinite(value) else ""
    return str(value)


def write_summary(out: Path, summary: Mapping[str, Any]) -> None:
    """Write ``summary.json``, last, so that a folder with it is complete."""
    plain = json.loads(json.dumps(summary), parse_constant=lambda _: None)
    write_atomic(out / "summary.json", (json.dumps(plain, indent=1, ensure_ascii=True) + "\n").encode())
