"""Score files of other programs: one small reader per grammar, strict and safe.

Every reader takes a path and returns :class:`ImportedScores`; every error names the line (or, in a pickle,
the byte).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fiqx_trt.importers.base import Collector, ImportedScores, number, read_lines
from fiqx_trt.importers.matching import Match, match_paths
from fiqx_trt.importers.pair_list import ImportedPair, read_pair_list
from fiqx_trt.registry import Registry

__all__ = [
    "FORMATS",
    "Collector",
    "ImportedPair",
    "ImportedScores",
    "Match",
    "format_names",
    "match_paths",
    "number",
    "read_lines",
    "read_pair_list",
    "read_scores",
]

#: Format → ``module:function``, called with the file's path.
FORMATS = Registry(
    "format",
    "fiqx_trt.importers",
    {
        "cr-fiqa": "fiqx_trt.importers.path_score:read_cr_fiqa",
        "ediffiqa": "fiqx_trt.importers.pickled:read_ediffiqa",
        "faceqan": "fiqx_trt.importers.pickled:read_faceqan",
        "faceqnet": "fiqx_trt.importers.faceqnet:read_faceqnet",
        "froq": "fiqx_trt.importers.pickled:read_froq",
        "grafiqs": "fiqx_trt.importers.path_score:read_grafiqs",
        "ijb-score": "fiqx_trt.importers.ijb:read_ijb_score",
        "magface": "fiqx_trt.importers.magface:read_magface",
        "ofiq": "fiqx_trt.importers.ofiq:read_ofiq",
        "path-score": "fiqx_trt.importers.path_score:read_path_score",
        "pickle": "fiqx_trt.importers.pickled:read_pickled",
    },
    reserved=("pairs",),
    also="(for the command import) pairs",
)


def format_names() -> tuple[str, ...]:
    """Return the names of all formats, sorted."""
    return tuple(sorted(FORMATS))


def read_scores(path: Path, *, format: str) -> ImportedScores:
    """Read a score file of another program.

    Parameters
    ----------
    path
        The file.
    format
        One of :func:`format_names`; it is never guessed.

    Raises
    ------
    InvalidInputError
        The format is unknown.
    PluginError
        Another package registered the format, and it cannot be used.
    SourceError
        The file cannot be read or breaks its grammar; the message names the line.
    """
    reader: Callable[[Path], ImportedScores] = FORMATS.load(format)
    with FORMATS.calling(format):
        return reader(Path(path))
