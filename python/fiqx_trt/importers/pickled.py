"""Pickled ``dict(path → number)``, as eDifFIQA, FaceQAN and FROQ write them; read without unpickling."""

from __future__ import annotations

from pathlib import Path

from fiqx_trt.errors import SourceError
from fiqx_trt.files import read_regular
from fiqx_trt.importers.base import Collector, ImportedScores
from fiqx_trt.pickle_reader import read_pickle

__all__ = ["read_ediffiqa", "read_faceqan", "read_froq", "read_pickled"]


def read_pickled(path: Path) -> ImportedScores:
    """Read a pickled dictionary of any program; column ``score``, whose direction the user must say."""
    return _read(path, "score", None)


def read_ediffiqa(path: Path) -> ImportedScores:
    """Read ``quality-scores.pkl`` of eDifFIQA (and DifFIQA); column ``ediffiqa``, higher is better."""
    return _read(path, "ediffiqa", True)


def read_faceqan(path: Path) -> ImportedScores:
    """Read the pickled scores of FaceQAN; column ``faceqan``, higher is better."""
    return _read(path, "faceqan", True)


def read_froq(path: Path) -> ImportedScores:
    """Read the pickled scores of FROQ; column ``froq``, higher is better."""
    return _read(path, "froq", True)


def _read(path: Path, column: str, higher_is_better: bool | None) -> ImportedScores:
    try:
        data = read_regular(path)
    except OSError as error:
        raise SourceError(f"cannot read the score file {path}: {error.strerror or error}") from error
    table = read_pickle(data, name=str(path))
    if not isinstance(table, dict):
        raise SourceError(
            f"{path} holds a {type(table).__name__}; a dictionary from paths to numbers was expected"
        )
    rows = Collector(path)
    for name, value in table.items():
        single = value[0] if isinstance(value, list) and len(value) == 1 else value
        if isinstance(single, bool) or not isinstance(single, int | float) or abs(single) == float("inf"):
            raise SourceError(
                f"{path}: the score of {name!r} is {str(value)[:40]}; one finite number was expected"
            )
        rows.add(0, name, {column: float(single)})
    return rows.result({column: higher_is_better})
