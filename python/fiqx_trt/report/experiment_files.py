"""What all experiments share: faces in memory, rows and summaries on disk."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fiqx_trt import __version__
from fiqx_trt.errors import OutputError
from fiqx_trt.files import write_atomic
from fiqx_trt.report.html import visible
from fiqx_trt.rows.csv_file import write_csv
from fiqx_trt.text import literal

if TYPE_CHECKING:
    from fiqx_trt.experiments.face_set import FaceSet
    from fiqx_trt.models.model import Model

__all__ = [
    "Progress",
    "about",
    "short_name",
    "start",
    "write_rows",
    "write_summary",
]

#: Called with how much is done, and how much there is.
Progress = Callable[[int, int], None]


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
    """Write rows as CSV (:func:`fiqx_trt.rows.csv_file.write_csv`); the keys of the first are the columns."""
    names = list(rows[0]) if rows else []
    write_csv(path, names, ([row[name] for name in names] for row in rows))


def write_summary(out: Path, summary: Mapping[str, Any]) -> None:
    """Write ``summary.json``, last, so that a folder with it is complete."""
    plain = json.loads(json.dumps(summary), parse_constant=lambda _: None)
    write_atomic(out / "summary.json", (json.dumps(plain, indent=1, ensure_ascii=True) + "\n").encode())
