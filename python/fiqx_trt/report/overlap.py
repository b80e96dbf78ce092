"""The report of how far quality methods agree (``overlap``)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from fiqx_trt.report.formulas import QUALITY_SAYS
from fiqx_trt.report.html import Figure, Files, Page, Section, Table
from fiqx_trt.report.parts import (
    FEW_IMAGES,
    cautions,
    closing,
    decimal,
    drawn,
    interval,
    page_foot,
    percent,
    plain,
    score_table,
)
from fiqx_trt.runs.record import RunRecord

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fiqx_trt.evaluate import Agreement
    from fiqx_trt.evaluate.score_tables import ScoreTables
    from fiqx_trt.figures.canvas import Picture

__all__ = ["overlap_page"]

FORMULAS = Table(
    "What the names mean.",
    ("name", "formula", "in words"),
    (
        (
            "shared",
            "|A ∩ B| / |A|",
            "of the best (or worst) images of one method, the part that are the other's as well",
        ),
        (
            "Spearman's ρ",
            "correlation of the ranks",
            "1: the same order; 0: unrelated; −1: the opposite order",
        ),
        (
            "Kendall's τ-b",
            "(agreeing − disagreeing pairs) / pairs, ties allowed for",
            "the same question, pair by pair",
        ),
    ),
    note="Methods are turned so that higher is better. Shared images as in Fu & Damer, Fig. 2.",
)


def overlap_page(
    agreement: Agreement,
    tables: ScoreTables,
    settings: Mapping[str, Any],
    pictures: Mapping[str, Picture],
    record: RunRecord,
    notes: Sequence[str],
) -> Page:
    """Return the report of an agreement.

    Parameters
    ----------
    agreement
        How the methods agree.
    tables
        Where the scores come from.
    settings
        Options that change a number; ``fraction``, ``level`` and ``replicates`` among them.
    pictures
        Its figures ``overlap`` and ``correlations``.
    record
        The command.
    notes
        What the reader should know of the inputs.
    """
    lead = (
        f"{QUALITY_SAYS} "
        "Do the methods call the same images good, and the same images bad? "
        f"Compared are {', '.join(agreement.methods)} on {agreement.images} images. {_closest(agreement)}"
    )
    own = (
        [f"Left out, without a score of some method: {agreement.left_out} of the images."]
        if agreement.left_out
        else []
    )
    facts = [
        ("command", record.command),
        ("images compared", str(agreement.images)),
        ("images left out", f"{agreement.left_out}, without a score of some method"),
        ("images in a group", str(agreement.group)),
        *((name, plain(value)) for name, value in settings.items() if value is not None),
    ]
    return Page(
        kind="fiqx-trt overlap",
        title="Do the quality methods agree?",
        lead=lead,
        sections=[
            Section("In short", [_table(agreement, settings)]),
            cautions(record, [*own, *_cautions(agreement, settings), *notes]),
            Section("Shared images", [_shared(agreement, pictures["overlap"], settings["fraction"])]),
            Section("Rank correlations", [_correlations(agreement, pictures["correlations"])]),
            Section("What was computed", [FORMULAS]),
            *closing(
                facts,
                Files([*_FILES, ("summary.json", "every number of this page")]),
                [score_table(tables)],
            ),
        ],
        foot=page_foot(),
    )


_FILES = (
    ("overlap.csv", "a row for every two methods"),
    ("overlap.npz", "the arrays of the figure of shared images"),
    ("correlations.npz", "the arrays of the figure of correlations"),
)


def _pairs(agreement: Agreement) -> Iterator[tuple[int, int]]:
    return ((i, j) for i in range(len(agreement.methods)) for j in range(i + 1, len(agreement.methods)))


def _closest(agreement: Agreement) -> str:
    i, j = max(_pairs(agreement), key=lambda pair: agreement.spearman[pair[0]][pair[1]].value)
    cell = agreement.spearman[i][j]
    words = "" if len(agreement.methods) == 2 else "Closest: "
    return f"{words}{agreement.methods[i]} and {agreement.methods[j]}, with a rank correlation of {decimal(cell.value, 2)}."


def _table(agreement: Agreement, settings: Mapping[str, Any]) -> Table:
    group = percent(settings["fraction"])
    rows = []
    for i, j in _pairs(agreement):
        cells = [getattr(agreement, kind)[i][j] for kind in ("spearman", "kendall")]
        rows.append(
            (
                f"{agreement.methods[i]} and {agreement.methods[j]}",
                decimal(float(agreement.top[i, j]), 2),
                decimal(float(agreement.bottom[i, j]), 2),
                *(interval(cell.value, cell.low, cell.high, 2) for cell in cells),
            )
        )
    drawn = "people" if settings.get("identities") else "images"
    note = f"Shared: share of the {agreement.group} images in each group; unrelated methods share "
    note += f"{settings['fraction']:g} on average."
    if settings["replicates"]:
        note += f" In brackets: {100 * settings['level']:g} % intervals, {settings['replicates']} bootstrap samples of {drawn}."
    header = ("methods", f"best {group} shared", f"worst {group} shared", "Spearman's ρ", "Kendall's τ-b")
    return Table("How far every two methods agree.", header, rows, note)


def _cautions(agreement: Agreement, settings: Mapping[str, Any]) -> list[str]:
    notes = [
        "Methods that agree may be wrong together: agreement is no quality of a method. The command edc judges each one."
    ]
    if agreement.group < FEW_IMAGES:
        notes.append(
            f"A group has only {agreement.group} images, so one image more or less moves a share by {1 / agreement.group:.2g}."
        )
    if settings["replicates"] and not settings.get("identities"):
        notes.append(
            "The intervals take images as independent. Where several show one person they are too narrow; give --identities."
        )
    return notes


def _spoken(agreement: Agreement, values: Any) -> str:
    return "; ".join(
        f"{agreement.methods[i]} and {agreement.methods[j]} {decimal(float(values[i, j]), 2)}"
        for i, j in _pairs(agreement)
    )


def _shared(agreement: Agreement, picture: Picture, fraction: float) -> Figure:
    return drawn(
        picture,
        "overlap",
        alt=f"Two matrices, a row and a column per method. Worst images: {_spoken(agreement, agreement.bottom)}. "
        f"Best images: {_spoken(agreement, agreement.top)}.",
        caption="Share of images that the groups of two methods have in common, L (lowest quality) on the left and H (highest) "
        "on the right; as Fu & Damer, Fig. 2.",
        reading=f"1.00 means the same images, {fraction:.2f} what methods share that know nothing of each "
        "other.",
    )


def _correlations(agreement: Agreement, picture: Picture) -> Figure:
    spoken = "; ".join(
        f"{agreement.methods[i]} and {agreement.methods[j]} {decimal(agreement.spearman[i][j].value, 2)}"
        for i, j in _pairs(agreement)
    )
    return drawn(
        picture,
        "correlations",
        alt=f"Two matrices of rank correlations, Spearman's and Kendall's. Spearman's: {spoken}.",
        caption="Rank correlations over all images, with their intervals below the numbers.",
        reading="Here all images count, not only the extremes. 1: both methods put the images in the same order; 0: their orders "
        "have nothing to do with each other; below 0: what one calls better the other calls worse.",
    )
