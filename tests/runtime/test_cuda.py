"""What only a GPU can tell: sessions, device arrays and memory on the real one."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator

import numpy as np
import pytest

from fiqx_trt.runtime import Session, open_session, parity
from fiqx_trt.runtime.device import DeviceSession
from fiqx_trt.runtime.machine import cuda_missing
from fiqx_trt.runtime.tensorrt.driver import open_driver
from fiqx_trt.runtime.tensorrt.memory import MEMORIES, Memory
from runtime.small_nets import head_net, images, residual_net

pytestmark = pytest.mark.cuda
NET = residual_net()


@pytest.fixture(autouse=True)
def _device() -> None:
    reason = cuda_missing()
    if reason is not None:
        (pytest.fail if os.environ.get("FIQX_REQUIRE_CUDA") == "1" else pytest.skip)(reason)


@pytest.fixture(params=[(b, p) for b in ("torch", "tensorrt") for p in ("fp32", "fp16")], ids="-".join)
def session(request: pytest.FixtureRequest) -> Iterator[DeviceSession]:
    backend, precision = request.param
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    with open_session(NET, backend=backend, device="cuda", precision=precision, max_batch=4) as opened:
        assert isinstance(opened, DeviceSession)
        assert (opened.backend, opened.device, opened.precision) == (backend, "cuda", precision)
        yield opened


def on_the_cpu(net: object = NET) -> Session:
    return open_session(net, device="cpu", precision="fp32", max_batch=1)  # type: ignore[arg-type]


def test_the_results_are_the_cpus(session: DeviceSession) -> None:
    with on_the_cpu() as reference:
        least = parity.MIN_COSINE[session.precision]
        parity.require(session, reference, {"image": images(9)}, min_cosine=least)


def test_a_row_does_not_depend_on_the_others(session: DeviceSession) -> None:
    x = images(9)
    whole = session.run({"image": x})
    order = np.random.default_rng(0).permutation(9)
    mixed = session.run({"image": x[order]})
    for name, value in whole.items():
        np.testing.assert_array_equal(mixed[name], value[order])
        for start, stop in ((0, 1), (2, 5), (8, 9)):
            np.testing.assert_array_equal(session.run({"image": x[start:stop]})[name], value[start:stop])


@pytest.mark.parametrize("rows", [0, 1, 4, 9])
def test_device_arrays_give_the_same_bits(session: DeviceSession, rows: int) -> None:
    torch = pytest.importorskip("torch")
    x = images(rows)
    results = session.run_device({"image": torch.as_tensor(x, device="cuda")})
    for name, value in session.run({"image": x}).items():
        got = torch.as_tensor(results[name], device="cuda")
        np.testing.assert_array_equal(got.cpu().numpy(), value)


def test_kernels_and_network_share_a_stream(session: DeviceSession) -> None:
    """A place queues both; nothing is waited for until the end, and memory goes back and forth in that order."""
    from fiqx_trt import kernels
    from fiqx_trt.runtime.device_context import session_context

    context, why = session_context(session)
    assert (context.name, why) == ("cuda:0", "")
    x = images(9)
    name = session.outputs[0].name
    expected = session.run({"image": x})[name]
    found = []
    for _ in range(20):
        embedding = context.run(session, {"image": context.upload(x)})[name]
        flat = kernels.reshape(embedding, (9, expected.size // 9))
        found.append(kernels.row_power(flat, stream=context.stream))
    powers = kernels.row_power(expected.reshape(9, -1))
    for got in context.fetch(*found):
        np.testing.assert_array_equal(got, powers)


@pytest.mark.parametrize("rows", [0, 1, 4, 5, 21])
def test_chunks_in_flight_do_not_mix(session: DeviceSession, rows: int) -> None:
    x = images(21)
    whole = session.run({"image": x})
    for name, value in session.run({"image": x[:rows]}).items():
        np.testing.assert_array_equal(value, whole[name][:rows])


def test_the_callers_stream_orders_the_work(session: DeviceSession) -> None:
    torch = pytest.importorskip("torch")
    x = images(9)
    expected = session.run({"image": x})
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        busy = torch.randn(4096, 4096, device="cuda")
        for _ in range(20):  # the input is written late
            busy = busy @ busy * 1e-3
        given = torch.zeros(x.shape, device="cuda")
        given += torch.as_tensor(x).cuda(non_blocking=True)
        results = session.run_device({"image": given}, stream=stream.cuda_stream)
        copies = {name: torch.as_tensor(value, device="cuda").clone() for name, value in results.items()}
    stream.synchronize()
    for name, value in expected.items():
        np.testing.assert_array_equal(copies[name].cpu().numpy(), value)


@pytest.mark.parametrize("side", [False, True], ids=["stream 0", "a side stream"])
def test_the_legacy_stream_orders_the_work(session: DeviceSession, side: bool) -> None:
    """A feed that a busy default stream writes late, given to a run on that stream and to a run on another one."""
    from fiqx_trt.kernels import DeviceArray, copy

    torch = pytest.importorskip("torch")
    x = images(9)
    expected = session.run({"image": x})
    stream = torch.cuda.Stream() if side else torch.cuda.default_stream()
    given, late = DeviceArray.zeros(x.shape, x.dtype), torch.as_tensor(x, device="cuda")
    busy = torch.randn(4096, 4096, device="cuda")
    torch.cuda.synchronize()
    for _ in range(20):
        busy = busy @ busy * 1e-3
    copy(late, given, stream=0)
    results = session.run_device({"image": given}, stream=stream.cuda_stream)
    del given
    torch.empty(x.shape, device="cuda").fill_(-1)
    with torch.cuda.stream(stream):
        copies = {name: torch.as_tensor(value, device="cuda").clone() for name, value in results.items()}
    stream.synchronize()
    for name, value in expected.items():
        np.testing.assert_array_equal(copies[name].cpu().numpy(), value)


def test_an_array_of_another_stream_is_waited_for(session: DeviceSession) -> None:
    from fiqx_trt.kernels import DeviceArray

    x = images(5)
    expected = session.run({"image": x})
    stream = open_stream()
    results = session.run_device({"image": DeviceArray.from_host(x, stream=stream)})
    torch = pytest.importorskip("torch")
    torch.cuda.synchronize()
    for name, value in expected.items():
        np.testing.assert_array_equal(torch.as_tensor(results[name], device="cuda").cpu().numpy(), value)


def open_stream() -> int:
    memory = Memory(open_driver(), 0)
    with memory.scope():
        return memory.open_stream()


def test_a_large_head(session: DeviceSession) -> None:
    h = np.random.default_rng(2).standard_normal((9, 25088), dtype=np.float32)
    net = head_net()
    with (
        open_session(
            net, backend=session.backend, device="cuda", precision=session.precision, max_batch=4
        ) as head,
        on_the_cpu(net) as reference,
    ):
        parity.require(head, reference, {"h": h}, min_cosine=parity.MIN_COSINE[session.precision])


@pytest.mark.parametrize("kind", MEMORIES, ids=lambda kind: kind.name)
def test_memory_goes_there_and_back(kind: type[Memory]) -> None:
    if kind.missing() is not None:
        pytest.skip(str(kind.missing()))
    memory = kind(open_driver(), 0)
    data = np.random.default_rng(0).integers(0, 256, 100_000).astype(np.uint8)
    with memory.scope():
        first, second = memory.open_stream(), memory.open_stream()
        a, b = memory.alloc(data.nbytes), memory.alloc(data.nbytes)
        staged, back = memory.pinned(data.nbytes), memory.pinned(data.nbytes)
        staged[:] = data
        memory.upload(a, staged, first)
        memory.copy(b, a, data.nbytes, first)
        memory.wait(second, first)
        memory.download(back, b, second)
        memory.synchronize(second)
        np.testing.assert_array_equal(back, data)
        assert memory.free_bytes() > 0
        for array in (staged, back):
            memory.free_pinned(array)
        for pointer in (a, b):
            memory.free(pointer)
        for stream in (first, second):
            memory.close_stream(stream)


def test_the_driver_describes_the_card() -> None:
    gpu = open_driver().gpu(0)
    assert gpu.name
    assert float(gpu.capability) >= 5
    assert gpu.multiprocessors > 0
    assert gpu.driver[0].isdigit()
