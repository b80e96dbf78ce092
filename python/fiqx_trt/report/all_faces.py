"""The section of a page that holds the table of all rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fiqx_trt.report.explorer import Explorer
from fiqx_trt.report.faces_data import Faces, Texts
from fiqx_trt.report.html import Section
from fiqx_trt.report.sprites import Sprites
from fiqx_trt.runs.thumbs import FOLDER

__all__ = ["TITLE", "all_faces"]

TITLE = "All rows, the worst first"


def all_faces(
    faces: Faces,
    sprites: Sprites,
    reasons: tuple[Texts, Texts],
    *,
    shown: Sequence[str],
    reading: str,
    folders: Sequence[str] = (),
    title: str = TITLE,
    against: tuple[str, str] | None = None,
) -> Section:
    """Return the section.

    Parameters
    ----------
    faces, sprites
        The rows and their small pictures.
    reasons
        Words and marks of each row (:mod:`fiqx_trt.report.reasons`).
    shown
        Columns of the table, the one that orders it first; those that it lacks are left out.
    reading
        What the words and numbers mean.
    folders
        Folders of pictures and maps beside the page.
    title
        The heading.
    against
        Two columns that are drawn against each other at once; any two can be chosen on the page.
    """
    links: Mapping[str, str] = {
        column: f"{folder}/"
        for column, folder in (("picture", "pictures"), ("maps", "maps"))
        if folder in folders
    }
    kept = [name for name in shown if name in faces.numbers or name in faces.texts]
    why, marks = reasons
    left = (
        f" The table has the {len(faces):,} worst of {faces.total:,} rows."
        if len(faces) < faces.total
        else ""
    )
    beside = [f"{name}/" for name in (*((FOLDER,) if sprites.count else ()), *folders)]
    belongs = (
        f" To send this page, send its folder: the page finds its pictures in {' and '.join(beside)} beside it, and shows "
        "everything else without them."
        if beside
        else ""
    )
    return Section(
        title, [Explorer(faces, sprites, kept, why, marks, links, against), f"{reading}{left}{belongs}"]
    )
