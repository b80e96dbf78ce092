"""``experiment compare`` end to end."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from fiqx_trt.evaluate.proportions import wilson
from fiqx_trt.experiments.compare import compare_faces
from fiqx_trt.experiments.face_set import FaceSet
from fiqx_trt.explain.plq import PlqExplainer
from fiqx_trt.explain.regions import REGIONS
from fiqx_trt.explain.scale import PAPER_PER
from fiqx_trt.figures.pixel_quality import compare_figure
from fiqx_trt.report.compare import comparison_page
from fiqx_trt.report.experiment import Investigation
from fiqx_trt.report.experiment_files import about, short_name, write_rows, write_summary
from fiqx_trt.report.parts import Asked, save_page

if TYPE_CHECKING:
    from fiqx_trt.models.model import Model

__all__ = ["run_comparison"]


def run_comparison(
    model: Model,
    faces: FaceSet,
    out: Path,
    *,
    weights: str = "l1",
    per: str = PAPER_PER,
    asked: Asked | None = None,
) -> list[dict[str, Any]]:
    """Compare the first face with the others; write ``compare.csv``, ``summary.json``, a figure and a page; return the rows.

    Raises
    ------
    InvalidInputError
        There is nothing to compare.
    NotCalibratedError
        There is no Q̂ or no γ.
    """
    explainer = PlqExplainer(model, cast(Any, weights), per=cast(Any, per))
    found = compare_faces(explainer, faces.images)
    rows = []
    for i, face in enumerate(found):
        told = face.words
        means = {f"plq_{name}": face.means[name] for name in REGIONS}
        losses = {f"loss_{name}": face.losses[name] for name in REGIONS}
        numbers = {"quality": face.quality, "similarity": face.similarity, **means, **losses}
        rows.append(
            {
                **faces.row(i),
                "name": faces.name(i),
                **numbers,
                "low": " ".join(told.low),
                "summary": told.text,
            }
        )
    write_rows(out / "compare.csv", rows)
    notes = [
        "reference" if i == 0 else f"cosine {face.similarity:.2f}\n{_lost(face.losses)}"
        for i, face in enumerate(found)
    ]
    labels = [short_name(faces.name(i)) for i in range(len(faces))]
    compare_figure(
        list(faces.images), [f.quality_map for f in found], [f.quality for f in found], labels, notes
    ).save(out / "figure-7-compare")
    lower = [face.quality < found[0].quality for face in found[1:]]
    summary = {
        **about(model, faces, {"weights": weights, "per": per, "gamma": explainer.gamma}),
        "reference": rows[0]["path"],
        "quality_below_reference": wilson(sum(lower), len(lower)).as_dict(),
        "rows": [{k: v for k, v in row.items() if k != "path"} for row in rows],
    }
    save_page(comparison_page(Investigation(model, faces, summary, out, asked or Asked())), out)
    write_summary(out, summary)
    return rows


def _lost(losses: Mapping[str, float]) -> str:
    name = max((n for n in REGIONS if n != "background"), key=lambda n: losses[n])
    return f"lost most: {name}" if losses[name] > 0 else "nothing lost"
