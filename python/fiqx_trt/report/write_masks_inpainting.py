"""Experiments that change pictures, end to end: random masks and inpainting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.evaluate.proportions import wilson
from fiqx_trt.experiments.face_set import FaceSet
from fiqx_trt.experiments.inpainting import INPAINTERS, OUTCOMES, InpaintedFace, inpaint_faces
from fiqx_trt.experiments.mask_summary import summarise_colors, summarise_masks
from fiqx_trt.experiments.masks import COLORS, MaskedFace, cover, random_masks
from fiqx_trt.experiments.pointing import name_regions, point_at_squares, summarise_pointing
from fiqx_trt.experiments.weightings import Weighings, measure_weighings
from fiqx_trt.explain.deviation import usual_of
from fiqx_trt.explain.plq import PlqExplainer
from fiqx_trt.explain.scale import PAPER_PER
from fiqx_trt.figures.pixel_quality import examples_figure, inpainting_figure, masks_figure
from fiqx_trt.report.experiment import Investigation
from fiqx_trt.report.experiment_files import Progress, about, short_name, write_rows, write_summary
from fiqx_trt.report.masks_inpainting import inpainting_page, masks_page
from fiqx_trt.report.parts import Asked, save_page

if TYPE_CHECKING:
    from fiqx_trt.models.model import Model

__all__ = ["run_inpainting", "run_masks"]

#: Size, in pixels of a 112-pixel face, at which colours are compared.
COLOR_SIZE = 30
EXAMPLES = 3
#: Faces whose squares and regions are disturbed in every way, 36 pictures each.
POINTING_FACES = 64
#: Masks of one size that make a share worth reading.
ENOUGH = 200


def run_masks(
    model: Model,
    faces: FaceSet,
    out: Path,
    *,
    weights: Sequence[str],
    sizes: Sequence[int],
    repeats: int | None = None,
    colors: bool = True,
    pointing: bool = True,
    min_quality: float = 0.0,
    seed: int = 0,
    progress: Progress | None = None,
    asked: Asked | None = None,
) -> dict[str, Any]:
    """Cover random squares of faces; write rows, ``summary.json``, figures and a page; return the summary.

    Every weighting gets its own γ from these faces, so that they compare fairly. ``repeats=None`` draws as many masks
    per face as make 200 of each size: fewer tell little. With ``pointing``, and a model that knows what is usual, squares and
    regions of the first 64 faces are disturbed as well, to see whether the deviation points at them.

    Raises
    ------
    InvalidInputError
        Fewer than ten faces, a weighting that does not exist, or no face of enough quality.
    NotCalibratedError
        There is no Q̂.
    """
    weighings = measure_weighings(model, faces.images, weights)
    if min_quality > 0:
        first = Weighings({weights[0]: weighings.gammas[weights[0]]})
        good = np.flatnonzero(first.explain(model, faces.images).quality >= min_quality)
        if not good.size:
            raise InvalidInputError(f"no face has a scaled quality of {min_quality:g}; lower --min-quality")
        faces = faces.subset(good.tolist())
    if repeats is None:
        repeats = max(1, -(-ENOUGH // len(faces)))
    results = random_masks(
        model, faces.images, weighings=weighings, sizes=sizes, repeats=repeats, seed=seed, progress=progress
    )
    parameters = {"sizes": list(sizes), "repeats": repeats, "seed": seed, "min_quality": min_quality}
    summary = {
        **about(model, faces, {**parameters, "gammas": dict(weighings.gammas)}),
        **summarise_masks(results),
    }
    write_rows(out / "masks.csv", [_mask_row(faces, result) for result in results])
    if colors:
        first_name = next(iter(weighings.gammas))
        painted = random_masks(
            model,
            faces.images,
            weighings=Weighings({first_name: weighings.gammas[first_name]}),
            sizes=[COLOR_SIZE],
            colors=list(COLORS),
            seed=seed,
        )
        summary["color_study"] = summarise_colors(painted)
        write_rows(out / "colors.csv", [_mask_row(faces, result) for result in painted])
    if pointing:
        summary["pointing"] = _pointing(model, faces, weighings, out, seed=seed, progress=progress)
    _mask_figures(model, faces, results, weighings, out)
    save_page(masks_page(Investigation(model, faces, summary, out, asked or Asked())), out)
    write_summary(out, summary)
    return summary


def _pointing(
    model: Model, faces: FaceSet, weighings: Weighings, out: Path, *, seed: int, progress: Progress | None
) -> dict[str, Any] | None:
    """Measure whether the deviation points at disturbed areas; ``None`` where the model does not know what is usual."""
    known = [name for name in weighings.gammas if usual_of(model.spec, name) is not None]
    if not known:
        return None
    explainer = PlqExplainer(model, cast(Any, known[0]), weighings.gammas[known[0]], per="intensity")
    some = faces.images[:POINTING_FACES]
    pointed = point_at_squares(explainer, some, seed=seed, progress=progress)
    named = name_regions(explainer, some, seed=seed)
    rows = [
        {**faces.row(p.face), "side_percent": p.share, "kind": p.kind, "deviates": p.deviates}
        | {name.replace(" ", "_").lower(): area for name, area in p.areas.items()}
        for p in pointed
    ]
    write_rows(out / "pointing.csv", rows)
    words = [
        {**faces.row(n.face), "region": n.region, "kind": n.kind, "named": " ".join(n.low)} for n in named
    ]
    write_rows(out / "regions.csv", words)
    return {"weights": known[0], **summarise_pointing(pointed, named)}


def _mask_row(faces: FaceSet, result: MaskedFace) -> dict[str, Any]:
    losses = {
        f"loss_{name}_{where}": values[name]
        for name in result.inside
        for where, values in (("inside", result.inside), ("outside", result.outside))
    }
    return {
        **faces.row(result.face),
        "size": result.size,
        "side_px": result.square.side,
        "top": result.square.top,
        "left": result.square.left,
        "color": result.color,
        "quality": result.quality,
        "quality_masked": result.quality_masked,
        "quality_loss": result.quality_loss,
        **losses,
    }


def _mask_figures(
    model: Model, faces: FaceSet, results: Sequence[MaskedFace], weighings: Weighings, out: Path
) -> None:
    sizes = list(dict.fromkeys(r.size for r in results))
    panels = {"image quality": {s: np.array([r.quality_loss for r in results if r.size == s]) for s in sizes}}
    for name in weighings.gammas:
        panels[f"pixel quality, {name}"] = {
            s: np.array([r.inside[name] for r in results if r.size == s]) for s in sizes
        }
    masks_figure(panels).save(out / "figure-5-masks")
    shown = next(iter(weighings.gammas))
    one = Weighings({shown: weighings.gammas[shown]}, weighings.method)
    best = sorted({r.face: r.quality for r in results}.items(), key=lambda item: -item[1])[:EXAMPLES]
    rows = []
    for i, _ in best:
        own: dict[int, MaskedFace] = {}
        for r in results:
            if r.face == i:
                own.setdefault(r.size, r)
        pictures = [faces.images[i], *(cover(faces.images[i], own[s].square, own[s].color) for s in sizes)]
        found = one.explain(model, np.stack(pictures))
        rows.append((short_name(faces.name(i)), pictures, list(found.maps[shown]), found.quality.tolist()))
    titles = ["no mask", *(f"{s} px" for s in sizes)]
    examples_figure(rows, titles).save(out / "figure-6-examples")


def run_inpainting(
    model: Model,
    faces: FaceSet,
    out: Path,
    *,
    weights: str = "l1",
    per: str = PAPER_PER,
    seeds: int = 10,
    asked: Asked | None = None,
) -> dict[str, Any]:
    """Fill in the least useful area of faces; write ``inpainting.csv``, ``summary.json``, figures and a page; return the summary.

    Raises
    ------
    InvalidInputError
        No face has an area that can be filled.
    NotCalibratedError
        There is no Q̂ or no γ.
    """
    explainer = PlqExplainer(model, cast(Any, weights), per=cast(Any, per))
    results, regions, filled = inpaint_faces(explainer, faces.images, seeds=seeds)
    if not results:
        raise InvalidInputError("no face has a low area between 1 % and 40 % of its size; give other faces")
    inpainters: dict[str, Any] = {}
    for name in INPAINTERS:
        own = [r for r in results if r.inpainter == name]
        inpainters[name] = {
            "paired": _outcomes([r.paired_outcome for r in own]),
            "as_printed": _outcomes([r.outcome for r in own]),
            "mean_change": round(float(np.mean([r.after.mean() - r.before.mean() for r in own])), 5),
            "mean_region_before": round(float(np.mean([r.region_before for r in own])), 5),
            "mean_region_after": round(float(np.mean([r.region_after for r in own])), 5),
        }
    summary = {
        **about(model, faces, {"weights": weights, "per": per, "gamma": explainer.gamma, "seeds": seeds}),
        "without_region": sum(region is None for region in regions),
        "inpainters": inpainters,
    }
    write_rows(out / "inpainting.csv", [_inpainting_row(faces, r) for r in results])
    _inpainting_figures(explainer, faces, results, filled, out)
    save_page(inpainting_page(Investigation(model, faces, summary, out, asked or Asked())), out)
    write_summary(out, summary)
    return summary


def _outcomes(words: Sequence[str]) -> dict[str, Any]:
    return {word: wilson(words.count(word), len(words)).as_dict() for word in OUTCOMES}


def _inpainting_row(faces: FaceSet, r: InpaintedFace) -> dict[str, Any]:
    return {
        **faces.row(r.face),
        "inpainter": r.inpainter,
        "area": r.area,
        "quality": float(r.before.mean()),
        "quality_std": float(r.before.std()),
        "quality_inpainted": float(r.after.mean()),
        "quality_inpainted_std": float(r.after.std()),
        "change_std": float((r.after - r.before).std()),
        "region": r.region_before,
        "region_inpainted": r.region_after,
        "outcome": r.outcome,
        "paired_outcome": r.paired_outcome,
    }


def _inpainting_figures(
    explainer: PlqExplainer,
    faces: FaceSet,
    results: Sequence[InpaintedFace],
    filled: Mapping[str, Sequence[NDArray[np.uint8] | None]],
    out: Path,
) -> None:
    by_name = {name: [r for r in results if r.inpainter == name] for name in INPAINTERS}
    before = np.stack([r.before for r in next(iter(by_name.values()))])
    inpainting_figure(before, {name: np.stack([r.after for r in own]) for name, own in by_name.items()}).save(
        out / "figure-3-inpainting"
    )
    name = next(iter(INPAINTERS))
    change = sorted(by_name[name], key=lambda r: -abs(float(r.after.mean() - r.before.mean())))[
        : 2 * EXAMPLES
    ]
    rows = []
    for r in sorted(change, key=lambda r: -float(r.after.mean() - r.before.mean())):
        picture = filled[name][r.face]
        assert picture is not None
        pair = [faces.images[r.face], picture]
        maps = explainer(np.stack(pair)).maps
        rows.append(
            (
                short_name(faces.name(r.face)),
                pair,
                list(maps),
                [float(r.before.mean()), float(r.after.mean())],
            )
        )
    examples_figure(rows, ["before", "after"], across=3).save(out / "figure-4-examples")
