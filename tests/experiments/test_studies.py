"""Studies as a program calls them: typed results without a folder, their tables and summaries, the folder on request."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import fiqx_trt as fx
from fiqx_trt.experiments.compare import study_comparison
from fiqx_trt.experiments.deletion import DeletionOptions
from fiqx_trt.experiments.deletion_study import study_deletion
from fiqx_trt.experiments.face_set import FaceSet
from fiqx_trt.experiments.inpainting_study import study_inpainting
from fiqx_trt.experiments.mask_study import MaskOptions, MaskStudy, study_masks
from fiqx_trt.models import Model
from fiqx_trt.report.study_folder import write_masks
from support.nets import noise_faces, save, small_recogniser


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Model]:
    path = save(small_recogniser(), tmp_path_factory.mktemp("model") / "small.onnx")
    with fx.load_model(
        path, backend="onnxruntime", precision="fp32", alpha=100.0, r=0.5, gamma=8.0
    ) as opened:
        yield opened


@pytest.fixture(scope="module")
def faces() -> FaceSet:
    return FaceSet.of(noise_faces(12))


@pytest.fixture(scope="module")
def masks(model: Model, faces: FaceSet) -> MaskStudy:
    return study_masks(model, faces, MaskOptions(weights=["l1", "sum"], sizes=[20], repeats=1, colors=False))


def test_no_study_needs_or_writes_a_file(
    model: Model, faces: FaceSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    options = DeletionOptions(cells=3, steps=2, randoms=1, replicates=20)
    studies = [
        study_masks(model, faces, MaskOptions(weights=["l1"], sizes=[20], repeats=1, colors=False)),
        study_inpainting(model, faces, seeds=2),
        study_comparison(model, faces.subset(range(3))),
        study_deletion(model, faces.subset(range(3)), maps=["uniform"], options=options),
    ]
    for study in studies:
        summary = study.summary()
        assert json.loads(json.dumps(summary))["faces"] == len(study.setup.faces)
        for rows in study.tables().values():
            assert rows
            assert all(row["path"].startswith("face ") for row in rows)
    assert not list(tmp_path.iterdir())


def test_losses_are_those_of_covering_the_face_by_hand(
    model: Model, faces: FaceSet, masks: MaskStudy
) -> None:
    for mask in masks.masks[:4]:
        covered = faces.images[mask.face].copy()
        square = mask.square
        covered[square.top : square.top + square.side, square.left : square.left + square.side] = 0
        maps = [
            fx.plq(
                model,
                image[None],
                weights="l1",
                gamma=masks.setup.parameters["gammas"]["l1"],
                per="intensity",
            ).maps[0]
            for image in (faces.images[mask.face], covered)
        ]
        loss = maps[0].astype(np.float64) - maps[1]
        inside = loss[square.top : square.top + square.side, square.left : square.left + square.side].mean()
        assert mask.inside["l1"] == pytest.approx(inside, abs=1e-6)


def test_the_folder_holds_what_the_result_says(masks: MaskStudy, tmp_path: Path) -> None:
    write_masks(masks, tmp_path)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert {name: summary[name] for name in masks.summary()} == json.loads(json.dumps(masks.summary()))
    with (tmp_path / "masks.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["quality_loss"]) for row in rows] == [mask.quality_loss for mask in masks.masks]
    assert summary["command_line"] == []
    assert "called from Python" in (tmp_path / "report.html").read_text()
