"""Shared parts of the pages of ``plq`` and ``cam``: counts, spreads, and the faces at both ends.

A page is made of a finished table, whose run may have been interrupted and resumed. So the files beside the table are the
only source of the faces' pictures, and this module reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fiqx_trt.report.html import Card, Cards, Page, Part, Section, Table
from fiqx_trt.report.parts import (
    FEW_IMAGES,
    STATUS_WORDS,
    cautions,
    closing,
    decimal,
    existing,
    model_cautions,
    model_facts,
    page_foot,
    percent,
    plain,
)
from fiqx_trt.rows import Row, RunMeta, meta_path, read_table
from fiqx_trt.runs.record import RunRecord
from fiqx_trt.runs.table_summary import Spread, TableSummary, summarise_rows

if TYPE_CHECKING:
    from fiqx_trt.models import Model
    from fiqx_trt.runs.record import RanModel

__all__ = [
    "SHARES",
    "ExplainedTable",
    "Words",
    "explained_page",
    "faces_sections",
    "settings_facts",
    "short_name",
    "spread_cells",
    "statuses_table",
]

#: Columns of the table of spreads.
SHARES = {"lowest": 0.0, "10 %": 0.1, "25 %": 0.25, "median": 0.5, "75 %": 0.75, "90 %": 0.9, "highest": 1.0}
#: Pixels of a small picture, in width.
SMALL = 372
JPEG_QUALITY = 85


@dataclass(frozen=True)
class ExplainedTable:
    """A complete table, with the files of its faces beside it.

    Parameters
    ----------
    path
        The table.
    meta
        Its record.
    model
        The recogniser.
    """

    path: Path
    meta: RunMeta
    model: Model | RanModel

    @property
    def folder(self) -> Path:
        """Folder of the table and of the page."""
        return self.path.parent

    def summary(self, rank: str, columns: Mapping[str, int]) -> TableSummary:
        """Read the table once (:func:`fiqx_trt.runs.table_summary.summarise_rows`)."""
        return summarise_rows(read_table(self.path), rank, columns)


@dataclass(frozen=True)
class Words:
    """The texts of the page of one kind of map.

    Parameters
    ----------
    kind, title, lead
        See :class:`fiqx_trt.report.html.Page`.
    formulas
        Rows of name, formula, words and source.
    note
        Below the formulas.
    notes
        What to know before trusting the numbers.
    facts
        How the maps were made, beside the run's own parameters.
    """

    kind: str
    title: str
    lead: str
    formulas: Sequence[Sequence[str]]
    note: str
    notes: Sequence[str]
    facts: Sequence[tuple[str, str]] = ()


def smoothing_notes(settings: Mapping[str, object]) -> list[str]:
    """Return a note that the maps are drawn smoothed, where they are."""
    smooth = float(str(settings.get("files.smooth", 0.0)))
    if not smooth:
        return []
    return [
        f"The maps in the pictures are smoothed (--smooth): a Gaussian of {smooth:g} pixels standard deviation. The stored "
        "maps are not, and no number here is of smoothed values."
    ]


def explained_page(
    table: ExplainedTable, summary: TableSummary, words: Words, spread: Table, faces: Sequence[Section]
) -> Page:
    """Return the page of a table: its rows, which `faces` begins with, counts, the spread of its numbers, faces, how it was made.

    It tells nothing of when and how often the run was started, so that a resumed run has the page of an uninterrupted one.
    """
    name = table.path.name
    few = f"There are only {summary.faces} faces; a share of so few is uncertain."
    notes = [
        *([few] if 0 < summary.faces < FEW_IMAGES else []),
        *words.notes,
        *smoothing_notes(table.meta.parameters),
        *model_cautions(table.model.spec),
    ]
    facts = [
        ("inputs", str(table.meta.inputs)),
        *words.facts,
        *settings_facts(table.meta.parameters),
        *model_facts(table.model),
        ("command line and times", f"in {meta_path(table.path).name}"),
    ]
    files = [
        (name, "a row per face: status, numbers, words, and the names of its files"),
        (meta_path(table.path).name, "the record of the run: every setting, counts, versions"),
        ("maps/", "the float maps, an .npz per face"),
        ("pictures/", "face, map and overlay, a picture per face"),
        ("thumbs/", "small pictures of the faces, many on a sheet, the lowest first"),
    ]
    formulas = Table(
        "What the names mean.", ("name", "formula", "in words", "source"), words.formulas, words.note
    )
    return Page(
        kind=f"fiqx-trt {words.kind}",
        title=words.title,
        lead=f"{words.lead} {_counted(summary)}",
        sections=[
            faces[0],
            Section(
                "In short",
                [statuses_table(summary.statuses, summary.failed), *([spread] if summary.faces else [])],
            ),
            cautions(RunRecord(), notes),
            *faces[1:],
            Section("What was computed", [formulas]),
            *closing(facts, existing(table.folder, files)),
        ],
        foot=page_foot(explored=True),
    )


def settings_facts(parameters: Mapping[str, object]) -> list[tuple[str, str]]:
    """Return the run's settings, without those of the model, which its facts have, and long lists."""
    return [
        (name, plain(value))
        for name, value in parameters.items()
        if value is not None and not name.startswith("model.") and ".usual." not in name
    ]


def _counted(summary: TableSummary) -> str:
    failed = summary.rows - summary.faces
    text = f"{summary.faces} {'face was' if summary.faces == 1 else 'faces were'} explained"
    return f"{text}; {failed} {'row has' if failed == 1 else 'rows have'} none." if failed else f"{text}."


def statuses_table(
    counts: Mapping[str, int], failed: Mapping[str, Sequence[Row]], *, ok: str = "explained"
) -> Table:
    """Return the table of statuses: how often each came, what it means, and the first rows of each but ``ok``.

    Parameters
    ----------
    counts
        Status → rows.
    failed
        Status → its first rows.
    ok
        What became of the rows that are ``ok``.
    """
    words, total = {"ok": ok, **STATUS_WORDS}, sum(counts.values())
    rows = [
        (
            status,
            f"{count:,}",
            percent(count / total),
            words.get(status, status),
            "; ".join(f"{short_name(row)}: {row['error']}" for row in failed.get(status, ())) or "–",
        )
        for status, count in sorted(counts.items(), key=lambda item: (item[0] != "ok", item[0]))
    ]
    header = ("status", "rows", "share", "meaning", "the first ones")
    return Table(
        "What became of the inputs; a row per input, or per face where all were asked for.", header, rows
    )


def spread_cells(spread: Spread) -> list[str]:
    """Return the numbers of :data:`SHARES` of a column."""
    return [decimal(spread.at(share), spread.digits) for share in SHARES.values()]


def faces_sections(
    table: ExplainedTable,
    summary: TableSummary,
    *,
    ends: tuple[str, str],
    reading: Sequence[Part],
    lines: Callable[[Row], tuple[str, ...]],
    panels: int = 3,
) -> list[Section]:
    """Return the faces at both ends; one section with all where they are few, or alike.

    Parameters
    ----------
    table, summary
        The table.
    ends
        Headings of the lowest and of the highest.
    reading
        How to read the pictures; above the first ones.
    lines
        What stands below a picture: the title, then the lines.
    panels
        Panels of a picture; four stand in two rows, so that they are no smaller than three.
    """
    ranked = summary.spreads[summary.rank]
    alike = ranked.at(0.0) == ranked.at(1.0)
    if not ranked.count:
        return []
    if alike or ranked.count <= len(summary.lowest):
        title = "Some faces" if ranked.count > len(summary.lowest) else "All faces"
        return [Section(title, [*reading, _cards(table, summary.lowest, lines, panels)])]
    each = min(len(summary.lowest), ranked.count // 2)
    low, high = (_cards(table, rows[:each], lines, panels) for rows in (summary.lowest, summary.highest))
    return [Section(ends[0], [*reading, low]), Section(ends[1], [high])]


def _cards(
    table: ExplainedTable, rows: Sequence[Row], lines: Callable[[Row], tuple[str, ...]], panels: int
) -> Cards:
    return Cards([_card(table.folder, row, panels, *lines(row)) for row in rows])


def _card(folder: Path, row: Row, panels: int, title: str, *lines: str) -> Card:
    name = short_name(row)
    files = [(f"{kind}s/{row[column]}", kind) for kind, column in (("picture", "picture"), ("map", "maps"))
             if row.get(column)]  # fmt: skip
    files = [(path, words) for path, words in files if (folder / path).is_file()]
    image, size = b"", (0, 0)
    if files and files[0][1] == "picture":
        image, size = _small(folder / files[0][0], rows=1 if panels < 4 else 2)
    shown = "Face, map and overlay" if panels < 4 else "Face, map, overlay and deviation"
    alt = f"{shown} of {name}: {title}." if image else ""
    return Card(title, (name, *lines), image, size, alt, files)


def _small(path: Path, *, rows: int) -> tuple[bytes, tuple[int, int]]:
    """Return the panels of a face's picture in rows as a small JPEG, and its size; nothing where it cannot be read."""
    from fiqx_trt.opencv import cv2
    from fiqx_trt.runs.face_picture import read_panels, stacked_panels

    panels = read_panels(path)
    if panels is None:
        return b"", (0, 0)
    panels = stacked_panels(panels, rows)
    size = (SMALL, round(panels.shape[0] * SMALL / panels.shape[1]))
    small = cv2.resize(panels, size, interpolation=cv2.INTER_AREA)
    settings = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    settings += [
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    ]  # a pixel's colour is its value
    return cv2.imencode(".jpg", small, settings)[1].tobytes(), size


def short_name(row: Row) -> str:
    """Return the last two parts of a row's path, and which face of several it is."""
    parts = str(row["path"]).replace("\\", "/").split("/")
    name = "/".join(part for part in parts[-2:] if part) or str(row["path"])
    return f"{name}, face {row['face']}" if int(row["faces"] or 0) > 1 else name
