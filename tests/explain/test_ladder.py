"""P of real faces that get worse: what the default definition is chosen for."""

from __future__ import annotations

import numpy as np

from fiqx_trt.experiments.degradations import degrade
from fiqx_trt.explain.plq import plq
from fiqx_trt.faces.prepare import FacePreparer
from fiqx_trt.faces.sources import Source
from fiqx_trt.models import load_model
from support.orl import orl_pictures


def test_per_contrast_a_dark_face_falls_and_per_intensity_it_rises() -> None:
    options = {"backend": "onnxruntime", "max_batch": 1, "threads": 1}
    with load_model("dlib-resnet", **options) as model:
        prepare = FacePreparer(model.spec.input_size, model.spec.template)
        faces = np.stack([prepare(Source(str(path)))[0].image for path in orl_pictures(12)])
        dark, black = (
            np.stack([degrade(face, "darkness", level) for face in faces]) for level in (0.75, 1.0)
        )
        contrast, intensity = (
            [plq(model, some, per=per).maps.mean(axis=(1, 2)) for some in (faces, dark, black)]
            for per in ("contrast", "intensity")
        )
    assert (contrast[2] < contrast[0]).mean() >= 0.9
    assert contrast[2].mean() < 0.5 * contrast[0].mean()
    assert (intensity[1] > intensity[0]).mean() >= 0.9  # the fault of the paper's definition
    assert (contrast[1] < contrast[0]).sum() > (intensity[1] < intensity[0]).sum()
