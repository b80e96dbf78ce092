"""The folder of a study: its tables, figures, page and summary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fiqx_trt.errors import OutputError
from fiqx_trt.figures import studies
from fiqx_trt.figures.canvas import in_formats, save_pictures
from fiqx_trt.files import require_absent, write_json, write_rows
from fiqx_trt.report.assess import assess_page
from fiqx_trt.report.compare import comparison_page
from fiqx_trt.report.copies import copies_section
from fiqx_trt.report.deletion import deletion_page
from fiqx_trt.report.inpainting import inpainting_page
from fiqx_trt.report.masks import masks_page
from fiqx_trt.report.parts import save_page
from fiqx_trt.runs.record import RunRecord

if TYPE_CHECKING:
    from fiqx_trt.experiments.assessment_study import AssessmentStudy
    from fiqx_trt.experiments.compare import ComparisonStudy
    from fiqx_trt.experiments.deletion_study import DeletionStudy
    from fiqx_trt.experiments.inpainting_study import InpaintingStudy
    from fiqx_trt.experiments.mask_study import MaskStudy
    from fiqx_trt.experiments.study import Rows, StudySetup
    from fiqx_trt.figures.canvas import Look, Picture
    from fiqx_trt.report.html import Page

__all__ = [
    "start_folder",
    "write_assessment",
    "write_comparison",
    "write_deletion",
    "write_inpainting",
    "write_masks",
]


def start_folder(out: Path, *, overwrite: bool) -> None:
    """Make the folder of a study.

    Raises
    ------
    OutputError
        It holds an earlier study, or cannot be written.
    """
    require_absent(out / "summary.json", overwrite=overwrite)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"cannot write into {out}: {error.strerror or error}; choose another folder"
        ) from error


def write_masks(
    study: MaskStudy, out: Path, record: RunRecord | None = None, *, look: Look | None = None
) -> None:
    """Write a study of random masks into a folder."""
    record = _of_study(record, study.setup)
    pictures = _drawn(studies.mask_pictures(study, look), look)
    page = masks_page(study, pictures, record)
    _write(out, study.tables(), pictures, page, {**record.summary(), **study.summary()})


def write_inpainting(
    study: InpaintingStudy, out: Path, record: RunRecord | None = None, *, look: Look | None = None
) -> None:
    """Write a study of inpainting into a folder."""
    record = _of_study(record, study.setup)
    pictures = _drawn(studies.inpainting_pictures(study, look), look)
    page = inpainting_page(study, pictures, record)
    _write(out, study.tables(), pictures, page, {**record.summary(), **study.summary()})


def write_comparison(
    study: ComparisonStudy, out: Path, record: RunRecord | None = None, *, look: Look | None = None
) -> None:
    """Write a comparison with a reference into a folder."""
    record = _of_study(record, study.setup)
    pictures = _drawn(studies.comparison_pictures(study, look), look)
    page = comparison_page(study, pictures, record)
    _write(out, study.tables(), pictures, page, {**record.summary(), **study.summary()})


def write_deletion(
    study: DeletionStudy, out: Path, record: RunRecord | None = None, *, look: Look | None = None
) -> None:
    """Write a study of deletion and insertion into a folder."""
    record = _of_study(record, study.setup)
    pictures = _drawn(studies.deletion_pictures(study, look), look)
    page = deletion_page(study, pictures, record)
    _write(out, study.tables(), pictures, page, {**record.summary(), **study.summary()})


def write_assessment(
    study: AssessmentStudy, out: Path, record: RunRecord | None = None, *, look: Look | None = None
) -> None:
    """Write an assessment into a folder."""
    record = _of_study(record, study.setup)
    pictures = _drawn(studies.assessment_pictures(study, look), look)
    page = assess_page(study, pictures, record, copies_section(study, out))
    _write(out, study.tables(), pictures, page, {**record.summary(), **study.summary()})


def _drawn(pictures: Mapping[str, Picture], look: Look | None) -> Mapping[str, Picture]:
    return pictures if look is None else in_formats(pictures, look.formats)


def _of_study(record: RunRecord | None, setup: StudySetup) -> RunRecord:
    """Return the record with the model of the study."""
    return replace(record or RunRecord(), model=setup.model)


def _write(
    out: Path,
    tables: Mapping[str, Rows],
    pictures: Mapping[str, Picture],
    page: Page,
    summary: Mapping[str, Any],
) -> None:
    """Write everything into a folder; ``summary.json`` comes last, so that a folder with it is complete.

    Raises
    ------
    OutputError
        The folder cannot be written.
    """
    for name, rows in tables.items():
        write_rows(out / name, rows)
    save_pictures(pictures, out)
    save_page(page, out)
    write_json(out / "summary.json", summary, ascii_only=True)
