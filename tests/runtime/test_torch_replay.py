"""Native runs of torch on a GPU: recorded once per shape, in sizes that suit a call, with few copies and no wait.

There is no GPU here: the seam that records is a fake, and torch runs on its CPU, where calls, copies and bytes are counted.
"""

from __future__ import annotations

import contextlib
import inspect
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

torch = pytest.importorskip("torch")

from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402 -- after the check for torch

from fiqx_trt.runtime import open_session  # noqa: E402
from fiqx_trt.runtime.base import InferenceError  # noqa: E402
from fiqx_trt.runtime.graph import read_graph  # noqa: E402
from fiqx_trt.runtime.torch import TorchGraph, TorchSession, arithmetic, replay, sizes, staging  # noqa: E402
from runtime.small_nets import model, residual_net  # noqa: E402
from support.networks import with_drawn_norms  # noqa: E402

CPU = torch.device("cpu")
#: Element by element: a row has the same bits in a batch of any size, on every processor.
EXACT = model(
    [helper.make_node("Relu", ["image"], ["r"]), helper.make_node("Add", ["r", "image"], ["y"])],
    {"image": ("N", 3, 6, 6)},
    {"y": ("N", 3, 6, 6), "r": ("N", 3, 6, 6)},
)


def images(rows: int) -> np.ndarray:
    return np.random.default_rng(rows).standard_normal((rows, 3, 6, 6), dtype=np.float32)


class Recording:
    """What a recorder does, counted: work is recorded once, and a replay writes into the memory of the recording."""

    def __init__(self) -> None:
        self.recorded = self.replayed = 0

    def __call__(self, work: replay.Work) -> replay.Work:
        self.recorded += 1
        results = work()

        def again() -> dict[str, torch.Tensor]:
            self.replayed += 1
            for name, value in work().items():
                results[name].copy_(value)
            return results

        return again


class Counted(TorchDispatchMode):
    """Counts the calls of operators, and the bytes that copies write."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()
        self.copied: list[int] = []
        self.mixed: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        self.calls[name] += 1
        if name == "copy_":
            self.copied.append(args[0].nbytes)
        if name == "convolution":
            order = torch.channels_last
            if not all(tensor.is_contiguous(memory_format=order) for tensor in args[:2]):
                self.mixed.append(str([tensor.stride() for tensor in args[:2]]))
        return func(*args, **(kwargs or {}))


@pytest.fixture
def session() -> Iterator[TorchSession]:
    with TorchSession(read_graph(EXACT), batch=4, threads=1) as opened:
        yield opened


def on_device(session: TorchSession, rows: int) -> dict[str, np.ndarray]:
    results = session.run_device({"image": torch.from_numpy(images(rows))})
    return {name: value.numpy() for name, value in results.items()}


@pytest.mark.parametrize("rows", [0, 1, 4, 9])
def test_a_shape_is_recorded_once_and_replayed_for_every_native_run(session: TorchSession, rows: int) -> None:
    wanted = session.run({"image": images(rows)})
    session._recorder = recording = Recording()
    for _ in range(2):
        for name, value in on_device(session, rows).items():
            np.testing.assert_array_equal(value, wanted[name])
    assert recording.recorded == 1
    assert recording.replayed == 2 * max(1, -(-rows // 4))
    assert "CUDA graphs: recorded" in session.notes


def test_results_are_no_memory_of_the_recording(session: TorchSession) -> None:
    session._recorder = Recording()
    first = on_device(session, 4)
    kept = {name: value.copy() for name, value in first.items()}
    session.run_device({"image": torch.from_numpy(-images(4))})
    for name, value in first.items():
        np.testing.assert_array_equal(value, kept[name])


def test_what_cannot_be_recorded_runs_call_by_call(
    session: TorchSession, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(work: replay.Work) -> replay.Work:
        raise RuntimeError("operation not permitted when stream is capturing\n  at cuda.cpp:12")

    wanted = session.run({"image": images(9)})
    session._recorder = refuse
    for name, value in on_device(session, 9).items():
        np.testing.assert_array_equal(value, wanted[name])
    assert session.notes[-1] == "no CUDA graph: operation not permitted when stream is capturing"
    assert caplog.text.count("which is slower") == 1


def test_copies_of_a_call_are_one_per_native_run_and_tensor_and_nothing_waits(session: TorchSession) -> None:
    session._recorder = Recording()
    feeds = {"image": torch.from_numpy(images(8))}
    wanted = session.run_device(feeds)
    bytes_of_one = [feeds["image"].nbytes // 2, *(value.nbytes // 2 for value in wanted.values())]
    (run,) = session._runs.values()
    run._work = lambda: {
        name: value[:4] for name, value in wanted.items()
    }  # a replay has no call of the host
    with Counted() as counted:
        session.run_device(feeds)
    assert sorted(counted.copied) == sorted(2 * bytes_of_one)
    assert not {"_local_scalar_dense", "_to_copy", "clone", "cat", "index"} & set(counted.calls)


def test_a_short_call_runs_the_size_that_takes_the_least(session: TorchSession) -> None:
    session.seconds = {4: 1.0, 16: 2.0, 64: 6.0}
    sizes_of = {rows: [size for _, size in session._windows(rows)] for rows in (0, 1, 5, 16, 20, 64, 70, 200)}
    assert sizes_of == {
        0: [4], 1: [4], 5: [4, 4], 16: [16], 20: [16, 4], 64: [64], 70: [64, 4, 4], 200: [64, 64, 64, 4, 4]
    }  # fmt: skip
    session.seconds = {}
    assert [size for _, size in session._windows(9)] == [4, 4, 4]


@pytest.mark.parametrize("rows", [0, 1, 3, 7, 19])
def test_other_sizes_give_the_bits_of_the_sessions_own(session: TorchSession, rows: int) -> None:
    wanted = session.run({"image": images(rows)})
    session.seconds = {1: 1.0, 4: 2.0, 8: 3.0}
    for got in (session.run({"image": images(rows)}), on_device(session, rows)):
        for name, value in got.items():
            np.testing.assert_array_equal(value, wanted[name])


def test_sizes_are_offered_where_their_bits_are_the_same(
    session: TorchSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sizes, "SIZES", (1, 2, 3, 4, 8))
    declared = session._declared

    def of_three(feeds: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        rows = len(feeds["image"])
        if rows == 1:
            raise InferenceError("CUDA out of memory")
        return {name: value + 1e-6 if rows == 3 else value for name, value in declared(feeds).items()}

    monkeypatch.setattr(session, "_declared", of_three)
    note = sizes.offer_sizes(session, 4)
    assert set(session.seconds) == {2, 4}
    assert note.endswith("1 does not run (CUDA out of memory); 3 gives other bits")
    assert note.startswith("runs of 2 rows in ")


@pytest.mark.parametrize(
    ("own", "memory", "limit", "tried"),
    [(32, 80, None, [8, 128, 256]), (32, 24, None, [8, 128]), (128, 80, None, [8, 32, 256]), (128, 80, 128, [8, 32]),
     (800, 80, None, [8, 32, 128, 256]), (8, 80, 8, [])],
)  # fmt: skip
def test_sizes_are_tried_within_the_limit_and_the_cards_memory(
    session: TorchSession,
    monkeypatch: pytest.MonkeyPatch,
    own: int,
    memory: int,
    limit: int | None,
    tried: list[int],
) -> None:
    session.batch = own
    asked: list[int] = []
    monkeypatch.setattr(sizes, "_memory", lambda session: memory << 30)
    monkeypatch.setattr(sizes, "_seconds", lambda *given: 1.0)
    monkeypatch.setattr(sizes.tuning, "sample", lambda *given: {"image": images(1)})
    monkeypatch.setattr(sizes, "_same_bits", lambda session, size, *given: bool(asked.append(size)) or True)
    sizes.offer_sizes(session, limit)
    assert asked == tried


@pytest.fixture(scope="module")
def network() -> onnx.ModelProto:
    return with_drawn_norms(residual_net())


def counted(graph: TorchGraph, feeds: dict[str, torch.Tensor]) -> tuple[Counted, dict[str, torch.Tensor]]:
    with torch.no_grad(), Counted() as calls:
        results = graph(feeds)
    return calls, results


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_a_gpus_graph_keeps_channels_last_from_end_to_end(network: onnx.ModelProto, precision: str) -> None:
    """Every convolution reads pictures and weights in the order that it works in: nothing is turned in between."""
    graph, dtype = arithmetic(network, "cuda", precision)
    feeds = {"image": torch.randn(2, 3, 32, 32)}
    calls, got = counted(TorchGraph(graph, dtype=dtype, channels_last=True), feeds)
    assert calls.calls["convolution"] == 10
    assert calls.mixed == []
    # Copies: the picture, what is flattened, and in half precision the casts that the graph holds.
    casts = sum(node.op_type == "Cast" for node in graph.graph.node)
    assert sum(calls.calls[name] for name in ("clone", "_to_copy", "copy_")) <= 2 + casts
    plain, want = counted(TorchGraph(graph, dtype=dtype), feeds)
    assert len(plain.mixed) == 10
    for name, value in want.items():
        torch.testing.assert_close(got[name], value, rtol=1e-2, atol=1e-2 * float(value.abs().max()))


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_a_gpus_graph_has_few_passes_besides_its_convolutions(
    network: onnx.ModelProto, precision: str
) -> None:
    """Of 14 batch norms one is left (in half precision a product and a sum); three add their shift as a map."""
    feeds = {"image": torch.randn(2, 3, 32, 32)}
    before, _ = counted(TorchGraph(network), feeds)
    graph, dtype = arithmetic(network, "cuda", precision)
    after, _ = counted(TorchGraph(graph, dtype=dtype, channels_last=True), feeds)
    half = precision == "fp16"
    names = ("native_batch_norm", "mul", "add", "_prelu_kernel")
    assert [before.calls[name] for name in names] == [14, 0, 4, 4]
    assert [after.calls[name] for name in names] == [0 if half else 1, int(half), 8 if half else 7, 4]


@pytest.mark.parametrize("wanted", ["0", "1", None])
def test_the_environment_says_whether_graphs_are_recorded(
    monkeypatch: pytest.MonkeyPatch, wanted: str | None
) -> None:
    monkeypatch.delenv("FIQX_CUDA_GRAPHS", raising=False)
    if wanted is not None:
        monkeypatch.setenv("FIQX_CUDA_GRAPHS", wanted)
    monkeypatch.setattr(replay, "cuda_recorder", lambda device: "a recorder")
    assert replay.recorder_of(torch.device("cuda", 0)) == (None if wanted == "0" else "a recorder")
    assert replay.recorder_of(CPU) is None


class FakeCuda:
    """The parts of torch.cuda that a recording takes; calls are bound against the signatures of the real ones."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.told: list[str] = []
        real = torch.cuda.graph.__init__
        told = self.told

        class Stream:
            def __init__(self, device: Any = None) -> None:
                self.name = "side"

            def wait_stream(self, other: Any) -> None:
                told.append(f"{self.name} waits for {other.name}")

        class Graph:
            def replay(self) -> None:
                told.append("replay")

        current = Stream()
        current.name = "current"

        @contextlib.contextmanager
        def graph(*given: Any, **named: Any) -> Iterator[None]:
            inspect.signature(real).bind(None, *given, **named)
            assert named["capture_error_mode"] == "thread_local"
            told.append(f"record on {named['stream'].name} in {named['pool']}")
            yield
            told.append("recorded")

        for name, value in {
            "Stream": Stream, "CUDAGraph": Graph, "graph": graph, "graph_pool_handle": lambda: "pool",
            "current_stream": lambda device=None: current, "device": lambda device: contextlib.nullcontext(),
            "stream": lambda stream: contextlib.nullcontext(),
        }.items():  # fmt: skip
            assert hasattr(torch.cuda, name)
            monkeypatch.setattr(torch.cuda, name, value)


def test_a_recording_comes_after_a_first_run_on_a_stream_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeCuda(monkeypatch)

    def work() -> dict[str, torch.Tensor]:
        fake.told.append("work")
        return {"y": torch.zeros(1)}

    replayed = replay.cuda_recorder(torch.device("cuda", 0))(work)
    first, second = replayed(), replayed()
    assert first["y"] is second["y"]
    assert fake.told == [
        "side waits for current", "work", "current waits for side", "record on side in pool", "work", "recorded",
        "replay", "replay",
    ]  # fmt: skip


def test_runs_that_share_buffers_wait_for_each_other_on_the_device_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[str] = []

    class Event:
        def record(self, stream: Stream) -> None:
            told.append(f"record on {stream.name}")

        def synchronize(self) -> None:
            raise AssertionError("the host waits")

    class Stream:
        def __init__(self, name: str) -> None:
            self.name = name

        def wait_event(self, event: Event) -> None:
            told.append(f"{self.name} waits")

    streams = [Stream("a"), Stream("b")]
    monkeypatch.setattr(torch.cuda, "Event", Event)
    turn = replay.Turn(torch.device("cuda", 0))
    for stream in streams:
        monkeypatch.setattr(torch.cuda, "current_stream", lambda device=None, s=stream: s)
        with turn.take():
            told.append("work")
    assert told == ["a waits", "work", "record on a", "b waits", "work", "record on b"]


def test_host_arrays_go_through_the_same_recording(session: TorchSession) -> None:
    wanted = session.run({"image": images(12)})
    session._recorder = recording = Recording()
    chunks = [{"image": images(12)[i : i + 4]} for i in (0, 4, 8)]
    with torch.inference_mode():
        found = staging.run_staged(session._native, chunks, CPU, session.outputs)
    for name, value in wanted.items():
        np.testing.assert_array_equal(np.concatenate([one[name] for one in found]), value)
    assert (recording.recorded, recording.replayed) == (1, 3)


def test_a_processor_records_nothing() -> None:
    with open_session(EXACT, backend="torch", device="cpu", max_batch=1) as opened:
        assert isinstance(opened, TorchSession)
        assert opened._recorder is None
        assert opened.seconds == {}
        assert not any("CUDA" in note for note in opened.notes)


def test_a_free_shape_keeps_the_buffers_of_the_last_shape_alone(session: TorchSession) -> None:
    for side in (8, 12, 16):
        feeds = {"x": torch.zeros(1, 3, side, side)}
        session._declared = lambda given: given  # type: ignore[method-assign]
        session._native(feeds)
    assert list(session._runs) == [((1, 3, 16, 16),)]
