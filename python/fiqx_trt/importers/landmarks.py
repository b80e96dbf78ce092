r"""Ready five-point landmarks of pictures, in the place of a detector.

==========================  ============================================================================
file                        holds
==========================  ============================================================================
``.csv .jsonl .parquet``    ``path`` and ``left_eye_x, left_eye_y, right_eye_x … right_mouth_y``, as score
                            tables have them, or ``x1, y1 … x5, y5``; ``x0, y0, x1, y1, confidence, face,
                            faces, status, error`` of a score table are used as well
anything else               lines of a path and ten numbers, ``path x1 y1 … x5 y5``, blanks or tabs
                            between; a line that begins with ``#`` is a comment. Behind the numbers may stand the
                            detector's score, as in ``ijbc_name_5pts_score.txt``
==========================  ============================================================================

The points are, in this order, the eye on the picture's left, the eye on its right, the nose, and the corners of the
mouth on the left and on the right, in pixels of the upright picture, the centre of its first pixel at (0, 0).

A picture's row is the one with the same path (after ``\`` → ``/``, without ``./``), else the only one of which
one path ends with the other, whole components at a time: ``ada/1.jpg`` is the row of ``/data/faces/ada/1.jpg``.
Several rows with one path are several faces; identical ones count once.

A face on which left and right are certainly exchanged (see `fiqx_trt.faces.align.exchanged`) is not aligned to nonsense:
its row is ``no_face`` and says so. They are not exchanged back, since nobody knows what else of such a row is wrong.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import math
import os
import threading
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import ImageError, SourceError
from fiqx_trt.faces.align import exchanged
from fiqx_trt.faces.detect import Detections
from fiqx_trt.faces.tables import TABLE_SUFFIXES, no_column, read_records
from fiqx_trt.files import open_regular
from fiqx_trt.importers.base import number
from fiqx_trt.importers.ijb import split_points
from fiqx_trt.importers.matching import is_tail, normal
from fiqx_trt.text import shown, unescape_text

__all__ = ["LANDMARK_COLUMNS", "LandmarkFile", "file_sha256", "read_landmarks"]

_logger = logging.getLogger(__name__)

LANDMARK_COLUMNS = tuple(
    f"{point}_{axis}"
    for point in ("left_eye", "right_eye", "nose", "left_mouth", "right_mouth")
    for axis in "xy"
)
"""The ten columns of a score table, in order."""

_NUMBERED = tuple(f"{axis}{index}" for index in range(1, 6) for axis in "xy")
_BOX = ("x0", "y0", "x1", "y1")
_ALSO = ("face", "faces", "status", "error", "confidence")
_REPEATED = ("no_face", "several_faces", "too_small")  # what a score table says of a picture's faces
_INFINITE = frozenset(("inf", "+inf", "-inf", "infinity", "+infinity", "-infinity"))

Values = Mapping[str, object]


class LandmarkFile:
    """The faces of pictures, by path; a `fiqx_trt.faces.detect.Locator`.

    Use :func:`read_landmarks` to make one. All faces are in memory, a few hundred bytes each.

    Parameters
    ----------
    path
        The file, for messages.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._points, self._boxes, self._confidence = array("f"), array("f"), array("f")
        self._numbers: list[int | None] = []  # which face of its picture a row is, if it says so
        self._failed: dict[int, tuple[str, str]] = {}
        self._faces: dict[int, int] = {}  # of a picture's first row: how many faces it has
        self._first: dict[str, int] = {}
        self._more: dict[int, list[int]] = {}
        self._by_name: dict[str, list[str]] | None = None
        self._lock = threading.Lock()
        self._exact: set[str] = set()
        self._tails: dict[str, str] = {}

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self._first)

    def locate(self, path: str) -> Detections:
        """Return the faces of a picture.

        Raises
        ------
        ImageError
            ``no_face`` when the file has no row for the picture, several that fit alike, or none with
            landmarks; a score table's own status, such as ``several_faces``, where it says why.
        SourceError
            A row fits this picture and another one alike.
        """
        key = normal(path)
        exact = key in self._first
        row = key if exact else self._tail(key)
        self._claim(row, path, exact=exact)
        first = self._first[row]
        indices = [first, *self._more.get(first, ())]
        known = [index for index in indices if index not in self._failed]
        if not known:
            status, error = self._failed[first]
            raise ImageError(error, status=status)
        return Detections(
            _taken(self._boxes, known, (4,)),
            _taken(self._confidence, known, ()),
            _taken(self._points, known, (5, 2)),
            max(len(indices), self._faces.get(first, 0)),
        )

    def _tail(self, key: str) -> str:
        """Return the only row of which one path ends with the other."""
        with self._lock:
            if self._by_name is None:
                self._by_name = {}
                for name in self._first:
                    self._by_name.setdefault(name.rpartition("/")[2], []).append(name)
        fitting = [name for name in self._by_name.get(key.rpartition("/")[2], ()) if is_tail(key, name)]
        if not fitting:
            raise ImageError(f"no landmarks for this picture in {shown(self.path)}", status="no_face")
        if len(fitting) > 1:
            rows = ", ".join(map(repr, fitting[:3]))
            message = f"{len(fitting)} rows of {shown(self.path)} fit this path alike: {rows}"
            raise ImageError(message, status="no_face")
        return fitting[0]

    def _claim(self, row: str, path: str, *, exact: bool) -> None:
        """Refuse to give the landmarks of one picture to two."""
        with self._lock:
            if exact:
                self._exact.add(row)
                other = self._tails.get(row, path)
            else:
                other = self._tails.setdefault(row, path)
                other = row if row in self._exact else other
        if other != path and not _same_file(other, path):
            raise SourceError(
                f"{shown(self.path)}: the row {row!r} fits {other!r} and {path!r} alike; write paths there that "
                "tell the pictures apart"
            )

    def add(self, where: str, name: str, points: Sequence[float], row: Values) -> None:
        """Add a row of the file.

        Raises
        ------
        SourceError
            It contradicts an earlier row.
        """
        if not name:
            raise SourceError(f"{where}: the path is empty")
        data = array("f", points)
        key, face = normal(name), _whole(row.get("face"))
        index = len(self._numbers)
        first = self._first.setdefault(key, index)
        for other in (first, *self._more.get(first, ())) if first != index else ():
            if self._points[10 * other : 10 * other + 10].tobytes() == data.tobytes():
                return
            if face is not None and face == self._numbers[other]:
                raise SourceError(
                    f"{where}: {name!r} has other landmarks of face {face} than before; keep one of the two"
                )
        if first != index:
            self._more.setdefault(first, []).append(index)
        self._numbers.append(face)
        self._points += data
        self._boxes += array("f", (_value(row.get(column)) for column in _BOX))
        self._confidence.append(_value(row.get("confidence")))
        if all(map(math.isnan, points)):
            self._failed[index] = self._reason(row)
        if faces := _whole(row.get("faces")):
            self._faces[first] = max(faces, self._faces.get(first, 0))

    def _reason(self, row: Values) -> tuple[str, str]:
        status, error = row.get("status"), row.get("error") or "its row is empty"
        if status in _REPEATED:
            return str(status), str(error)
        if status == "ok":
            error = "the picture was taken as an aligned crop there"
        return "no_face", f"no landmarks for this picture in {shown(self.path)}: {error}"

    def exchanged(self) -> tuple[int, int]:
        """Return on how many faces left and right are exchanged, and how many there are."""
        points = np.frombuffer(self._points, np.float32).reshape(-1, 5, 2)
        points = points[np.isfinite(points).all(axis=(1, 2))]
        return int(exchanged(points).sum()), len(points)


def read_landmarks(path: Path) -> LandmarkFile:
    """Read a file of ready landmarks; see the table above.

    Raises
    ------
    SourceError
        The file cannot be read, lacks a column, has a line of another form, or holds no landmarks.

    Examples
    --------
    >>> import tempfile
    >>> from fiqx_trt.files import write_atomic
    >>> file = Path(tempfile.mkdtemp()) / "landmarks.txt"
    >>> write_atomic(file, b"ada/1.jpg 38 51 73 51 56 71 41 92 70 92")
    >>> read_landmarks(file).locate("faces/ada/1.jpg").landmarks[0, 2].tolist()
    [56.0, 71.0]
    """
    path = _regular(Path(path))
    known = LandmarkFile(path)
    read: Callable[[Path, LandmarkFile], None] = (
        _read_table if path.suffix.lower() in TABLE_SUFFIXES else _read_lines
    )
    read(path, known)
    if not len(known):
        raise SourceError(f"{shown(path)} holds no landmarks")
    wrong, faces = known.exchanged()
    if wrong:
        _logger.warning(
            "left and right are exchanged on %s of %s faces in %s, whose rows say so: they are as seen in the picture, not "
            "the person's",
            f"{wrong:,}",
            f"{faces:,}",
            shown(path),
        )
    return known


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal digits.

    Raises
    ------
    SourceError
        The file cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with _regular(Path(path)).open("rb") as file:
            while piece := file.read(1 << 20):
                digest.update(piece)
    except OSError as error:
        raise SourceError(f"cannot read the landmarks {shown(path)}: {error.strerror or error}") from error
    return digest.hexdigest()


def _regular(path: Path) -> Path:
    if not path.exists():
        raise SourceError(f"cannot read the landmarks {shown(path)}: No such file or directory")
    if not path.is_file():  # it is read twice
        raise SourceError(f"{shown(path)} is not a regular file of landmarks")
    return path


def _read_table(path: Path, known: LandmarkFile) -> None:
    columns: Sequence[str] = ()

    def choose(names: Sequence[str]) -> Sequence[str]:
        nonlocal columns
        own = LANDMARK_COLUMNS[0] in names or _NUMBERED[0] not in names or "x0" in names
        columns = LANDMARK_COLUMNS if own else _NUMBERED
        for column in ("path", *columns):
            if column not in names:
                cure = f"Give path and {columns[0]}, {columns[1]} … {columns[-1]}"
                raise no_column(str(path), column, names, cure)
        also = [name for name in (*_BOX, *_ALSO) if name in names] if own else []
        return ("path", *columns, *also)

    for where, row in read_records(str(path), choose):
        name = row["path"] if isinstance(row["path"], str) else ""
        if "face" in row:
            name = unescape_text(name)
        known.add(where, name, _numbers([row[column] for column in columns], where, columns), row)


def _read_lines(path: Path, known: LandmarkFile) -> None:
    for where, line in _lines(path):
        *head, last = line.rsplit(maxsplit=10) if line.strip() else [""]
        if not last or line.startswith("#"):
            continue
        scored = split_points(line) if len(head) == 10 and len(head[0].split()) == 2 else None
        if scored is not None:
            confidence = {"confidence": _value(scored[2], where, "the score")}
            known.add(where, scored[0], _numbers(scored[1], where, ["a landmark"] * 10), confidence)
            continue
        if len(head) < 10:
            raise SourceError(
                f"{where}: wanted a path and ten numbers, 'path x1 y1 … x5 y5'; got {line[:60]!r}"
            )
        texts = [*head[1:], last]
        known.add(where, head[0], _numbers(texts, where, ["a landmark"] * 10), {})


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    try:
        with open_regular(path) as file:
            for line, raw in enumerate(file, 1):
                text = raw.removeprefix(b"\xef\xbb\xbf") if line == 1 else raw
                yield f"{shown(path)}, line {line}", os.fsdecode(text)
    except OSError as error:
        raise SourceError(f"cannot read the landmarks {shown(path)}: {error.strerror or error}") from error


def _numbers(values: Sequence[object], where: str, columns: Sequence[str]) -> list[float]:
    texts = [value for value in values if isinstance(value, str)]
    if len(texts) == len(values) and "_" not in "".join(texts):
        with contextlib.suppress(ValueError):  # the usual case, many times as fast
            return [float(text) for text in texts]
    return [_value(value, where, column) for value, column in zip(values, columns, strict=True)]


def _value(value: object, where: str = "", column: str = "") -> float:
    """Return a number; NaN where there is none. What is no number is an error if it must be one."""
    if value is None or value == "":
        return math.nan
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    text = str(value).strip()
    found = number(text) if isinstance(value, str) else None
    if found is None and text.lower() in _INFINITE:
        return math.inf
    if found is None and where:
        raise SourceError(f"{where}: {column} is {text[:40]!r}; a number was expected")
    return math.nan if found is None else found


def _whole(value: object) -> int | None:
    number_ = _value(value)
    return int(number_) if math.isfinite(number_) else None


def _taken(values: array[float], indices: Sequence[int], shape: tuple[int, ...]) -> NDArray[np.float32]:
    table = np.frombuffer(values, np.float32).reshape(-1, *shape)
    return table[list(indices)]


def _same_file(a: str, b: str) -> bool:
    """Tell whether two spellings name one file; `a` may have lost its first slash (`normal`)."""
    whole = normal(os.path.abspath(b))  # noqa: PTH100 -- by the spelling alone, as files in archives have no other
    return whole in (normal(a), normal(os.path.abspath(a)))  # noqa: PTH100
