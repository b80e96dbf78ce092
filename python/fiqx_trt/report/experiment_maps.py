"""Experiments on finished maps end to end: comparison with a reference, deletion and insertion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from fiqx_trt.evaluate.comparing import compare_faces
from fiqx_trt.evaluate.deletion import Curve, area_under, deletion_curves
from fiqx_trt.evaluate.proportions import wilson
from fiqx_trt.experiments.face_set import FaceSet
from fiqx_trt.explain.plq import PlqExplainer
from fiqx_trt.explain.regions import REGIONS, summarise
from fiqx_trt.report.experiment_files import Progress, about, short_name, write_rows, write_summary
from fiqx_trt.report.pages.experiment import Investigation
from fiqx_trt.report.pages.experiment_maps import comparison_page, deletion_page
from fiqx_trt.report.pages.parts import Asked, save_page
from fiqx_trt.report.plq_figures import compare_figure, curves_figure

if TYPE_CHECKING:
    from fiqx_trt.models.model import Model

__all__ = ["run_comparison", "run_deletion"]


def run_comparison(
    model: Model, faces: FaceSet, out: Path, *, weights: str = "l1", asked: Asked | None = None
) -> list[dict[str, Any]]:
    """Compare the first face with the others; write ``compare.csv``, ``summary.json``, a figure and a page; return the rows.

    Raises
    ------
    InvalidInputError
        There is nothing to compare.
    NotCalibratedError
        There is no Q̂ or no γ.
    """
    explainer = PlqExplainer(model, cast(Any, weights))
    found = compare_faces(explainer, faces.images)
    reference = model.spec.regions if weights == (model.spec.gamma_weights or weights) else {}
    rows = []
    for i, face in enumerate(found):
        told = summarise(face.levels, reference)
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
        **about(model, faces, {"weights": weights, "gamma": explainer.gamma}),
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


def run_deletion(
    model: Model,
    faces: FaceSet,
    out: Path,
    *,
    weights: str = "l1",
    cells: int = 15,
    steps: int = 20,
    randoms: int = 5,
    seed: int = 0,
    progress: Progress | None = None,
    asked: Asked | None = None,
) -> dict[str, Any]:
    """Draw deletion and insertion curves of faces; write ``deletion.csv``, ``summary.json``, figure and page; return the summary.

    Raises
    ------
    InvalidInputError
        The numbers do not fit the faces.
    NotCalibratedError
        There is no Q̂ or no γ.
    """
    explainer = PlqExplainer(model, cast(Any, weights))
    rows: list[dict[str, Any]] = []
    drawn: dict[str, dict[str, list[Curve]]] = {
        kind: {"map": [], "random": []} for kind in ("deletion", "insertion")
    }
    for i, face in enumerate(faces.images):
        quality_map = explainer(face[np.newaxis]).maps[0]
        curves = deletion_curves(
            model, face, quality_map, cells=cells, steps=steps, randoms=randoms, seed=seed + i
        )
        row = faces.row(i)
        for kind, by_order in curves.items():
            for name, curve in by_order.items():
                drawn[kind][name].append(curve)
                row[f"{kind}_{name}"] = area_under(curve.share, curve.similarity)
                row[f"{kind}_{name}_quality"] = area_under(curve.share, curve.quality)
        rows.append(row)
        if progress is not None:
            progress(i + 1, len(faces))
    share = drawn["deletion"]["map"][0].share
    curves_figure(
        share,
        {k: {n: np.stack([c.similarity for c in cs]) for n, cs in by.items()} for k, by in drawn.items()},
    ).save(out / "figure-curves")
    parameters = {
        "weights": weights,
        "gamma": explainer.gamma,
        "cells": cells,
        "steps": steps,
        "randoms": randoms,
        "seed": seed,
    }
    summary = {**about(model, faces, parameters), "curves": {kind: _beats(rows, kind) for kind in drawn}}
    write_rows(out / "deletion.csv", rows)
    save_page(deletion_page(Investigation(model, faces, summary, out, asked or Asked())), out)
    write_summary(out, summary)
    return summary


def _beats(rows: Sequence[Mapping[str, Any]], kind: str) -> dict[str, Any]:
    own, chance = (np.array([row[f"{kind}_{name}"] for row in rows]) for name in ("map", "random"))
    better = own < chance if kind == "deletion" else own > chance
    return {
        "area_map": round(float(own.mean()), 5),
        "area_random": round(float(chance.mean()), 5),
        "map_beats_random": wilson(int(better.sum()), len(better)).as_dict(),
    }
