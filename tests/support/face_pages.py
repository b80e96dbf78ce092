"""Pages of rows that nobody ran: as many as a test or a measurement wants."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fiqx_trt.report.all_faces import all_faces
from fiqx_trt.report.faces_data import Faces, Texts
from fiqx_trt.report.html import Page, Section
from fiqx_trt.report.parts import save_page
from fiqx_trt.report.sprites import write_sprites
from fiqx_trt.runs.thumbs import ThumbFile

READING = "What is seen in a face stands below its name."


def faces_of(count: int) -> Faces:
    """Return rows of a table; every fiftieth has no face."""
    numbers = np.random.default_rng(7)
    quality = numbers.beta(4, 2, count)
    quality[::50] = np.nan
    status = Texts()
    status.extend(["no_face" if np.isnan(q) else "ok" for q in quality])
    error, rows = Texts(), np.arange(count)
    error.extend(["no face found" if np.isnan(q) else None for q in quality])
    numbers_ = {"face": np.zeros(count), "faces": np.ones(count), "serfiq": quality / 2 + 0.4}
    columns = {**numbers_, "serfiq_scaled": quality}
    paths = [f"photos/{i % 97:02d}/{i:06d}.jpg" for i in range(count)]
    texts = {"status": status, "error": error}
    return Faces(count, "serfiq_scaled", True, rows, rows, paths, columns, texts)


def write_page(folder: Path, faces: Faces, *, pictures: int, more: list[Section] | None = None) -> Path:
    """Write a page of rows, some of which have a small picture; every third face is called small."""
    with ThumbFile(folder) as thumbs:
        tiles = np.random.default_rng(1).integers(0, 255, (8, 96, 96, 3), np.uint8)
        for i in np.flatnonzero(faces.ok)[:pictures].tolist():
            thumbs.add(i, 0, tiles[i % 8])
        sprites = write_sprites(thumbs, faces)
    why, marks = Texts(), Texts()
    why.extend(["small, 30 px" if i % 3 == 0 else "" for i in range(len(faces))])
    marks.extend(["small" if i % 3 == 0 else "" for i in range(len(faces))])
    shown = ["serfiq_scaled", "serfiq"]
    section = all_faces(faces, sprites, (why, marks), shown=shown, reading=READING)
    page = Page("kind", f"{len(faces)} rows", "A lead.", [section, *(more or [])], "A foot.")
    return save_page(page, folder)
