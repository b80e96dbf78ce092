"""What is seen in a face that got a low quality: words for a reader, and marks to choose faces by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.explain.appearance import DARK
from fiqx_trt.report.bands import BANDS
from fiqx_trt.report.faces_data import Faces, Texts
from fiqx_trt.rows import DETECTION_COLUMNS

__all__ = ["FACE_PIXELS", "map_reasons", "pose", "score_reasons", "take_geometry"]

#: Name of the shorter side of a face's box, in pixels, on the page.
FACE_PIXELS = "face_px"
#: A face is called small below this share of the network's input, tilted from these degrees on, turned where the nose is so far
#: from the middle of the eyes, unsure below this confidence. ``scripts/mark_worth.py`` measures how often such faces fail.
SMALL, TILTED, TURNED, UNSURE = 0.3, 20.0, 0.4, 0.9

Numbers = NDArray[np.float64]


def take_geometry(faces: Faces) -> dict[str, Numbers]:
    """Remove box and landmarks from the columns of a page, and put the size of the face in their place.

    Returns
    -------
    dict
        Column → ``(N,)``, what was removed; empty where nothing was detected.
    """
    names = [column.name for column in DETECTION_COLUMNS if column.name != "confidence"]
    taken = {name: faces.numbers.pop(name) for name in names if name in faces.numbers}
    if taken:
        width, height = taken["x1"] - taken["x0"], taken["y1"] - taken["y0"]
        faces.numbers[FACE_PIXELS] = np.rint(np.minimum(width, height))
    return taken


def score_reasons(
    faces: Faces,
    geometry: Mapping[str, Numbers],
    grey: Numbers,
    input_side: int,
    percentile: Numbers | None = None,
) -> tuple[Texts, Texts]:
    """Return why each face may have its quality, as far as the picture and the place of its landmarks tell, and marks.

    Parameters
    ----------
    faces
        The rows; of a failed one its error is told.
    geometry
        From :func:`take_geometry`.
    grey
        Mean grey of the small pictures, 0 … 255, NaN where there is none, ``(N,)``.
    input_side
        Shorter side of the network's input, in pixels.
    percentile
        Where each quality lies among those of the calibration faces, 0 … 100, NaN where there is none, ``(N,)``.
    """
    found: list[tuple[str, str, NDArray[np.bool_], Numbers]] = [
        ("dark", "dark (mean grey {:.0f} of 255)", grey < DARK, grey)
    ]
    if geometry:
        side, (tilt, turn) = faces.numbers[FACE_PIXELS], pose(geometry)
        found = [
            ("small", "small, {:.0f} px", side < SMALL * input_side, side),
            ("tilted", "tilted by {:.0f}°", tilt > TILTED, tilt),
            ("turned", "turned to a side", turn > TURNED, turn),
            *found,
        ]
    if "confidence" in faces.numbers:
        sure = faces.numbers["confidence"]
        found.append(("unsure", "the detector is unsure ({:.2f})", sure < UNSURE, sure))
    if percentile is not None:
        text, above = "lower than {:.0f} % of the calibration faces", np.floor(100.0 - percentile)
        ends = [0.0, *BANDS][:-1]
        masks = [(percentile >= low) & (percentile < end) for low, end in zip(ends, BANDS, strict=False)]
        bands = [(f"lowest-{end:g}%", text, mask, above) for end, mask in zip(BANDS, masks, strict=False)]
        found = [*found, *bands]
    ok, words = faces.ok, list(faces.texts["error"].words)
    errors = faces.texts["error"].codes
    why, marks = Texts(), Texts()
    seen = np.logical_or.reduce([mask for _, _, mask, _ in found]) & ok
    for i in range(len(faces)):
        parts = (
            [(mark, text.format(values[i])) for mark, text, mask, values in found if mask[i]]
            if seen[i]
            else []
        )
        why.extend([", ".join(text for _, text in parts) if ok[i] else words[errors[i]]])
        marks.extend([" ".join(mark for mark, _ in parts)])
    return why, marks


def pose(geometry: Mapping[str, Numbers]) -> tuple[Numbers, Numbers]:
    """Return how far each face is tilted, in degrees, and the nose is from the middle of the eyes, in eye distances."""
    x, y = geometry["right_eye_x"] - geometry["left_eye_x"], geometry["right_eye_y"] - geometry["left_eye_y"]
    middle_x = (geometry["right_eye_x"] + geometry["left_eye_x"]) / 2
    middle_y = (geometry["right_eye_y"] + geometry["left_eye_y"]) / 2
    along = (geometry["nose_x"] - middle_x) * x + (geometry["nose_y"] - middle_y) * y
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.abs(np.degrees(np.arctan2(y, x))), np.abs(along / (x * x + y * y))


def map_reasons(faces: Faces, *, words: str = "", flags: Sequence[str] = ()) -> tuple[Texts, Texts]:
    """Return why each face has its map, from columns of its table, and marks.

    Parameters
    ----------
    faces
        The rows; of a failed one its error is told.
    words
        Column with the words of a face; none where it is empty.
    flags
        Columns that are 1 where a face has what they are called, and the column ``low`` with names of regions.
    """
    why, marks, ok = Texts(), Texts(), faces.ok
    told = _texts(faces, words)
    errors = _texts(faces, "error")
    low = _texts(faces, "low")
    set_ = {name: faces.numbers[name] == 1 for name in flags if name in faces.numbers}
    for i, (text, error, regions) in enumerate(zip(told, errors, low, strict=True)):
        why.extend([text if ok[i] else error])
        marks.extend([" ".join([*regions.split(), *(name for name, mask in set_.items() if mask[i])])])
    return why, marks


def _texts(faces: Faces, name: str) -> Iterator[str]:
    if name not in faces.texts:
        return iter([""] * len(faces))
    words = list(faces.texts[name].words)
    return (words[code] for code in faces.texts[name].codes)
