"""Templates: several images of one person that are compared as one, as the protocols of IJB-B and IJB-C have it.

A template's embedding is the mean over its media, each the mean of its images' unit embeddings (the frames of one video
are one medium), scaled to unit length. Its quality is the mean of its images' qualities. Images without an embedding or a
quality do not count.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError, SourceError
from fiqx_trt.evaluate.embeddings import Embeddings
from fiqx_trt.evaluate.score_tables import MethodScores, ScoreTables
from fiqx_trt.importers.base import read_lines
from fiqx_trt.importers.tails import join_paths

__all__ = ["Templates", "read_templates", "template_embeddings", "template_scores"]


@dataclass(frozen=True)
class Templates:
    """Templates and the images that each consists of.

    Parameters
    ----------
    names
        T names of templates, as pairs have them.
    images
        N paths of images; an image may stand in several templates.
    template, medium
        ``(N,)`` int64: position in ``names`` of each image's template, and the medium it comes from.
    """

    names: tuple[str, ...]
    images: tuple[str, ...]
    template: NDArray[np.int64]
    medium: NDArray[np.int64]

    def only(self, names: Sequence[str]) -> Templates:
        """Return some of the templates, in this order.

        Raises
        ------
        InvalidInputError
            One of them is not listed.
        """
        place = {name: i for i, name in enumerate(names)}
        unknown = sorted(set(names).difference(self.names), key=names.index)
        if unknown:
            raise InvalidInputError(
                f"{len(unknown)} of {len(names)} templates of the pairs are not listed, the first {unknown[0]!r}; the list of "
                f"--templates begins with {self.names[0]!r}"
            )
        where = np.array([place.get(name, -1) for name in self.names], np.int64)[self.template]
        rows = np.flatnonzero(where >= 0)
        images = tuple(self.images[i] for i in rows.tolist())
        return Templates(tuple(names), images, where[rows], self.medium[rows])

    def joined(self, known: Sequence[str]) -> tuple[Templates, int]:
        """Return the templates with the names that images have elsewhere, and how many images have none there."""
        joined = join_paths(tuple(dict.fromkeys(self.images)), known)
        images = tuple(joined.get(image, image) for image in self.images)
        return dataclasses.replace(self, images=images), sum(
            image not in joined for image in set(self.images)
        )


def read_templates(path: Path) -> Templates:
    """Read lines ``name template medium``, as ``ijbc_face_tid_mid.txt`` has them.

    Raises
    ------
    SourceError
        The file cannot be read or a line is malformed; the message names it.
    """
    names: dict[str, int] = {}
    images: list[str] = []
    template: list[int] = []
    medium: list[int] = []
    for line, text in read_lines(path):
        fields = text.rsplit(maxsplit=2)
        if len(fields) != 3 or not (fields[1].isdecimal() and fields[2].isdecimal()):
            raise SourceError(
                f"{path}, line {line}: {text[:80]!r} is not 'name template medium' with two numbers; --templates takes a list "
                "such as ijbc_face_tid_mid.txt"
            )
        images.append(fields[0].strip())
        template.append(names.setdefault(fields[1], len(names)))
        medium.append(int(fields[2]))
    if not images:
        raise SourceError(f"{path} lists no templates; give lines 'name template medium'")
    return Templates(tuple(names), tuple(images), np.array(template, np.int64), np.array(medium, np.int64))


def template_scores(tables: ScoreTables, templates: Templates) -> ScoreTables:
    """Return the methods' scores per template: the mean over its images that have one."""
    return dataclasses.replace(tables, methods=tuple(_scores(one, templates) for one in tables.methods))


def _scores(one: MethodScores, templates: Templates) -> MethodScores:
    values = np.array([one.values.get(image, np.nan) for image in templates.images], np.float64)
    known = ~np.isnan(values)
    count = len(templates.names)
    counts = np.bincount(templates.template[known], minlength=count)
    sums = np.bincount(templates.template[known], values[known], minlength=count)
    means = {
        name: float(total / n)
        for name, total, n in zip(templates.names, sums.tolist(), counts.tolist(), strict=True)
        if n
    }
    return dataclasses.replace(one, values=means, images=templates.names)


def template_embeddings(templates: Templates, embedded: Embeddings) -> Embeddings:
    """Return one embedding per template, and why there is none where no image has one.

    Parameters
    ----------
    templates
        T templates.
    embedded
        Embeddings of unit length of all their images, each once.
    """
    place = {path: i for i, path in enumerate(embedded.paths)}
    rows = np.array([place[image] for image in templates.images], np.int64)
    rows_known = np.array([path not in embedded.errors for path in embedded.paths], np.bool_)[rows]
    order = np.lexsort((templates.medium, templates.template))
    order = order[rows_known[order]]
    template, medium = templates.template[order], templates.medium[order]
    starts = np.flatnonzero(np.diff(template, prepend=-1) | np.diff(medium, prepend=-1))
    of_media = _means(embedded.vectors[rows[order]], starts)
    owner = template[starts]
    firsts = np.flatnonzero(np.diff(owner, prepend=-1))
    vectors = np.zeros((len(templates.names), embedded.vectors.shape[1]))
    vectors[owner[firsts]] = _means(of_media, firsts)
    norms = np.linalg.norm(vectors, axis=1)
    lacking = np.flatnonzero(~(norms > 0.0))
    vectors /= np.where(norms > 0.0, norms, np.nan)[:, None]
    errors = {templates.names[i]: "no image of this template has an embedding" for i in lacking.tolist()}
    return Embeddings(templates.names, vectors.astype(np.float32), errors)


def _means(vectors: NDArray[np.floating], starts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the mean vector of each run of rows, given where the runs begin."""
    sizes = np.diff(starts, append=len(vectors))
    if not len(starts):
        return np.zeros((0, vectors.shape[1]))
    return np.asarray(np.add.reduceat(vectors, starts, axis=0, dtype=np.float64) / sizes[:, None])
