"""Score rows, pairs and identities that name the same images in different ways: one spelling for all."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from fiqx_trt.evaluate.comparisons import Comparisons
from fiqx_trt.evaluate.score_tables import MethodScores, ScoreTables
from fiqx_trt.importers.tails import join_paths
from fiqx_trt.text import unescape_text

__all__ = ["join_comparisons", "join_tables", "joined_note"]


def join_tables(tables: ScoreTables) -> ScoreTables:
    """Return the tables with the spelling of the first one that names an image; ``joined`` says what was done.

    Parameters
    ----------
    tables
        Methods of one or several files. Paths that are equal, or that share an end nobody else has
        (:func:`fiqx_trt.importers.tails.join_paths`), are one image.
    """
    known: list[str] = []
    methods: list[MethodScores] = []
    notes: dict[str, None] = {}
    for one in tables.methods:
        joined = join_paths(one.images, known) if known and one.images != tuple(known) else {}
        renamed = {path: name for path, name in joined.items() if path != name}
        if renamed:
            notes[joined_note(f"rows of {one.source}", renamed, len(one.images))] = None
            values = {renamed.get(path, path): value for path, value in one.values.items()}
            images = tuple(renamed.get(path, path) for path in one.images)
            one = dataclasses.replace(one, values=values, images=images)
        methods.append(one)
        names = set(known)
        known += [path for path in one.images if path not in names]
    return dataclasses.replace(tables, methods=tuple(methods), joined=tuple(notes))


def join_comparisons(
    comparisons: Comparisons, images: Sequence[str], *, stems: bool = False
) -> tuple[Comparisons, list[str]]:
    """Return the comparisons with the names their images have in the score tables, and what was joined.

    Parameters
    ----------
    comparisons
        Pairs as their file names them; an image without a score row keeps its name.
    images
        Every image of the score tables.
    stems
        Suffixes are not certain (:attr:`fiqx_trt.evaluate.pair_file.PairsFile.stems`).
    """
    joined = join_paths(comparisons.paths, images, stems=stems)
    joined |= _escaped(comparisons.paths, images, joined)
    renamed = {path: name for path, name in joined.items() if path != name}
    if not renamed:
        return comparisons, []
    paths = tuple(renamed.get(path, path) for path in comparisons.paths)
    note = joined_note("images of the pairs", renamed, len(comparisons.paths))
    return dataclasses.replace(comparisons, paths=paths), [note]


def _escaped(paths: Sequence[str], images: Sequence[str], joined: Mapping[str, str]) -> dict[str, str]:
    """Return the partners of names that are not UTF-8 and stand in the pairs as score tables write them."""
    left = {path: unescape_text(path) for path in paths if "\\" in path and path not in joined}
    open_images = set(images).difference(joined.values()) if left else set()
    return {path: name for path, name in left.items() if name in open_images}


def joined_note(what: str, renamed: dict[str, str], total: int) -> str:
    """Return a note that names were joined by their end, with an example."""
    path, name = next(iter(renamed.items()))
    return f"{len(renamed)} of {total} {what} are joined with score rows by the end of their path: {path!r} is {name!r}"
