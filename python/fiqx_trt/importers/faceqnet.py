r"""FaceQnet's ``scores_quality.txt``: header ``img;score``, bracketed numbers, Windows paths.

::

    img;score
    .\\Samples_cropped\\ada.jpg;[0.6183]
    .\\Samples_cropped\\group_2.jpg;[0.41]

Backslashes become ``/``. The suffix ``_k`` of a crop names the k-th face of a picture; it stays part of the
path and is given in :attr:`fiqx_trt.importers.base.ImportedScores.faces` beside it.
"""

from __future__ import annotations

import re
from pathlib import Path

from fiqx_trt.importers.base import Collector, ImportedScores, number, read_lines

__all__ = ["read_faceqnet"]

#: ``group_2.jpg`` and ``group.jpg_2.jpg`` are crop 2 of ``group.jpg``; ``Ada_0002.jpg`` is a picture of its
#: own.
CROP = re.compile(r"(?P<picture>.*[^/])_(?P<k>0|[1-9][0-9]{0,3})(?P<suffix>\.[A-Za-z0-9]{2,5})?")
SUFFIX = re.compile(r".*[^/.]\.[A-Za-z]{2,5}")


def read_faceqnet(path: Path) -> ImportedScores:
    """Read a score file of FaceQnet; column ``faceqnet`` in [0, 1], higher is better.

    Raises
    ------
    SourceError
        The header is missing, or a line is malformed or contradicts another; the message names the line.
    """
    rows = Collector(path)
    faces: dict[str, tuple[str, int]] = {}
    header = False
    for line, text in read_lines(path):
        name, separator, score = text.rpartition(";")
        if not header:
            if (name.strip().lower(), score.strip().lower()) != ("img", "score"):
                raise rows.error(line, f"the header is {text[:80]!r}; 'img;score' was expected")
            header = True
            continue
        if not separator:
            raise rows.error(line, f"{text[:80]!r} has no semicolon; 'path;[score]' was expected")
        name = re.sub(r"[\\/]+", "/", name.strip())
        rows.add(line, name, {"faceqnet": _score(rows, line, score)})
        crop = _crop(name)
        if crop is not None:
            faces[name] = crop
    return rows.result({"faceqnet": True}, faces)


def _score(rows: Collector, line: int, text: str) -> float:
    inner = text.strip()
    if inner.startswith("[") != inner.endswith("]"):
        raise rows.error(line, f"the brackets of {inner[:40]!r} do not close")
    value = number(inner.removeprefix("[").removesuffix("]"))
    if value is None:
        raise rows.error(line, f"the score is {inner[:40]!r}; a number, bracketed or not, was expected")
    return value


def _crop(name: str) -> tuple[str, int] | None:
    match = CROP.fullmatch(name)
    if match is None:
        return None
    picture, suffix = match["picture"], match["suffix"] or ""
    if not SUFFIX.fullmatch(picture):
        picture += suffix
    return picture, int(match["k"])
