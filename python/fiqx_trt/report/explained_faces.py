"""The table of all rows on the pages of ``plq`` and ``cam``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fiqx_trt.report.all_faces import TITLE, all_faces
from fiqx_trt.report.explained import ExplainedTable
from fiqx_trt.report.faces_data import Faces, read_faces
from fiqx_trt.report.html import Section
from fiqx_trt.report.reasons import map_reasons, take_geometry
from fiqx_trt.report.sprites import write_sprites
from fiqx_trt.runs.thumb_fill import fill_from_pictures
from fiqx_trt.runs.thumbs import ThumbFile

__all__ = ["CAM_FACES", "FacesWords", "explained_faces", "plq_faces"]


@dataclass(frozen=True)
class FacesWords:
    """What the table shows of one kind of run.

    Parameters
    ----------
    rank
        Column that orders the faces, the lowest first.
    shown
        Columns after it.
    words
        Column with the words of a face.
    flags
        Columns that are 1 where a face has what they are called.
    reading
        What the words and numbers mean.
    title
        Heading of the section.
    """

    rank: str
    shown: Sequence[str]
    words: str
    flags: Sequence[str]
    reading: str
    title: str = TITLE


CAM_FACES = FacesWords(
    "uniform_correlation",
    ("effective_channels",),
    "",
    ("flat",),
    "Beside a face stands its activation map over it. The first ones have the maps most their own: those that correlate least "
    "with the plain mean activation.",
    "All rows, the maps most their own first",
)


def plq_faces(quality: str) -> FacesWords:
    """Return what the table shows of pixel-level quality; `quality` is the column of the quality behind it."""
    return FacesWords(
        quality,
        ("plq", "grey", "contrast"),
        "summary",
        ("dark", "flat", "clipped"),
        "Beside a face stands its pixel-level quality over it; below its name, which regions serve less than usual.",
    )


def explained_faces(table: ExplainedTable, thumbs: ThumbFile | None, words: FacesWords) -> Section:
    """Write the sheets of small pictures, and return the section.

    Parameters
    ----------
    table
        A finished table.
    thumbs
        The small pictures that the run kept; those that it did not keep are made from the large ones. ``None`` for a run
        without pictures.
    words
        What is shown.

    Raises
    ------
    OutputError
        The folder cannot be written.
    """
    faces = read_faces(table.path, table.meta.columns, rank=words.rank)
    take_geometry(faces)
    thumbs = ThumbFile(table.folder) if thumbs is None else thumbs
    _fill(faces, thumbs, table)
    thumbs.settle()
    sprites = write_sprites(thumbs, faces, keep=True)
    return all_faces(
        faces,
        sprites,
        map_reasons(faces, words=words.words, flags=words.flags),
        shown=[words.rank, *words.shown],
        reading=words.reading,
        title=words.title,
        folders=[name for name in ("pictures", "maps") if (table.folder / name).is_dir()],
    )


def _fill(faces: Faces, thumbs: ThumbFile, table: ExplainedTable) -> None:
    numbers, pictures = faces.faces_of_inputs(), faces.texts["picture"]
    places, names = thumbs.placed().find(faces.inputs, numbers), list(pictures.words)
    lacking = np.flatnonzero((places[:, 0] < 0) & (np.asarray(pictures.codes) > 0))
    absent = {(int(faces.inputs[i]), int(numbers[i])): names[pictures.codes[i]] for i in lacking.tolist()}
    if absent:
        fill_from_pictures(thumbs, table.folder / "pictures", absent)
