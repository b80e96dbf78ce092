"""``--detector yunet``, ``--min-face`` and ``--confidence``: what rows and metadata say, and what is refused."""

from __future__ import annotations

import csv
import inspect
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from fiqx_trt.cli.main import app
from fiqx_trt.errors import InvalidInputError
from fiqx_trt.runs.options import FaceOptions
from fiqx_trt.zoo import fetch, models


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A public photo with one face of about 100 pixels, the same upside down, and a grey wall."""
    folder = tmp_path / "photos"
    folder.mkdir()
    image = pytest.importorskip("skimage.data").astronaut()[..., ::-1]
    cv2.imwrite(str(folder / "a-upright.png"), image)
    cv2.imwrite(str(folder / "b-turned.png"), image[::-1, ::-1])
    cv2.imwrite(str(folder / "c-wall.png"), np.full((600, 1280, 3), 90, np.uint8))
    return folder


@pytest.fixture
def stored_yunet(yunet_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIQX_CACHE_DIR", str(tmp_path / "cache"))
    fetch(models()["yunet"], file=yunet_file)


def rows_of(out: Path) -> list[dict[str, str]]:
    with (out / "cam.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def parameters_of(out: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((out / "cam.csv.meta.json").read_text())["parameters"]
    return found


def test_turned_faces_are_found_and_what_was_looked_for_is_told(
    cli, photos: Path, recogniser: Path, stored_yunet: None, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    result = cli(
        "cam", photos, "-o", out, "-m", recogniser, "--weights", "uniform", "--detector", "yunet", "-q"
    )
    assert result.code == 3, result.err
    upright, turned, wall = rows_of(out)
    assert [upright["status"], turned["status"], wall["status"]] == ["ok", "ok", "no_face"]
    assert wall["error"] == "no face found; faces of at least 20 px were looked for"
    assert float(upright["left_eye_x"]) < float(upright["right_eye_x"])
    assert float(turned["left_eye_x"]) > float(turned["right_eye_x"])
    assert parameters_of(out)["faces.detector"] == "yunet"
    assert "faces.min_face" not in parameters_of(out)


@pytest.mark.parametrize("detector", ["mtcnn", "yunet"])
def test_the_smallest_face_and_the_least_confidence_are_recorded(
    cli, photos: Path, recogniser: Path, stored_yunet: None, tmp_path: Path, detector: str
) -> None:
    if detector == "mtcnn":
        pytest.importorskip("lz4")
    out = tmp_path / "out"
    options = ("--detector", detector, "--min-face", 300, "--confidence", 0.7, "--weights", "uniform", "-q")
    result = cli("cam", photos / "a-upright.png", "-o", out, "-m", recogniser, *options)
    assert result.code == 3, result.err
    (row,) = rows_of(out)
    assert row["error"] == "no face found; faces of at least 300 px were looked for"
    found = parameters_of(out)
    assert (found["faces.min_face"], found["faces.confidence"]) == (300.0, 0.7)


def test_score_has_the_limits_of_a_detector(
    cli, photos: Path, recogniser: Path, stored_yunet: None, tmp_path: Path
) -> None:
    out = tmp_path / "s.csv"
    options = ("--detector", "yunet", "--min-face", 300, "--confidence", 0.7, "-q")
    result = cli("score", photos / "a-upright.png", "-o", out, "-m", recogniser, *options)
    assert result.code == 3, result.err
    found = json.loads((tmp_path / "s.csv.meta.json").read_text())["parameters"]
    assert (found["faces.min_face"], found["faces.confidence"]) == (300.0, 0.7)
    assert "faces of at least 300 px were looked for" in out.read_text()


def test_a_small_face_that_was_asked_for_is_not_too_small() -> None:
    from fiqx_trt.models import ModelSpec
    from fiqx_trt.runs.options import RuntimeOptions

    spec = ModelSpec(name="any", input_size=(112, 112))
    with FaceOptions(min_face=12).preparer(spec, RuntimeOptions(threads=1)) as preparer:
        assert preparer.min_face == 12
    with FaceOptions(min_face=60).preparer(spec, RuntimeOptions(threads=1)) as preparer:
        assert preparer.min_face == 16


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"aligned": True, "min_face": 20.0},
            "--min-face tells a detector what to look for, and with --aligned nothing",
        ),
        (
            {"detector": "landmarks:x.csv", "min_face": 20.0, "confidence": 0.5},
            "--min-face and --confidence tell a detector what to look for, and with --detector landmarks:FILE nothing",
        ),
    ],
)
def test_limits_without_a_detector_are_refused(options, message) -> None:
    with pytest.raises(InvalidInputError, match=message):
        FaceOptions(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--min-face", 3), "give at least 10 (--min-face)"),
        (("--confidence", 1.5), "give one such as 0.6 (--confidence)"),
        (("--detector", "haar"), "no detector is called 'haar'; there are mtcnn, yunet and landmarks:FILE"),
    ],
)
def test_wrong_options_are_one_line(
    cli, photos: Path, recogniser: Path, stored_yunet: None, tmp_path: Path, options, message
) -> None:
    given = ("--detector", "yunet", *options)
    result = cli("cam", photos, "-o", tmp_path / "out", "-m", recogniser, "-q", *given)
    assert result.code in (1, 2)
    assert result.err.startswith("error: ")
    assert result.err.count("\n") == 1
    assert message in result.err


def test_doctor_lists_it(cli, stored_yunet: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def line() -> dict[str, str]:
        lines = {one["part"]: one for one in json.loads(cli("doctor", "--quick", "--json").out)}
        found: dict[str, str] = lines["detector yunet"]
        return found

    assert line()["state"] == "ok"
    monkeypatch.setenv("FIQX_CACHE_DIR", str(tmp_path / "empty"))
    assert line()["state"] == "absent"
    assert line()["detail"].startswith("fiqx-trt model fetch yunet (0.2 MB, MIT)")


def test_every_command_that_detects_takes_the_limits() -> None:
    """Commands are found by their option ``--detector``, so that a new one is held to it as well."""
    groups = [app, *(group.typer_instance for group in app.registered_groups)]
    commands = [command.callback for group in groups for command in group.registered_commands]
    detecting = [inspect.signature(command).parameters for command in commands if command is not None]
    detecting = [parameters for parameters in detecting if "detector" in parameters]
    assert len(detecting) >= 12
    for parameters in detecting:
        assert {"min_face", "confidence"} <= set(parameters)
