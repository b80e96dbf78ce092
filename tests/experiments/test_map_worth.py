"""What ``assess --maps`` measures, keeps and says."""

from __future__ import annotations

from pathlib import Path

import pytest

import fiqx_trt as fx
from fiqx_trt.experiments.deletion import DeletionOptions
from fiqx_trt.experiments.deletion_study import study_deletion
from fiqx_trt.experiments.deletion_worth import verdict
from fiqx_trt.experiments.face_set import FaceSet
from fiqx_trt.experiments.map_worth import RANDOMS, STEPS, judge_some, measured_worth, worth_line
from fiqx_trt.models.spec import ModelSpec
from support.nets import noise_faces, save, small_recogniser

CONTRACT = {"mean": 127.5, "std": 127.5, "color": "rgb", "backend": "onnxruntime", "threads": 1}


def face_set(count: int) -> FaceSet:
    return FaceSet(noise_faces(count, seed=4), tuple(map(str, range(count))), (0,) * count)


@pytest.fixture(scope="module")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(small_recogniser(), tmp_path_factory.mktemp("model") / "small.onnx")


def test_some_faces_are_judged_as_the_experiment_judges_them(model_file: Path) -> None:
    faces, people = face_set(7), list("aabbccc")
    with fx.load_model(model_file, **CONTRACT) as model:  # type: ignore[arg-type]
        some = judge_some(model, faces, 4, people=people, replicates=50, seed=3)
        chosen = [0, 2, 4, 6]
        whole = study_deletion(
            model,
            faces.subset(chosen),
            maps=["cam", "uniform"],  # without a calibration there is no pixel quality
            people=[people[i] for i in chosen],
            options=DeletionOptions(steps=STEPS, randoms=RANDOMS, replicates=50, seed=3),
        )
        assert len(judge_some(model, face_set(3), 16, replicates=10).setup.faces) == 3
    assert some.setup.faces.paths == ("0", "2", "4", "6")
    assert some.curves.maps == ("cam", "uniform")
    assert some.measures == ["similarity", "genuine"]
    assert some.comparisons == whole.comparisons


def test_the_line_of_a_sidecar_is_the_line_of_the_run(model_file: Path) -> None:
    faces = face_set(5)
    with fx.load_model(model_file, alpha=100.0, r=0.5, gamma=8.0, gamma_contrast=6.0, **CONTRACT) as model:  # type: ignore[arg-type]
        result = judge_some(model, faces, 5, replicates=50)
    assert result.curves.maps == ("plq", "plq-contrast", "cam", "uniform")
    spec = ModelSpec("net", map_worth=measured_worth(result, on="noise"))
    for name, settings in (("plq-contrast", {"weights": "l1"}), ("cam", {})):
        told = verdict([one for one in result.comparisons if one.name == name])
        line = worth_line(spec, name, settings)
        assert line == f"What these maps are worth on net: {told} (cells removed and shown, 5 faces)."
    assert "has not been measured with these settings" in worth_line(spec, "plq", {"weights": "sum"})
    assert worth_line(ModelSpec("net"), "plq", {"weights": "l1"}) == (
        "What these maps are worth on net has not been measured (fiqx-trt assess FACES --maps --model net)."
    )


def test_a_band_that_is_not_known_is_not_kept(model_file: Path) -> None:
    with fx.load_model(model_file, **CONTRACT) as model:  # type: ignore[arg-type]
        assert measured_worth(judge_some(model, face_set(3), 3, people=list("aaa"), replicates=10)) == {}


def test_people_with_one_picture_have_no_other_pictures_to_be_compared_with(model_file: Path) -> None:
    with fx.load_model(model_file, **CONTRACT) as model:  # type: ignore[arg-type]
        study = judge_some(model, face_set(3), 3, people=list("abc"), replicates=10)
    assert study.measures == ["similarity"]
    assert len(study.verdicts) == 2
