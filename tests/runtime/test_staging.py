"""Two chunks in flight between host and device: torch on its CPU in the place of CUDA, where the same code runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from fiqx_trt.runtime.base import Chunk, TensorInfo
from fiqx_trt.runtime.graph import read_graph
from runtime.small_nets import images, residual_net

torch = pytest.importorskip("torch")
staging = pytest.importorskip("fiqx_trt.runtime.torch.staging")
CPU = torch.device("cpu")


def doubled(feeds: dict[str, Any]) -> dict[str, Any]:
    return {"y": 2 * feeds["x"]}


def chunks(count: int) -> list[Chunk]:
    return [{"x": np.full((3, 2), i, np.float32)} for i in range(count)]


OUTPUTS = [TensorInfo("y", (None, 2), np.dtype(np.float32))]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7])
def test_results_come_in_order_and_are_their_own(count: int) -> None:
    results = staging.run_staged(doubled, chunks(count), CPU, OUTPUTS)
    assert [float(one["y"][0, 0]) for one in results] == [2.0 * i for i in range(count)]
    if count > 2:
        results[0]["y"][:] = -1
        assert (results[2]["y"] == 4).all()


def test_two_chunks_are_in_flight(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    start, finish = staging.StagingBuffers.start, staging.StagingBuffers.finish
    monkeypatch.setattr(
        staging.StagingBuffers, "start", lambda s, *given: (told.append("start"), start(s, *given))
    )
    monkeypatch.setattr(staging.StagingBuffers, "finish", lambda s: (told.append("finish"), finish(s))[1])
    staging.run_staged(doubled, chunks(4), CPU, OUTPUTS)
    assert told == ["start", "start", "finish", "start", "finish", "start", "finish", "finish"]


def test_a_slot_is_reused_for_chunks_of_another_shape() -> None:
    slot = staging.StagingBuffers(CPU, OUTPUTS)
    for rows, value in ((3, 1), (5, 2), (3, 3)):
        slot.start(doubled, {"x": np.full((rows, 2), value, np.float32)})
        np.testing.assert_array_equal(slot.finish()["y"], np.full((rows, 2), 2 * value))


def test_a_session_gives_the_same_bits_this_way(monkeypatch: pytest.MonkeyPatch) -> None:
    from fiqx_trt.runtime.torch import TorchSession

    def staged(session: TorchSession, given: Sequence[Chunk]) -> list[Chunk]:
        with torch.inference_mode():
            return staging.run_staged(session._declared, given, CPU, session.outputs)

    for precision in ("fp32", "bf16"):
        with TorchSession(read_graph(residual_net()), precision=precision, batch=4, threads=1) as session:
            plain = session.run({"image": images(9)})
            monkeypatch.setattr(TorchSession, "_run", staged)
            for name, value in session.run({"image": images(9)}).items():
                np.testing.assert_array_equal(value, plain[name])
            monkeypatch.undo()
