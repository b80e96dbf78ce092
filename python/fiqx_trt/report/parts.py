"""Shared parts of all pages: provenance, pictures, numbers in words, writing the page."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fiqx_trt import __version__
from fiqx_trt.errors import OutputError
from fiqx_trt.files import write_settled
from fiqx_trt.report.html import Facts, Figure, Files, Notes, Page, Section, Table
from fiqx_trt.rows import RunMeta, meta_path
from fiqx_trt.runs.record import RunRecord
from fiqx_trt.text import percent
from fiqx_trt.zoo import EMBEDDED_MODEL

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fiqx_trt.evaluate.score_tables import ScoreTables
    from fiqx_trt.figures.canvas import Picture
    from fiqx_trt.models import Model, ModelSpec
    from fiqx_trt.runs.record import RanModel

__all__ = [
    "BUILTIN_MODEL",
    "FEW_IMAGES",
    "REPORT",
    "STATUS_WORDS",
    "cautions",
    "closing",
    "decimal",
    "drawn",
    "existing",
    "interval",
    "method_name",
    "model_cautions",
    "model_facts",
    "page_foot",
    "percent",
    "plain",
    "rate",
    "save_page",
    "score_table",
    "share",
    "skipped_words",
    "uniform_caution",
]

#: The file every command writes.
REPORT = "report.html"
#: The embedded model; its reports say what it is.
BUILTIN_MODEL = EMBEDDED_MODEL
#: Groups and samples below this size are called small.
FEW_IMAGES = 30
#: Pictures in a page are at most so many pixels wide; the file beside it has all of them.
WIDEST = 1200
#: Six takes a fifth of the time of nine, for pages that are a twentieth larger.
COMPRESSION = 6
#: Pixels of a screen for an inch of a figure: its smallest letters are about 12 pixels high.
SCREEN_INCH = 120
#: Above this correlation a map says little that the plain mean activation does not.
NEARLY_UNIFORM = 0.95
#: A correlation that is 1 to four digits.
SAME = 5e-5
STATUS_WORDS = {
    "no_face": "no face was found",
    "several_faces": "several faces, where a single one was asked for",
    "decode_error": "the file could not be read as a picture",
    "too_small": "the picture or its face is too small",
    "unsupported": "a kind of picture that is not supported",
    "not_finite": "the network gave no finite number",
}


def save_page(page: Page, folder: Path) -> Path:
    """Write ``report.html`` into a folder, which is made, in one step; one that has these very bytes is left alone.

    Raises
    ------
    OutputError
        The folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write {folder}: {error.strerror}; choose another place") from error
    write_settled(folder / REPORT, page.html().encode())
    return folder / REPORT


def page_foot(*, explored: bool = False) -> str:
    """Return the last line of every page; `explored`: it has the table of all rows."""
    holds = (
        "This page loads nothing but the pictures beside it, and its script is in it"
        if explored
        else "This page holds its pictures, loads nothing and runs no script; links lead to the files beside it"
    )
    return f"fiqx_trt {__version__}. {holds}. A quality is utility for one recogniser, not beauty."


def drawn(
    picture: Picture, stem: str, *, alt: str, caption: str, reading: str = "", data: str = ""
) -> Figure:
    """Return a figure of a picture, made smaller where it is large, with links to its files.

    Parameters
    ----------
    picture
        The picture.
    stem
        Path of its files, such as ``<stem>.png`` and ``<stem>.npz``, without suffix, relative to the page.
    alt, caption, reading
        See :class:`fiqx_trt.report.html.Figure`.
    data
        Path of the file with its numbers, where that is not ``<stem>.npz``.
    """
    width = round(picture.pixels.shape[1] * SCREEN_INCH / picture.dpi)
    files = [*(f"{stem}.{kind}" for kind in picture.suffixes), data or f"{stem}.npz"]
    light, dark = (_page_png(one[..., 2::-1]) for one in (picture.pixels, picture.dark_pixels))
    return Figure(light, alt, caption, reading, width, files, dark)


def _page_png(pixels: NDArray[np.uint8]) -> bytes:
    """Return BGR pixels as a PNG of at most :data:`WIDEST` pixels."""
    from fiqx_trt.opencv import cv2

    high, wide = pixels.shape[:2]
    if wide > WIDEST:
        pixels = cv2.resize(pixels, (WIDEST, round(high * WIDEST / wide)), interpolation=cv2.INTER_AREA)
    return bytes(cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, COMPRESSION])[1])


def existing(
    folder: Path, rows: Iterable[tuple[str, str]], *, later: Sequence[tuple[str, str]] = ()
) -> Files:
    """Return links to those of some files that are there, and to others that will be written after the page."""
    return Files([*((name, words) for name, words in rows if (folder / name).exists()), *later])


def closing(facts: Sequence[tuple[str, str]], files: Files, scores: Sequence[Table] = ()) -> list[Section]:
    """Return the last sections of every page: how it was made, and the files."""
    rows = [("program", f"fiqx_trt {__version__}"), *facts]
    return [Section("How it was made", [Facts(rows), *scores]), Section("Files", [files])]


def cautions(record: RunRecord, notes: Sequence[str]) -> Section:
    """Return the section of everything to know before trusting the numbers; warnings of the run stand apart."""
    parts: list[Notes] = []
    if record.warnings:
        parts.append(Notes(list(record.warnings), warning=True))
    if notes:
        parts.append(Notes(list(notes)))
    return Section("Read with care", parts)


def model_facts(model: Model | RanModel) -> list[tuple[str, str]]:
    """Return what ran: the model with its hash and contract, and where.

    Why this backend was taken is left out: those notes hold measured times, and a page has the same bytes every time.
    """
    spec = model.spec
    size = " × ".join(map(str, spec.input_size))
    facts = [
        ("model", spec.name),
        ("model's SHA-256", spec.sha256 or "unknown"),
        ("source and licence", "; ".join(text for text in (spec.source, spec.licence) if text)),
        ("ran on", f"{model.backend}, {model.device}, {model.precision}"),
        ("input", f"{size} pixels, {spec.color}, mean {plain(spec.mean)}, std {plain(spec.std)}"),
        ("faces aligned to", spec.template if isinstance(spec.template, str) else str(spec.template)),
        ("guessed, not stated", ", ".join(spec.guesses)),
        ("calibration", _calibration(spec)),
    ]
    return [(name, value) for name, value in facts if value]


def _calibration(spec: ModelSpec) -> str:
    numbers = [f"{name} = {getattr(spec, field):g}" for name, field in (("α", "alpha"), ("r", "r"), ("γ", "gamma"))
               if getattr(spec, field) is not None]  # fmt: skip
    return (
        "; ".join([", ".join(numbers), *([spec.calibration] if spec.calibration else [])])
        if numbers
        else "none"
    )


def model_cautions(spec: ModelSpec) -> list[str]:
    """Return what a reader should know of a model."""
    notes = []
    if spec.name == BUILTIN_MODEL:
        notes.append(
            "The embedded network (dlib's ResNet) is small, open and old: it is there for machines without a network. Its "
            "qualities are weak, a damaged face may get more than a good one, and it is calibrated on few faces "
            f"({spec.calibration or 'unknown'}). For work, give a modern recogniser with --model and calibrate it."
        )
    return notes


def uniform_caution(correlation: float, channels: float) -> str:
    """Return a note on the mean correlation of activation maps with the plain mean activation, and on its square."""
    if correlation >= 1.0 - SAME:
        return (
            "To four digits the maps are the plain mean activation itself, as they are by definition with --weights uniform: "
            "they show where the network is active at all, hardly what speaks for this face."
        )
    text = (
        f"The maps correlate {decimal(correlation)} on average with the plain mean activation (no masked passes), and rest on "
        f"{channels:.0f} effective channels. A map of that correlation has {percent(correlation**2)} of its variation over the "
        "pixels in common with the plain map."
    )
    if correlation > NEARLY_UNIFORM:
        text += " So they show where the network is active at all, hardly what speaks for this face."
    return text


def score_table(tables: ScoreTables) -> Table:
    """Return the table of the score files: their direction, and what made them."""
    rows = [
        (one.name, str(one.source), one.direction, _origin(one.source, one.column)) for one in tables.methods
    ]
    return Table("The scores that were read.", ("method", "file", "better is", "made by"), rows)


def _origin(path: Path, column: str) -> str:
    with suppress(OutputError):
        meta = RunMeta.read(meta_path(path))
        settings = [
            f"{name.removeprefix(column + '.')} {plain(value)}"
            for name, value in meta.parameters.items()
            if name.startswith(f"{column}.") and not name.endswith("higher_is_better")
        ]
        ran = [meta.model, meta.backend, meta.device, meta.precision, *settings]
        return f"fiqx_trt {meta.version}: {', '.join(text for text in ran if text)}"
    return "not recorded"


def method_name(name: str, *, higher: bool) -> str:
    """Return a method with its direction where that surprises."""
    return name if higher else f"{name} (lower is better)"


def skipped_words(skipped: Mapping[str, int]) -> str:
    """Return the number of inputs without a face, with the reasons.

    Examples
    --------
    >>> skipped_words({"no_face": 2}), skipped_words({})
    ('2 (no face was found)', 'none')
    """
    parts = [f"{count} ({STATUS_WORDS.get(status, status)})" for status, count in sorted(skipped.items())]
    return ", ".join(parts) or "none"


def decimal(value: float | None, digits: int = 4) -> str:
    """Return a number with a fixed count of decimals and a typographic minus; a dash where there is none.

    Examples
    --------
    >>> decimal(-0.25, 2), decimal(None), decimal(float("nan"))
    ('−0.25', '–', '–')
    """
    if value is None or not math.isfinite(value):
        return "–"
    text = f"{value:.{digits}f}"
    return text.replace("-", "−") if float(text) else text.lstrip("-")


def interval(
    value: float | None,
    low: float | None,
    high: float | None,
    digits: int = 4,
    written: Callable[[float | None, int], str] = decimal,
) -> str:
    """Return a number with its interval behind it, where there is one; :func:`rate` writes error rates."""
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return written(value, digits)
    return f"{written(value, digits)} [{written(low, digits)}, {written(high, digits)}]"


def rate(value: float | None, digits: int = 4) -> str:
    """Return an error rate; one that is not 0 never looks like 0.

    Examples
    --------
    >>> rate(0.125), rate(0.0), rate(0.00001), rate(None)
    ('0.1250', '0.0000', '< 0.0001', '–')
    """
    small = value is not None and 0.0 < value < 0.5 * 10.0**-digits
    return f"< {10.0**-digits:.{digits}f}" if small else decimal(value, digits)


def share(proportion: Mapping[str, Any]) -> str:
    """Return a share of a summary with its interval, ``18 of 24: 75 % [55, 88]``."""
    if proportion["share"] is None:
        return "–"
    bounds = f"[{100 * proportion['low']:.0f}, {100 * proportion['high']:.0f}]"
    return f"{percent(proportion['share'])} {bounds}"


def plain(value: object) -> str:
    """Return a setting as a person writes it.

    Examples
    --------
    >>> plain((127.5, 127.5, 127.5)), plain([112, 112]), plain(None), plain(True)
    ('127.5', '112, 112', 'default', 'yes')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {plain(inner)}" for name, inner in value.items())
    if isinstance(value, list | tuple):
        same = len(value) > 1 and isinstance(value[0], float) and len(set(value)) == 1
        return plain(value[0]) if same else ", ".join(map(plain, value))
    if isinstance(value, float):
        return f"{value:g}"
    return "default" if value is None else str(value)
