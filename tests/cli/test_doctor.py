from __future__ import annotations

import json


def test_it_says_what_this_machine_can_do(cli) -> None:
    result = cli("doctor", "--json")
    assert result.code == 0, result.out
    lines = {line["part"]: line for line in json.loads(result.out)}
    assert lines["backend openvino"]["state"] == "ok"
    assert lines["kernels"]["state"] == "ok"
    assert lines["model dlib-resnet"]["state"] == "ok"
    assert lines["run onnxruntime"]["detail"].endswith("the reference")
    assert "cosine to onnxruntime 0.9999" in lines["run openvino"]["detail"].replace("1.0000", "0.9999")


def test_quick_leaves_the_runs_out(cli) -> None:
    result = cli("doctor", "--quick")
    assert result.code == 0
    assert "processor" in result.out
    assert "cosine" not in result.out
