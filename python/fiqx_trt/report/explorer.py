"""The table of all rows of a page: its data as one block of JSON, its markup, and the script that shows it.

The script is the package's own, in ``page/*.js``: 650 lines of plain ES2020 that anybody can read in the page itself. The bundle
that a PyPI package ships, DataTables in itables, is 0.7 MB in every page, as much as the rows of ten thousand faces, and what
makes this table useful would still be code of our own: pictures on sheets, the histogram, comparing two faces, links to a row.

The rows are a block of JSON in the page: a page that is opened from a file may not fetch one, and a block of data needs no
hash. The pictures are sheets beside the page (:mod:`fiqx_trt.report.sprites`). Without them the page shows everything else.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.report.faces_data import Faces, Texts
from fiqx_trt.report.sprites import ACROSS, EACH, Sprites
from fiqx_trt.runs.thumbs import FOLDER
from fiqx_trt.text import visible

__all__ = ["FACES_MARKUP", "FACES_STYLE", "Explorer", "content_hash", "faces_script"]


@dataclass(frozen=True)
class Explorer:
    """The table of all rows, as a part of a page; a page has at most one.

    Parameters
    ----------
    faces
        The rows.
    sprites
        Their small pictures.
    shown
        Columns of numbers that have a place in the table; every other one is shown with the enlarged face.
    why
        Why a face is where it is: a text for every row.
    marks
        The same as words to choose by, with blanks between.
    links
        Column with names of files → the folder they are in, relative to the page.
    against
        Two columns that are drawn against each other at once, across and up.
    """

    faces: Faces
    sprites: Sprites
    shown: Sequence[str]
    why: Texts
    marks: Texts
    links: Mapping[str, str]
    against: tuple[str, str] | None = None

    def json(self) -> str:
        """Return the rows as JSON that may stand in a page: without ``<``, and without characters that cannot be seen."""
        faces, sprites = self.faces, self.sprites
        paths = list(map(visible, faces.paths))
        prefix = _folder(paths)
        whole = len(faces) == faces.total
        sheet = {
            "width": sprites.width,
            "height": sprites.height,
            "across": ACROSS,
            "each": EACH,
            "folder": f"{FOLDER}/",
        }
        texts = {"why": self.why, "marks": self.marks, **faces.texts}
        parts = {
            "total": _dumped(faces.total),
            "rank": _dumped(faces.rank),
            "higher": _dumped(faces.higher_is_better),
            "sheet": _dumped(sheet),
            "links": _dumped(dict(self.links)),
            "shown": _dumped(list(self.shown)),
            "against": _dumped(list(self.against or ())),
            "prefix": _dumped(prefix),
            "rows": "null" if whole else _whole(faces.rows),
            "tiles": _whole(sprites.tiles),
            "paths": _dumped([path[len(prefix) :] for path in paths]),
            "numbers": _listed([_dumped(name), _numbers(values)] for name, values in faces.numbers.items()),
            "texts": _listed(
                [_dumped(name), _dumped(list(map(visible, one.words))), _whole(one.codes)]
                for name, one in texts.items()
            ),
        }
        return "{" + ",\n".join(f'"{name}":{value}' for name, value in parts.items()) + "}"


def _folder(paths: Sequence[str]) -> str:
    """Return the folders that all paths begin with."""
    first, last = min(paths, default=""), max(paths, default="")
    differ = next(
        (i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last))
    )
    return first[: first.rfind("/", 0, differ) + 1]


def _dumped(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c")


def _listed(items: Iterable[Sequence[str]]) -> str:
    return "[" + ",".join(f"[{','.join(item)}]" for item in items) + "]"


def _whole(values: NDArray[np.int64] | Sequence[int]) -> str:
    return "[" + ",".join(map(str, np.asarray(values).tolist())) + "]"


def _numbers(values: NDArray[np.float64]) -> str:
    """Return numbers to nine digits, ``null`` where there is none."""
    return "[" + ",".join(["null" if v != v else f"{v:.9g}" for v in values.tolist()]) + "]"


@lru_cache(maxsize=1)
def _files() -> dict[str, str]:
    folder = Path(__file__).with_name("page")
    return {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir() if file.is_file()}


def faces_script() -> str:
    """Return the script of the table."""
    files = _files()
    parts = [files[name] for name in sorted(files) if name.endswith(".js")]
    return '"use strict";\n(() => {\n' + "\n".join(parts) + "})();\n"


FACES_MARKUP = _files()["faces.html"]
FACES_STYLE = _files()["faces.css"]


def content_hash(text: str) -> str:
    """Return what a content policy names a script or a style sheet by.

    Examples
    --------
    >>> content_hash("alert(1)")
    "'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI='"
    """
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
