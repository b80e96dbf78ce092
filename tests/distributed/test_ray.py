"""The same runs by actors of Ray."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from distributed.test_score_parts import merged, parts, whole

ray = pytest.importorskip("ray")


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join(filter(None, [str(Path.cwd()), os.environ.get("PYTHONPATH", "")]))
    )
    ray.init(num_cpus=2, object_store_memory=80 << 20, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


def test_what_cannot_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    from fiqx_trt.distributed.ray import Actors
    from fiqx_trt.errors import BackendError, InvalidInputError

    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:9")
    with pytest.raises(BackendError, match=r"cannot reach the Ray cluster at 127\.0\.0\.1:9 \(RAY_ADDRESS\)"):
        Actors()
    monkeypatch.delenv("RAY_ADDRESS")
    if not ray.is_initialized():
        with pytest.raises(InvalidInputError, match="--gpus-per-worker is 99, and Ray finds"):
            Actors(99.0)
    assert not ray.is_initialized()


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_actors_give_the_same_bytes_also_when_one_is_killed(settings, inputs) -> None:
    expected = whole(settings, inputs, "whole.csv")
    assert parts(settings, inputs, engine="ray", workers=2).complete
    assert merged() == expected

    killed: list[int] = []

    def kill(*, done: int, failed: int) -> None:
        if not killed:
            actors = [
                p for p in psutil.process_iter(["cmdline"]) if "_Actor" in " ".join(p.info["cmdline"] or [])
            ]
            for actor in actors[:1]:
                actor.send_signal(signal.SIGKILL)
                killed.append(actor.pid)

    done = parts(settings, inputs, engine="ray", workers=2, mode="overwrite", report=kill)
    assert killed
    assert done.outcome.deaths >= 1
    assert done.complete
    assert merged() == expected
