"""Run the demonstration and write its files."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.amva import save_amva
from fiqx_trt.demo.explain import AMVA, ExplainedLadder, explain_ladder, ladder_pictures
from fiqx_trt.demo.page import demo_page
from fiqx_trt.demo.picture import ladder_figure
from fiqx_trt.errors import DependencyError, ImageError, ModelUnavailableError
from fiqx_trt.experiments.degradations import DEGRADATIONS, LEVELS, degrade
from fiqx_trt.faces.prepare import FacePreparer
from fiqx_trt.faces.sources import Source, iter_sources
from fiqx_trt.figures.canvas import save_pictures
from fiqx_trt.files import require_absent, write_whole
from fiqx_trt.models import Model, load_model
from fiqx_trt.opencv import cv2
from fiqx_trt.quality.serfiq import SerFiq
from fiqx_trt.report.parts import REPORT, save_page
from fiqx_trt.rows import open_table, score_columns
from fiqx_trt.runs import Scorer, score_table
from fiqx_trt.runs.record import RanModel, RunRecord, run_record
from fiqx_trt.zoo import EMBEDDED_MODEL

__all__ = ["DemoResult", "DemoStep", "run_demo"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class DemoStep:
    """One rung of the ladder.

    Parameters
    ----------
    kind
        The degradation, or ``"none"``.
    level
        Its strength in [0, 1].
    raw, scaled
        SER-FIQ's Q and Q̂.
    similarity
        Cosine between the embeddings of this face and of the untouched one: what the recogniser made of it.
    """

    kind: str
    level: float
    raw: float
    scaled: float
    similarity: float


@dataclass(frozen=True)
class DemoResult:
    """The faces of the demonstration with their numbers, and the files written, relative to its folder."""

    steps: tuple[DemoStep, ...]
    written: tuple[str, ...]


def run_demo(
    out: Path,
    *,
    levels: Sequence[float] = LEVELS,
    overwrite: bool = False,
    notice: Callable[[str], None] = lambda text: None,
    record: RunRecord | None = None,
) -> DemoResult:
    """Score and explain a sample face and ever worse copies of it with the default model.

    Where that is not on this machine and cannot be fetched, a warning says so and the embedded model takes its place.

    Parameters
    ----------
    out
        Folder to write into.
    levels
        Strengths of every degradation, in (0, 1].
    overwrite
        Replace an earlier demonstration there.
    notice
        Receives a line about every stage.
    record
        What the report says of the command.

    Raises
    ------
    DependencyError
        The extra ``demo`` is not installed.
    OutputError
        The folder holds an earlier demonstration, or cannot be written.
    """
    require_absent(out / "scores.csv", overwrite=overwrite)
    with open_model() as model:
        notice(f"model {model.spec.name} on {model.backend}, {model.device}, {model.precision}")
        rungs = _ladder(model, levels)
        steps = _measured(model, rungs)
        _write_faces(model, rungs, out)
        notice(f"{len(rungs)} faces in {out / 'faces'}")
        notice("pixel-quality and activation maps of every face, the latter from a masked pass per channel")
        explained = explain_ladder(model, np.stack([rung.face for rung in rungs]), steps)
        ran = RanModel.of(model)
    _write_explained(ran, steps, explained, out, record or RunRecord())
    names = (
        REPORT,
        "faces/",
        "scores.csv",
        "scores.csv.meta.json",
        "ladder.png",
        "maps.png",
        "maps.npz",
        AMVA,
    )
    return DemoResult(steps, names)


def _write_explained(
    model: RanModel, steps: Sequence[DemoStep], explained: ExplainedLadder, out: Path, record: RunRecord
) -> None:
    """Draw the figures and write them, the data of the variation and the page."""
    ladder = ladder_figure(list(explained.faces), steps, model.spec.cosines)
    pictures = ladder_pictures(explained, steps)
    write_whole(out / "ladder.png", ladder.png())
    save_amva(explained.variation, out / AMVA)
    save_pictures(pictures, out)
    pictures["ladder"] = ladder
    save_page(demo_page(model, steps, explained, pictures, SerFiq().parameters, record), out)


@dataclass(frozen=True)
class _Rung:
    kind: str
    level: float
    face: NDArray[np.uint8]

    @property
    def stem(self) -> str:
        """Name of the face's file without suffix."""
        return f"{self.kind}-{round(100 * self.level):03d}"


def _ladder(model: Model, levels: Sequence[float]) -> list[_Rung]:
    face = _sample_face(model)
    worse = [_Rung(kind, level, degrade(face, kind, level)) for kind in DEGRADATIONS for level in levels]
    return [_Rung("none", 0.0, face), *worse]


def _measured(model: Model, rungs: Sequence[_Rung]) -> tuple[DemoStep, ...]:
    """Return the quality of every face, and its cosine to the first."""
    faces = np.stack([rung.face for rung in rungs])
    quality = SerFiq().score(model, faces, model.extract(faces))
    scaled = np.full(len(rungs), np.nan) if quality.scaled is None else quality.scaled
    embeddings = model.embed(faces)
    numbers = zip(quality.raw, scaled, embeddings @ embeddings[0], strict=True)
    return tuple(
        DemoStep(rung.kind, rung.level, *map(float, row)) for rung, row in zip(rungs, numbers, strict=True)
    )


def open_model() -> Model:
    """Open the default recogniser; where it cannot be had, the embedded one."""
    try:
        return load_model()
    except ModelUnavailableError as error:
        logger.warning("%s. The demonstration goes on with the embedded %s", error, EMBEDDED_MODEL)
        return load_model(EMBEDDED_MODEL)


def _sample_face(model: Model) -> NDArray[np.uint8]:
    """Detect and align the face of scikit-image's photo of an astronaut (NASA, public domain)."""
    package = find_spec("skimage")
    if package is None or package.origin is None:
        raise DependencyError(
            'the sample photo comes with scikit-image; python -m pip install "fiqx-trt[demo]"'
        )
    photo = Source(str(Path(package.origin).parent / "data" / "astronaut.png"))
    record = FacePreparer(model.spec.input_size, model.spec.template)(photo)[0]
    if record.image is None:
        raise ImageError(f"the sample photo {photo.path} gave no face: {record.error}", status=record.status)
    return record.image


def _write_faces(model: Model, rungs: Sequence[_Rung], out: Path) -> None:
    """Write the faces, and their score table as ``fiqx-trt score --aligned`` does."""
    folder, scorer = out / "faces", Scorer(model, [SerFiq()])
    folder.mkdir(parents=True, exist_ok=True)
    for rung in rungs:
        content = cv2.imencode(".png", rung.face[:, :, ::-1])[1].tobytes()
        write_whole(folder / f"{rung.stem}.png", content)
    meta = run_record(RanModel.of(model), dict(scorer.parameters), ["fiqx-trt", "demo"])
    writer = open_table(out / "scores.csv", score_columns(scorer.columns), meta=meta, mode="overwrite")
    preparer = FacePreparer(model.spec.input_size, model.spec.template, aligned=True)
    score_table(iter_sources(folder), preparer, scorer, writer)
