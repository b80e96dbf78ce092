#!/usr/bin/env python
"""Whether AD-MAM of single faces (Fu & Damer, Eq. 7) points at disturbed squares, beside the deviation from the usual.

    scripts/ad_mam_pointing.py FOLDER_OR_PICTURE... [--model NAME] [--limit N] [--uniform]

MAM_H is the mean activation map of the best tenth of all faces by SER-FIQ. Squares are those of ``experiment masks``, on N
faces spread over all. Prints the mean area under the ROC of the square's pixels. Score-CAM runs the network once per channel:
``--uniform`` takes the plain mean activation in its place, which costs nothing.
"""

from __future__ import annotations

import argparse

import numpy as np
from numpy.typing import NDArray

from fiqx_trt import load_model, scorecam, serfiq
from fiqx_trt.amva.deviation import ad_mam
from fiqx_trt.experiments.face_set import collect_faces
from fiqx_trt.experiments.pointing import SHARES, point_at_squares, summarise_pointing
from fiqx_trt.explain.plq import PlqExplainer
from fiqx_trt.faces.prepare import FacePreparer
from fiqx_trt.faces.sources import iter_sources

Faces = NDArray[np.uint8]
#: Share of the faces, the best, whose maps are averaged.
TOP = 0.1


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("inputs", nargs="+")
    parser.add_argument("--model", default="mobilefacenet")
    parser.add_argument("--limit", type=int, default=40)
    parser.add_argument("--uniform", action="store_true")
    parser.add_argument("--shares", type=int, nargs="+", default=SHARES, help="per cent of the width")
    options = parser.parse_args()
    weights = "uniform" if options.uniform else "score"
    with load_model(options.model) as model:
        preparer = FacePreparer(model.spec.input_size, model.spec.template)
        faces = collect_faces(iter_sources(options.inputs), preparer).images
        best = np.argsort(-serfiq(model, faces).raw, kind="stable")[: max(1, round(TOP * len(faces)))]
        mam_high = np.mean(scorecam(model, faces[best], weights=weights), axis=0, dtype=np.float64)
        some = np.unique(np.linspace(0, len(faces) - 1, options.limit).round().astype(int))
        kept: dict[bytes, NDArray[np.float32]] = {}

        def activation(pictures: Faces) -> NDArray[np.float32]:
            """Return the maps of the last pictures, which both scores are made of."""
            key = pictures.tobytes()
            if key not in kept:
                kept.clear()
                kept[key] = np.asarray(scorecam(model, pictures, weights=weights))
            return kept[key]

        pointed = point_at_squares(
            PlqExplainer(model),
            faces[some],
            shares=options.shares,
            others={
                "AD-MAM": lambda pictures: ad_mam(activation(pictures), mam_high),
                "MAM - map": lambda pictures: mam_high - activation(pictures),
            },
        )
    print(f"{options.model}, {len(some)} faces, MAM of {len(best)}, weights {weights}")
    names = list(pointed[0].areas)
    print(f"| side | shows | {' | '.join(names)} |\n|---|---|{'---|' * len(names)}")
    for share, kinds in summarise_pointing(pointed, [])["squares"].items():
        for kind, areas in kinds.items():
            print(f"| {share} % | {kind} | {' | '.join(f'{areas[name]:.2f}' for name in names)} |")


if __name__ == "__main__":
    main()
