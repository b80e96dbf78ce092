from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from support.distributions import install


def test_it_says_what_this_machine_can_do(cli, mobilefacenet_file: Path) -> None:
    result = cli("doctor", "--json")
    assert result.code == 0, result.out
    lines = {line["part"]: line for line in json.loads(result.out)}
    assert lines["backend openvino"]["state"] == "ok"
    assert lines["kernels"]["state"] == "ok"
    assert lines["model dlib-resnet"]["state"] == lines["model mobilefacenet"]["state"] == "ok"
    absent = lines["model adaface-ir18"]
    assert absent["state"] == "absent"
    assert absent["detail"].startswith("fiqx-trt model fetch adaface-ir18 --accept-licence")
    assert lines["run onnxruntime"]["detail"].endswith("the reference")
    assert "cosine to onnxruntime 0.9999" in lines["run openvino"]["detail"].replace("1.0000", "0.9999")


def test_quick_leaves_the_runs_out(cli) -> None:
    result = cli("doctor", "--quick")
    assert result.code == 0
    assert "processor" in result.out
    assert "cosine" not in result.out


def test_opencv_that_does_not_load_is_told(tmp_path: Path) -> None:
    """As on a server without the libraries of a desktop, for which opencv-python's wheel is linked."""
    (tmp_path / "cv2.py").write_text("raise ImportError('libGL.so.1: cannot open shared object file')\n")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, sys.path)])}
    line = [sys.executable, "-m", "fiqx_trt", "doctor", "--quick", "--json"]
    done = subprocess.run(line, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    (told,) = [part for part in json.loads(done.stdout) if part["state"] == "fails"]
    assert told["part"] == "opencv"
    assert "libGL.so.1" in told["detail"]
    assert "pip install opencv-python-headless" in told["detail"]


def test_it_fetches_nothing(cli, tmp_path: Path, monkeypatch) -> None:
    """With an empty cache the embedded model runs, also where a fetch would be allowed."""
    monkeypatch.setenv("FIQX_CACHE_DIR", str(tmp_path))
    result = cli("doctor", "--json")
    assert result.code == 0
    lines = {line["part"]: line for line in json.loads(result.out)}
    assert lines["model mobilefacenet"]["state"] == "absent"
    assert "fetching" not in result.err
    assert not (tmp_path / "models" / "mobilefacenet.tflite").exists()


def test_a_broken_package_is_told_and_hurts_nothing(
    cli, tmp_path: Path, monkeypatch, crops, recogniser
) -> None:
    points = {
        "fiqx_trt.quality": {"worst": "broken_extension:Method", "flip": "broken_extension:Method"},
        "fiqx_trt.backends": {"worst": "broken_extension"},
    }
    install(tmp_path / "site", "broken", "0.1", points, {"broken_extension": "import no_such_module"})
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    result = cli("doctor", "--quick", "--json")
    assert result.code == 1
    failing = {line["part"]: line["detail"] for line in json.loads(result.out) if line["state"] == "fails"}
    assert set(failing) == {"quality method worst", "quality method flip", "backend worst"}
    assert failing["quality method flip"].endswith(
        "fiqx_trt has that name itself; it must register another one"
    )
    assert "of broken 0.1 cannot be used: broken_extension: ModuleNotFoundError" in failing["backend worst"]
    scored = cli(
        "score", crops, "--aligned", "--model", recogniser, "--method", "flip", "--out", tmp_path / "s.csv"
    )
    assert scored.code == 0
    assert cli("score", "--help").code == 0
    wrong = cli("score", crops, "--model", recogniser, "--method", "worst", "--out", tmp_path / "t.csv")
    assert wrong.code == 1
    assert wrong.err.count("\n") == 1
    assert "the quality method 'worst' of broken 0.1 cannot be used" in wrong.err
