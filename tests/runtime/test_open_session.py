"""Choosing a backend: the order, the reasons, and requests that cannot be met."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from fiqx_trt import runtime
from fiqx_trt.errors import BackendUnavailableError, InvalidInputError, ModelError
from fiqx_trt.runtime import AUTO, available_backends, open_session
from fiqx_trt.runtime.machine import cuda_missing
from runtime.small_nets import images, model, residual_net

needs_no_cuda = pytest.mark.skipif(cuda_missing() is None, reason="this machine has a CUDA device")
NET = residual_net()


@pytest.fixture
def fresh() -> Iterator[None]:
    """Forget which skipped candidates were named."""
    runtime._say_once.cache_clear()
    yield
    runtime._say_once.cache_clear()


@needs_no_cuda
@pytest.mark.usefixtures("fresh")
def test_auto_takes_openvino_and_names_each_skipped_backend_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="fiqx_trt.runtime")
    for _ in range(2):
        with open_session(NET, max_batch=1) as session:
            assert (session.backend, session.device, session.precision) == ("openvino", "cpu", "fp32")
            assert session.notes[0].startswith("tensorrt on cuda skipped: ")
            assert session.notes[1].startswith("torch on cuda skipped: no CUDA driver")
            assert session.notes[2] == "fp32: no probe faces were given for the bf16 parity gate"
            assert session.notes[3].startswith("batch 1")
    said = [record.message for record in caplog.records if "skipped" in record.message]
    assert len(said) == 2


def test_auto_goes_on_when_a_backend_cannot_open_the_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime")
    openvino = pytest.importorskip("fiqx_trt.runtime.openvino")

    def refuse(*_: object) -> None:
        raise ModelError("OpenVINO cannot open the given model: a reason")

    monkeypatch.setattr(openvino, "open_graph", refuse)
    with open_session(NET, device="cpu", max_batch=1) as session:
        assert session.backend == "onnxruntime"
        assert session.notes[0] == "openvino on cpu skipped: OpenVINO cannot open the given model: a reason"


def test_a_graph_that_no_backend_can_open() -> None:
    net = model([helper.make_node("NoSuchOperator", ["x"], ["y"])], {"x": ("N", 3)}, {"y": ("N", 3)})
    with pytest.raises(
        ModelError, match=r"no backend can open the given model: .*openvino on cpu skipped: .*torch"
    ):
        open_session(net, device="cpu")


@needs_no_cuda
def test_a_device_that_is_missing_is_an_error_not_a_fallback() -> None:
    with pytest.raises(
        BackendUnavailableError, match=r"no backend can run .*torch on cuda:1 skipped: no CUDA driver"
    ):
        open_session(NET, device="cuda:1")
    with pytest.raises(
        BackendUnavailableError,
        match=r"backend 'torch' on device 'cuda' cannot be used: no CUDA .*Usable here: .*openvino on cpu",
    ):
        open_session(NET, backend="torch", device="cuda")


@needs_no_cuda
def test_tensorrt_says_why_it_cannot_be_used() -> None:
    with pytest.raises(
        BackendUnavailableError, match=r"backend 'tensorrt' cannot be used.*: (no|the) CUDA driver"
    ):
        open_session(NET, backend="tensorrt")
    assert ("tensorrt", False) in [row[:2] for row in available_backends()]


def test_openvino_has_no_cuda() -> None:
    with pytest.raises(BackendUnavailableError, match=r"backend 'openvino' on device 'cuda' cannot be used"):
        open_session(NET, backend="openvino", device="cuda")


@pytest.mark.usefixtures("fresh")
def test_a_package_that_is_not_installed_is_named_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "fiqx_trt.runtime.onnxruntime", raising=False)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(
        BackendUnavailableError, match=r"onnxruntime.* \(cure: python -m pip install 'fiqx-trt\[onnx"
    ):
        open_session(NET, backend="onnxruntime", device="cpu")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            {"backend": "caffe"},
            r"no backend is called 'caffe'; there are onnxruntime, openvino, tensorrt, torch and auto",
        ),
        ({"precision": "int8"}, r"precision 'int8' is unknown; give one of auto, fp32, bf16, fp16"),
        ({"device": "tpu"}, r"device 'tpu' is unknown; give auto, cpu, cuda, or cuda:1"),
        ({"device": "cuda:x"}, r"device 'cuda:x' is unknown"),
        ({"device": "cpu:1"}, r"device 'cpu:1' is unknown"),
        ({"max_batch": 0}, r"max_batch is 0; give 1 or more"),
        ({"threads": -1}, r"threads is -1; give 1 or more"),
    ],
)
def test_arguments_are_checked_before_anything_is_opened(arguments: dict[str, object], text: str) -> None:
    with pytest.raises(InvalidInputError, match=text):
        open_session(b"", **arguments)  # type: ignore[arg-type]


def test_every_registered_backend_of_this_machine_opens_or_says_why() -> None:
    rows = available_backends()
    assert [row[0] for row in rows][: len(dict(AUTO))] == list(dict(AUTO))
    for name, available, told in rows:
        assert told
        if available and name != "tensorrt":
            with open_session(NET, backend=name, max_batch=1) as session:
                assert np.isfinite(next(iter(session.run({"image": images(1)}).values()))).all()


def test_importing_the_runtime_imports_no_engine() -> None:
    code = (
        "import sys, fiqx_trt.runtime; "
        "print(sorted({'torch', 'openvino', 'onnxruntime', 'onnx', 'tensorrt'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_openvino_is_silent(tmp_path: Path) -> None:
    """No telemetry, no identifier in the home folder, no warnings, nothing printed."""
    code = (
        "import sys, warnings; warnings.simplefilter('error'); import numpy as np; "
        "from runtime.small_nets import residual_net; from fiqx_trt.runtime import open_session; "
        "session = open_session(residual_net(), max_batch=1, device='cpu'); "
        "session.run({'image': np.zeros((1, 3, 32, 32), np.float32)}); session.close(); "
        "import openvino.tools.ovc as ovc; assert 'openvino_telemetry' not in sys.modules; "
        "assert 'stub' in type(ovc.telemetry).__module__"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=env)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not (tmp_path / "intel").exists()
