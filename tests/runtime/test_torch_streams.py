"""How torch's work is ordered among streams: on streams that run late, as torch.cuda has them."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from fiqx_trt import kernels  # noqa: E402 -- after the check for torch
from fiqx_trt.runtime.graph import read_graph  # noqa: E402
from fiqx_trt.runtime.torch import TorchSession, streams  # noqa: E402
from runtime.small_nets import residual_net  # noqa: E402

CUDA = torch.device("cuda", 0)
LEGACY, SIDE = 1, 0x5000


class LateStream:
    """A stream whose work runs when somebody waits for it."""

    def __init__(self, handle: int) -> None:
        self.cuda_stream = handle
        self.work: list[Callable[[], None]] = []
        self.done = 0

    def wait_stream(self, other: LateStream) -> None:
        so_far = len(other.work)
        self.work.append(lambda: other.run(so_far))

    def run(self, until: int) -> None:
        while self.done < until:
            self.done += 1
            self.work[self.done - 1]()

    def synchronize(self) -> None:
        self.run(len(self.work))


class LateCuda:
    """The streams of torch.cuda, with the rule that ExternalStream(0) is a stream of the pool (pytorch issue 182960)."""

    def __init__(self) -> None:
        self.default = LateStream(0)
        self.known = {0: self.default}
        self.pool = itertools.count(0x9000, 16)
        self.current = [self.default]

    def ExternalStream(self, handle: int, device: Any = None) -> LateStream:
        assert handle != LEGACY, "torch takes an odd handle for the number of a stream of its own"
        handle = handle or next(self.pool)
        return self.known.setdefault(handle, LateStream(handle))

    def default_stream(self, device: Any = None) -> LateStream:
        return self.default

    def current_stream(self, device: Any = None) -> LateStream:
        return self.current[-1]

    @contextlib.contextmanager
    def stream(self, stream: LateStream) -> Iterator[None]:
        self.current.append(stream)
        yield
        self.current.pop()


@pytest.fixture
def cuda_streams(monkeypatch: pytest.MonkeyPatch) -> LateCuda:
    late = LateCuda()
    for name in ("ExternalStream", "default_stream", "current_stream", "stream"):
        monkeypatch.setattr(torch.cuda, name, getattr(late, name))
    return late


class Given:
    """An array of another library, on a stream."""

    def __init__(self, stream: int | None) -> None:
        self.__cuda_array_interface__ = {"stream": stream}


@pytest.mark.parametrize("handle", [0, LEGACY, SIDE])
def test_a_handle_is_the_stream_it_names(cuda_streams: LateCuda, handle: int) -> None:
    assert streams.stream_at(handle, CUDA).cuda_stream == (SIDE if handle == SIDE else 0)


@pytest.mark.parametrize(("stream", "current"), [(None, 0), (0, 0), (LEGACY, 0), (SIDE, SIDE)])
def test_work_is_queued_on_the_callers_stream(
    cuda_streams: LateCuda, stream: int | None, current: int
) -> None:
    with streams.on_stream(stream, CUDA):
        assert torch.cuda.current_stream(CUDA).cuda_stream == current
    with streams.on_stream(stream, torch.device("cpu")):
        assert torch.cuda.current_stream(CUDA) is cuda_streams.default


@pytest.mark.parametrize("own", [LEGACY, SIDE])
@pytest.mark.parametrize("caller", [0, LEGACY, 0x6000])
def test_the_work_runs_after_what_fills_an_array_and_before_what_fills_it_again(
    cuda_streams: LateCuda, own: int, caller: int
) -> None:
    memory, seen = [0], []
    filler = streams.stream_at(own, CUDA)
    filler.work.append(lambda: memory.__setitem__(0, 7))
    with streams.on_stream(caller, CUDA), streams.ordered([Given(own)], CUDA):
        torch.cuda.current_stream(CUDA).work.append(lambda: seen.append(memory[0]))
    filler.work.append(lambda: memory.__setitem__(0, 9))  # the owner has dropped it
    filler.synchronize()
    torch.cuda.current_stream(CUDA).synchronize()
    assert seen == [7]


def test_an_array_without_a_stream_and_the_processor_need_no_order(cuda_streams: LateCuda) -> None:
    for arrays, device in (([Given(None), object()], CUDA), ([Given(SIDE)], torch.device("cpu"))):
        with streams.ordered(arrays, device):
            pass
    assert not any(stream.work for stream in cuda_streams.known.values())


def test_a_run_that_fails_is_ordered_too(cuda_streams: LateCuda) -> None:
    def fail() -> None:
        with streams.ordered([Given(SIDE)], CUDA):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert len(cuda_streams.known[SIDE].work) == 1


def test_tensors_are_told_of_the_stream_that_reads_them(
    cuda_streams: LateCuda, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[int] = []
    monkeypatch.setattr(
        torch.Tensor, "record_stream", lambda self, stream: told.append(stream.cuda_stream), raising=True
    )
    with streams.on_stream(SIDE, CUDA), streams.ordered([torch.zeros(2)], CUDA):
        pass
    assert told == [SIDE]


@pytest.mark.cuda
def test_torch_is_not_told_our_own_interface(cuda: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Freeing memory whose interface was read waits for the whole device."""
    array, given = cuda(np.float32([[1, 2], [3, 4]])), []
    with monkeypatch.context() as patch:
        patch.setattr(torch, "as_tensor", lambda value, device: given.append(value))
        streams.as_tensor(array, CUDA)
    (view,) = given
    assert not isinstance(view, kernels.DeviceArray)
    interface = view.__cuda_array_interface__
    assert (interface["shape"], interface["typestr"]) == ((2, 2), "<f4")
    assert interface["data"] == (array.pointer, False)


def test_sums_of_half_precision_are_kept_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    products = torch.backends.cuda.matmul
    names = ("allow_fp16_reduced_precision_reduction", "allow_bf16_reduced_precision_reduction")
    before = [getattr(products, name) for name in names]
    try:
        for name in names:
            setattr(products, name, True)
        TorchSession(read_graph(residual_net()), device="cpu").close()
        assert all(getattr(products, name) for name in names)
        TorchSession(read_graph(residual_net()), device="meta", precision="fp16").close()
        assert not any(getattr(products, name) for name in names)
    finally:
        for name, value in zip(names, before, strict=True):
            setattr(products, name, value)
