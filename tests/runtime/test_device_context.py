"""Where arrays lie: the host without copies, a device with page-locked staging and one wait per fetch."""

from __future__ import annotations

import os
import pickle
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fiqx_trt import _core, kernels
from fiqx_trt.errors import DeviceMismatchError
from fiqx_trt.runtime import device_context, open_session
from fiqx_trt.runtime.base import Session, TensorInfo
from fiqx_trt.runtime.device import DeviceSession
from fiqx_trt.runtime.device_context import HOST, CudaContext, context_at, context_of, session_context
from fiqx_trt.statistics import MapStatistics
from runtime.small_nets import images, residual_net

X = np.arange(24, dtype=np.float32).reshape(4, 3, 2)


# --- the host -----------------------------------------------------------------------------------------------------------


def test_nothing_is_copied_on_the_host() -> None:
    assert HOST.upload(X) is X
    assert HOST.fetch(X)[0] is X
    assert HOST.concatenate([X]) is X
    assert HOST.concatenate([X, X]).shape == (8, 3, 2)
    assert HOST.empty((2, 3), np.uint8).dtype == np.uint8
    assert not HOST.zeros((2, 3), np.float64).any()
    assert HOST.stream is None
    assert repr(HOST) == "<device context cpu>"
    assert context_of(X) is HOST
    assert pickle.loads(pickle.dumps(HOST)) is HOST


def test_a_session_on_the_processor_keeps_its_arrays_there_and_says_nothing() -> None:
    with open_session(residual_net(), backend="onnxruntime", max_batch=1) as session:
        assert session_context(session) == (HOST, "")
        feeds = {"image": images(2)}
        for name, value in HOST.run(session, feeds).items():
            np.testing.assert_array_equal(value, session.run(feeds)[name])


class Elsewhere(Session):
    """A session that says it is on CUDA."""

    def __init__(self, dtype: type = np.float32, device: str = "cuda") -> None:
        tensors = [TensorInfo("x", (None, 2), np.dtype(dtype))]
        common = {"backend": "made-up", "device": device, "precision": "fp32", "batch": 1}
        super().__init__(**common, inputs=tensors, outputs=tensors)

    def _run(self, chunks: Any) -> Any:
        return [{"x": 2 * chunk["x"]} for chunk in chunks]

    def _close(self) -> None:
        pass


class OnDevice(Elsewhere, DeviceSession):
    def _run_device(self, feeds: Any, stream: int | None) -> Any:
        return feeds


@pytest.mark.parametrize(
    ("session", "devices", "why"),
    [
        (Elsewhere(), 1, "the made-up backend gives host arrays"),
        (OnDevice(device="cuda:1"), 1, "the kernels do not see cuda:1"),
        (OnDevice(dtype=np.float16), 1, "the network's tensors are not all float32"),
    ],
)
def test_a_session_on_cuda_that_keeps_its_arrays_on_the_host_says_why(
    monkeypatch: pytest.MonkeyPatch, session: Session, devices: int, why: str
) -> None:
    monkeypatch.setattr(_core, "cuda_device_count", lambda: devices)
    monkeypatch.setattr(_core, "cuda_reason", lambda: "")
    assert session_context(session) == (HOST, f"masks, scores and maps are computed on the processor: {why}")


@pytest.mark.skipif(_core.cuda_device_count() > 0, reason="says what happens without a device")
def test_the_reason_is_the_extensions() -> None:
    assert session_context(OnDevice())[1].endswith(_core.cuda_reason())


# --- a device -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def device(cuda: Callable[..., Any]) -> CudaContext:
    return CudaContext(0)


@pytest.mark.cuda
def test_there_and_back(device: CudaContext) -> None:
    for dtype in (np.bool_, np.uint8, np.int64, np.float16, np.float32, np.float64):
        for x in (X.astype(dtype), X.astype(dtype)[:0], X.astype(dtype)[::2, 1:]):
            (back,) = device.fetch(device.upload(x))
            np.testing.assert_array_equal(back, x)
            assert back.dtype == dtype
    assert repr(device) == "<device context cuda:0>"
    assert context_of(device.upload(X)) is context_at(0)


def refused_by_a_session_of_the_host(array: Any) -> None:
    with Elsewhere(device="cpu") as session, pytest.raises(DeviceMismatchError, match="is on a CUDA device"):
        session.run({"x": array})


#: What may be done with an array before it is dropped, and whether the drop must wait for the whole device.
USES: dict[str, tuple[Callable[[Any], object], bool]] = {
    "nothing": (lambda array: None, False),
    "its context is asked for": (context_of, False),
    "it is borrowed": (kernels.borrow, False),
    "a session of the host refuses it": (refused_by_a_session_of_the_host, False),
    "maps are counted": (lambda array: MapStatistics((3, 2)).push(array), False),
    "another library reads the address": (lambda array: array.__cuda_array_interface__, True),
}


@pytest.mark.cuda
@pytest.mark.parametrize("use", USES)
def test_only_memory_that_another_library_was_told_of_waits(device: CudaContext, use: str) -> None:
    """Seen on late streams: work that another stream has been given runs when somebody waits for it."""
    if os.environ.get("FIQX_EMULATED_STREAMS") != "late":
        pytest.skip("only emulated streams run late for certain")
    work, waits = USES[use]
    array = kernels.DeviceArray.from_host(X / 24, stream=device.stream)
    work(array)
    other, back = _core.Stream(), _core.pinned((1,), np.float32)
    back[0] = 0
    kernels.copy(
        kernels.DeviceArray.from_host(np.float32([7]), stream=other.handle), back, stream=other.handle
    )
    del array
    assert back[0] == (7 if waits else 0)
    other.synchronize()


@pytest.mark.cuda
def test_uploaded_arrays_may_be_written_to_at_once(device: CudaContext) -> None:
    x, kept = X.copy(), []
    for i in range(50):
        x[:] = i
        kept.append(device.upload(x))
    for i, back in enumerate(device.fetch(*kept)):
        assert (back == i).all()


@pytest.mark.cuda
@pytest.mark.parametrize(("array", "total"), [(0, 0), (40, 100), (1 << 20, 0), (1 << 20, 200)])
def test_any_limit_gives_the_same_bytes(
    device: CudaContext, monkeypatch: pytest.MonkeyPatch, array: int, total: int
) -> None:
    monkeypatch.setattr(device_context, "STAGED_ARRAY", array)
    monkeypatch.setattr(device_context, "STAGED_BYTES", total)
    many = [np.full(n, n, np.float32) for n in (1, 1000, 7, 0, 1000, 3000, 2)]
    for _ in range(3):
        backs = device.fetch(*[device.upload(x) for x in many])
        for x, back in zip(many, backs, strict=True):
            np.testing.assert_array_equal(back, x)
    assert sum(block.nbytes for block in device._idle) <= total


@pytest.mark.cuda
def test_fetched_arrays_are_the_callers_own(device: CudaContext) -> None:
    given = device.upload(X)
    first, host = device.fetch(given, X)
    assert host is X
    first[:] = -1
    np.testing.assert_array_equal(device.fetch(given)[0], X)


@pytest.mark.cuda
def test_rows_are_joined_on_the_device(device: CudaContext) -> None:
    parts = [device.upload(X), device.upload(X[:0]), device.upload(X[1:])]
    before = _core.traffic()
    joined = device.concatenate(parts)
    assert _core.traffic() == before
    np.testing.assert_array_equal(device.fetch(joined)[0], np.concatenate([X, X[1:]]))
    assert device.concatenate(parts[:1]) is parts[0]


@pytest.mark.cuda
def test_a_session_of_the_host_is_given_host_arrays(device: CudaContext) -> None:
    with Elsewhere(device="cpu") as session:
        result = device.run(session, {"x": device.upload(X.reshape(-1, 2))})["x"]
    assert isinstance(result, kernels.DeviceArray)
    np.testing.assert_array_equal(device.fetch(result)[0], 2 * X.reshape(-1, 2))


@pytest.mark.cuda
def test_threads_may_share_a_context(device: CudaContext) -> None:
    wrong: list[int] = []

    def work(seed: int) -> None:
        x = np.random.default_rng(seed).random((50, 40), np.float32)
        for _ in range(20):
            (back,) = device.fetch(kernels.row_power(device.upload(x), stream=device.stream))
            if not np.array_equal(back, kernels.row_power(x)):
                wrong.append(seed)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=600)
    assert not wrong


@pytest.mark.cuda
def test_a_context_pickles_as_the_device_it_is_on(device: CudaContext) -> None:
    again = pickle.loads(pickle.dumps(device))
    assert (again.index, again.stream == device.stream) == (0, False)
