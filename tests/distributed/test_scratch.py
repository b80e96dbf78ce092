"""The temporary folders of workers."""

from __future__ import annotations

import multiprocessing
import os
import signal
import tempfile
from pathlib import Path
from typing import Any

import pytest

from fiqx_trt.distributed.scratch import scratch_folder


def _hold(pipe: Any) -> None:
    with scratch_folder() as folder:
        (folder / "maps").mkdir()
        (folder / "maps" / "0.npz").write_bytes(b"x")
        pipe.send(str(folder))
        pipe.recv()


def test_the_next_worker_removes_what_a_killed_one_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    (tmp_path / "fiqx-worker-begins").mkdir()  # of a process that has no lock yet
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_hold, args=(there,))
    process.start()
    left = Path(here.recv())
    with scratch_folder() as own:
        assert left.is_dir()
        assert own != left
    assert not own.exists()
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    with scratch_folder() as own:
        assert sorted(tmp_path.iterdir()) == sorted([own, tmp_path / "fiqx-worker-begins"])
