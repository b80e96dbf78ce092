"""When TensorRT cannot be used: the driver is asked first, each reason has its words, `auto` goes on."""

from __future__ import annotations

import logging
import sys
import types

import pytest

from fiqx_trt import runtime
from fiqx_trt.errors import BackendUnavailableError
from fiqx_trt.runtime import available_backends, machine, open_session
from fiqx_trt.runtime.device import device_index
from fiqx_trt.runtime.tensorrt import compat, unavailable
from runtime.small_nets import residual_net
from runtime.tensorrt.conftest import Install
from runtime.tensorrt.signatures import VERSIONS

NET = residual_net()


class Untouchable(types.ModuleType):
    """A tensorrt that must not be looked at."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):  # torch's import looks at the __file__ of every module
            raise AttributeError(name)
        raise AssertionError(f"tensorrt.{name} was touched before the driver was asked")


def test_without_a_driver_nothing_of_tensorrt_is_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt", Untouchable("tensorrt"))
    for place in (machine, runtime):
        monkeypatch.setattr(place, "cuda_missing", lambda: "no CUDA driver (libcuda.so.1) on this machine")
    assert unavailable("cuda") == "no CUDA driver (libcuda.so.1) on this machine"
    with pytest.raises(BackendUnavailableError, match="'tensorrt' cannot be used: no CUDA driver"):
        open_session(NET, backend="tensorrt")
    with pytest.raises(
        BackendUnavailableError, match=r"'tensorrt' on device 'cpu' .*runs on NVIDIA GPUs only"
    ):
        open_session(NET, backend="tensorrt", device="cpu")


def test_auto_names_the_reason_once_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for place in (machine, runtime):
        monkeypatch.setattr(place, "cuda_missing", lambda: "the CUDA driver sees no device")
    runtime._say_once.cache_clear()
    with caplog.at_level(logging.INFO, logger="fiqx_trt.runtime"):
        for _ in range(2):
            with open_session(NET, max_batch=1) as session:
                assert session.notes[0] == "tensorrt on cuda skipped: the CUDA driver sees no device"
    told = [r.getMessage() for r in caplog.records if r.getMessage().startswith("tensorrt")]
    assert told == ["tensorrt on cuda skipped: the CUDA driver sees no device"]


def test_a_package_that_is_not_installed_names_the_cure(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    install()
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    with pytest.raises(
        BackendUnavailableError, match=r"tensorrt.*python -m pip install 'fiqx-trt\[tensorrt\]'"
    ):
        open_session(NET, backend="tensorrt", device="cuda")


@pytest.mark.parametrize("version", ["10.12.0.36", "9.3.0", "12.0.1"])
def test_a_version_that_is_not_supported(install: Install, version: str) -> None:
    install()
    sys.modules["tensorrt"].__version__ = version
    assert unavailable("cuda") == (
        f"TensorRT {version} is installed, and versions 10.13 to 11 are supported "
        "(python -m pip install 'tensorrt>=10.13.2,<12')"
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_versions_that_are(install: Install, version: str) -> None:
    install(version)
    assert unavailable("cuda") is None
    assert unavailable("cuda:0") is None
    assert ("tensorrt", True, "on cuda") in available_backends()


def test_a_device_that_is_not_there(install: Install) -> None:
    install()
    assert unavailable("cuda:3") == "there is no CUDA device 3; this machine has 1"
    with pytest.raises(BackendUnavailableError, match="there is no CUDA device 3; this machine has 1"):
        open_session(NET, backend="tensorrt", device="cuda:3")


def test_the_number_of_a_device() -> None:
    assert [device_index(name) for name in ("cuda", "cuda:0", "cuda:12")] == [0, 0, 12]


def test_a_type_that_numpy_does_not_know() -> None:
    with pytest.raises(
        runtime.ModelError, match="TensorRT holds an input or output in BF16, which NumPy does not"
    ):
        compat.dtype_of(types.SimpleNamespace(name="BF16"))
