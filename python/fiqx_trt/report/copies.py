"""The degraded copies of an assessment as rows of its page: quality against the similarity that is left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fiqx_trt.experiments.degradations import degrade
from fiqx_trt.report.all_faces import all_faces
from fiqx_trt.report.faces_data import Faces, Texts
from fiqx_trt.report.html import Section
from fiqx_trt.report.sprites import write_sprites
from fiqx_trt.runs.thumbs import ThumbFile, face_tile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fiqx_trt.experiments.assessment_study import AssessmentStudy

__all__ = ["copies_section"]

#: Copies of which small pictures are made; each is degraded once more for it.
PICTURES = 20_000
SIMILARITY, GENUINE = "similarity", "genuine_similarity"


def copies_section(study: AssessmentStudy, folder: Path) -> Section:
    """Write the sheets of small pictures, and return the section of all faces and their degraded copies.

    Raises
    ------
    OutputError
        The folder cannot be written.
    """
    rows = study.tables()["copies.csv"]
    faces = _faces(study, rows)
    with ThumbFile(folder) as thumbs:
        thumbs.discard()
        for number, picture in zip(range(PICTURES), _pictures(study), strict=False):
            thumbs.add(number, int(faces.numbers["face"][number]), face_tile(picture))
        sprites = write_sprites(thumbs, faces)
    why, marks = Texts(), Texts()
    why.extend([_words(row) for row in rows])
    marks.extend(["untouched" if row["degradation"] == "none" else str(row["degradation"]) for row in rows])
    against = GENUINE if GENUINE in faces.numbers else SIMILARITY
    other = (
        ", and genuine_similarity the mean cosine to the other pictures of the person"
        if against == GENUINE
        else ""
    )
    return all_faces(
        faces,
        sprites,
        (why, marks),
        shown=[faces.rank, SIMILARITY, GENUINE, *list(study.scores.clean)[1:], "strength"],
        reading=f"A row for each face and each degraded copy; similarity is the cosine to the untouched face{other}. A quality "
        "that means something rises with them.",
        title="All copies, the lowest quality first",
        against=(against, faces.rank),
    )


def _words(row: dict[str, Any]) -> str:
    return (
        "untouched" if row["degradation"] == "none" else f"{row['degradation']}, strength {row['strength']:g}"
    )


def _faces(study: AssessmentStudy, rows: list[dict[str, Any]]) -> Faces:
    """Return the rows of ``copies.csv`` as those of a page."""
    rank = next(iter(study.scores.clean))
    names = [name for name in rows[0] if name not in ("path", "face", "degradation")]
    numbers = {name: np.array([row[name] for row in rows], np.float64) for name in ("face", *names)}
    numbers["faces"] = np.ones(len(rows))
    for values in numbers.values():
        values[~np.isfinite(values)] = np.nan
    status, degradation, error = Texts(), Texts(), Texts()
    status.extend(["not_finite" if np.isnan(value) else "ok" for value in numbers[rank]])
    degradation.extend([row["degradation"] for row in rows])
    error.extend([None] * len(rows))
    places = np.arange(len(rows))
    return Faces(
        len(rows),
        rank,
        study.scores.higher_is_better[rank],
        places,
        places,
        [str(row["path"]) for row in rows],
        numbers,
        {"status": status, "error": error, "degradation": degradation},
    )


def _pictures(study: AssessmentStudy) -> Iterator[NDArray[np.uint8]]:
    """Yield the picture of each row of ``copies.csv``."""
    scores = study.scores
    for image in study.setup.faces.images:
        yield image
        for kind in scores.kinds:
            for level in scores.levels:
                yield degrade(image, kind, level)
