"""The CSV of OFIQ's sample program (ISO/IEC 29794-5 reference implementation).

::

    Filename;UnifiedQualityScore;Sharpness;UnifiedQualityScore.scalar;Sharpness.scalar;assessment_time_in_ms;
    faces/ada.jpg;21.4;3;88;71;412

Later versions call the native values ``<name>.native``; the columns here have one name for both. Where no output file is
given the program prints the same to its standard output, behind lines that tell how long it took to start and
``OFIQ library version: 1.0.3``: the version then goes into the record of the import.

The header ends with a semicolon and so has one field more than the rows. Each component stands twice: its
native value and, as ``<name>.scalar``, its quality component value from 0 to 100, where higher is better. A
component that could not be assessed has the scalar -1, and its native value means nothing; both become NaN. A
native value of -1 beside a valid scalar is a value (a head pose of minus one degree) and stays.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from fiqx_trt.errors import SourceError
from fiqx_trt.importers.base import NAN, Collector, ImportedScores, number, read_lines

__all__ = ["COMPONENTS", "read_ofiq"]

#: Unified quality score and the 27 components, in the order of the program.
COMPONENTS = (
    "UnifiedQualityScore",
    "BackgroundUniformity",
    "IlluminationUniformity",
    "LuminanceMean",
    "LuminanceVariance",
    "UnderExposurePrevention",
    "OverExposurePrevention",
    "DynamicRange",
    "Sharpness",
    "CompressionArtifacts",
    "NaturalColour",
    "SingleFacePresent",
    "EyesOpen",
    "MouthClosed",
    "EyesVisible",
    "MouthOcclusionPrevention",
    "FaceOcclusionPrevention",
    "InterEyeDistance",
    "HeadSize",
    "LeftwardCropOfTheFaceImage",
    "RightwardCropOfTheFaceImage",
    "MarginAboveOfTheFaceImage",
    "MarginBelowOfTheFaceImage",
    "HeadPoseYaw",
    "HeadPosePitch",
    "HeadPoseRoll",
    "ExpressionNeutrality",
    "NoHeadCoverings",
)
TIME = "assessment_time_in_ms"
SCALAR, NATIVE = ".scalar", ".native"
#: What may stand before the header.
VERSION = re.compile(r"OFIQ library version:\s*([0-9][0-9A-Za-z.+-]{0,40})\s*")
INFO = re.compile(r"\[INFO\].*")
MISSING = -1.0


def read_ofiq(path: Path) -> ImportedScores:
    """Read a CSV of OFIQ; one column per component and one per scalar, the time is not kept.

    The scalars and the native unified quality score are better when higher; what a native component means is
    its own.

    Raises
    ------
    SourceError
        The header is not OFIQ's, or a line is malformed or contradicts another; the message names the line.
    """
    rows = Collector(path)
    columns: list[str] | None = None
    version: str | None = None
    for line, text in read_lines(path):
        if columns is None:
            told = VERSION.fullmatch(text)
            if told is not None:
                version = told[1]
            elif not INFO.fullmatch(text):
                columns = _header(rows, line, text)
            continue
        # Split from the right: a file name may contain semicolons, a number cannot.
        fields = text.rsplit(";", len(columns))
        if len(fields) != len(columns) + 1:
            raise rows.error(line, f"{text.count(';') + 1} fields instead of {len(columns) + 1}")
        rows.add(line, fields[0], _values(rows, line, columns, fields[1:]))
    if columns is None:
        raise SourceError(f"{path} is empty; a CSV of OFIQ was expected")
    kept = [column for column in columns if column != TIME]
    found = rows.result({c: True if c.endswith(SCALAR) or c == COMPONENTS[0] else None for c in kept})
    return replace(found, version=version)


def _header(rows: Collector, line: int, text: str) -> list[str]:
    fields = text.strip().removesuffix(";").split(";")
    if fields[0] != "Filename" or len(fields) < 2:
        raise rows.error(
            line, f"the header begins with {text[:40]!r}; 'Filename;…' with OFIQ's components was expected"
        )
    columns = [column.removesuffix(NATIVE) for column in fields[1:]]
    allowed = {TIME, *COMPONENTS, *(name + SCALAR for name in COMPONENTS)}
    for position, column in enumerate(columns):
        if column not in allowed:
            raise rows.error(line, f"column {column!r} is none of OFIQ's components")
        if column in columns[:position]:
            raise rows.error(line, f"column {column!r} stands twice")
    if not any(column.endswith(SCALAR) for column in columns):
        raise rows.error(line, "there is no '.scalar' column, so missing values cannot be told from others")
    return columns


def _values(rows: Collector, line: int, columns: list[str], fields: list[str]) -> dict[str, float]:
    values: dict[str, float] = {}
    for column, field in zip(columns, fields, strict=True):
        value = number(field)
        if value is None:
            raise rows.error(line, f"{column} is {field[:40]!r}; a decimal number was expected")
        values[column] = value
    values.pop(TIME, None)
    for column in columns:
        if column.endswith(SCALAR) and values[column] == MISSING:
            values[column] = NAN
            if column.removesuffix(SCALAR) in values:
                values[column.removesuffix(SCALAR)] = NAN
    return values
