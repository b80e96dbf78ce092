from __future__ import annotations

import json
from pathlib import Path


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


def test_it_fetches_nothing(cli, tmp_path: Path, monkeypatch) -> None:
    """With an empty cache the embedded model runs, also where a fetch would be allowed."""
    monkeypatch.setenv("FIQX_CACHE_DIR", str(tmp_path))
    result = cli("doctor", "--json")
    assert result.code == 0
    lines = {line["part"]: line for line in json.loads(result.out)}
    assert lines["model mobilefacenet"]["state"] == "absent"
    assert "fetching" not in result.err
    assert not (tmp_path / "models" / "mobilefacenet.tflite").exists()
