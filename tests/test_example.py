"""The example package is installed as a user installs it, and used through the command line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from fiqx_trt.evaluate.score_tables import known_direction
from fiqx_trt.models.probe import probe_faces
from fiqx_trt.rows import RunMeta, meta_path, read_table
from support.nets import save, small_recogniser

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "fiqx-example"
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the installed package, and its sources beside it."""
    folder = tmp_path_factory.mktemp("example")
    shutil.copytree(EXAMPLE, folder / "source")
    install = ["install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    command = [sys.executable, "-m", "pip", *install, "--target", folder / "site", folder / "source"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "site"


@pytest.fixture
def run(site: Path, tmp_path: Path) -> Run:
    """Run a module of Python with the package installed."""

    def call(module: str, *arguments: object, cwd: Path = tmp_path) -> subprocess.CompletedProcess[str]:
        paths = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
        line = [sys.executable, "-m", module, *map(str, arguments)]
        environment = {**os.environ, "PYTHONPATH": paths, "COLUMNS": "200"}
        return subprocess.run(line, cwd=cwd, env=environment, capture_output=True, text=True, check=False)

    return call


@pytest.fixture
def recogniser(tmp_path: Path) -> Path:
    path = save(small_recogniser(), tmp_path / "small.onnx")
    contract = {"mean": [127.5] * 3, "std": [127.5] * 3, "color": "rgb", "template": "arcface"}
    path.with_suffix(".json").write_text(json.dumps(contract))
    return path


def laplacian_variance(face: np.ndarray) -> float:
    """The variance of OpenCV's Laplacian of the luma, without the border."""
    luma = face.astype(np.float64) @ [0.299, 0.587, 0.114]
    return float(cv2.Laplacian(luma, cv2.CV_64F, ksize=1)[1:-1, 1:-1].var())


def test_its_own_tests_pass(run: Run, site: Path) -> None:
    done = run("pytest", "-q", "-p", "no:cacheprovider", "tests", cwd=site.parent / "source")
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout


def test_method_and_backend_score_aligned_faces(run: Run, recogniser: Path, tmp_path: Path) -> None:
    faces = probe_faces((32, 32), count=5)
    (tmp_path / "crops").mkdir()
    for index, face in enumerate(faces):
        cv2.imwrite(str(tmp_path / "crops" / f"{index}.png"), face[:, :, ::-1])
    line = [
        "score",
        "crops",
        "--aligned",
        "--model",
        recogniser,
        "--method",
        "sharpness",
        "--method",
        "serfiq",
    ]
    region = ["--option", "sharpness.region=0.5"]
    done = run("fiqx_trt", *line, *region, "--backend", "reference", "--out", "own.csv")
    assert done.returncode == 0, done.stderr
    assert "sharpness is raised by noise too" in done.stderr
    rows = list(read_table(tmp_path / "own.csv"))
    np.testing.assert_allclose(
        [row["sharpness"] for row in rows],
        [laplacian_variance(face[8:24, 8:24]) for face in faces],
        rtol=1e-12,
    )
    meta = RunMeta.read(meta_path(tmp_path / "own.csv"))
    assert (meta.backend, meta.precision) == ("reference", "fp32")
    told = {name: value for name, value in meta.parameters.items() if name.startswith("sharpness.")}
    assert told == {
        "sharpness.luma": "BT.601",
        "sharpness.region": 0.5,
        "sharpness.higher_is_better": True,
        "sharpness.package": "fiqx-example 0.1.0",
    }
    assert meta.parameters["backend.package"] == "fiqx-example 0.1.0"
    assert (
        known_direction(tmp_path / "own.csv", "sharpness") is True
    )  # in this process the package is not installed

    other = run(
        "fiqx_trt", *line, *region, "--backend", "openvino", "--precision", "fp32", "--out", "other.csv"
    )
    assert other.returncode == 0, other.stderr
    again = list(read_table(tmp_path / "other.csv"))
    np.testing.assert_allclose([row["serfiq"] for row in rows], [row["serfiq"] for row in again], rtol=1e-4)

    resumed = run("fiqx_trt", *line, "--backend", "reference", "--out", "own.csv", "--resume")
    assert resumed.returncode == 1
    assert "sharpness.region" in resumed.stderr  # another option is another configuration


def test_detector_finds_the_middle(run: Run, recogniser: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    cv2.imwrite(str(tmp_path / "photos" / "a.png"), probe_faces((120, 160), count=1)[0])
    done = run(
        "fiqx_trt",
        "score",
        "photos",
        *("--model", recogniser, "--method", "sharpness", "--detector", "centre", "--out", "scores.jsonl"),
    )
    assert done.returncode == 0, done.stderr
    (row,) = read_table(tmp_path / "scores.jsonl")
    assert [row[name] for name in ("x0", "y0", "x1", "y1", "confidence")] == [50, 30, 110, 90, 0.5]
    meta = RunMeta.read(meta_path(tmp_path / "scores.jsonl"))
    assert meta.parameters["faces.detector_package"] == "fiqx-example 0.1.0"
    assert "backend.package" not in meta.parameters


def test_importer_reads_its_format(run: Run, tmp_path: Path) -> None:
    (tmp_path / "foreign.txt").write_text("a/1.jpg;0,75\na/2.jpg;nan\n")
    line = ("import", "foreign.txt", "--format", "semicolon", "--name", "grade", "--direction", "grade=lower")
    done = run("fiqx_trt", *line, "--out", "grades.csv")
    assert done.returncode == 3, done.stderr  # finished, one row without a score
    rows = list(read_table(tmp_path / "grades.csv"))
    assert [(row["path"], row["status"], row["grade"]) for row in rows] == [
        ("a/1.jpg", "ok", 0.75),
        ("a/2.jpg", "not_finite", None),
    ]
    assert (
        RunMeta.read(meta_path(tmp_path / "grades.csv")).parameters["import.package"] == "fiqx-example 0.1.0"
    )


def test_doctor_and_help_list_it(run: Run) -> None:
    told = run("fiqx_trt", "doctor", "--quick", "--json")
    assert told.returncode == 0, told.stderr
    lines = {line["part"]: (line["state"], line["detail"]) for line in json.loads(told.stdout)}
    option = "options region (a number from 0.1 to 1.0; default 1.0)"
    assert lines["quality method sharpness"] == ("ok", f"fiqx-example 0.1.0; {option}")
    assert lines["detector centre"] == lines["format semicolon"] == ("ok", "fiqx-example 0.1.0")
    assert lines["backend reference"] == ("ok", "fiqx-example 0.1.0; on cpu")
    shown = " ".join(run("fiqx_trt", "score", "--help").stdout.replace("│", " ").split())
    for names in ("serfiq, sharpness, or onnx:FILE", "mtcnn, yunet, centre;", "onnxruntime, reference."):
        assert names in shown
    assert "pickle, semicolon." in " ".join(
        run("fiqx_trt", "import", "--help").stdout.replace("│", " ").split()
    )
    wrong = run("fiqx_trt", "score", "x", "--option", "sharpness.size=3", "--out", "a.csv")
    assert wrong.returncode == 2
    assert "sharpness has no option 'size'; the options of sharpness are region (a number" in wrong.stderr
