"""The same runs by actors of Ray."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from distributed.conftest import shard
from distributed.test_score_parts import merged, parts, whole
from fiqx_trt.runs.options import Inputs
from support.objects import s3_server

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


DRIVER = """
import sys
import ray
from fiqx_trt.distributed.run import score_parts
from fiqx_trt.runs.options import FaceOptions, Inputs, RuntimeOptions
from fiqx_trt.runs.settings import ScoreSettings

if __name__ == "__main__":
    ray.init(num_cpus=2, object_store_memory=80 << 20, include_dashboard=False, log_to_driver=False)
    runtime = RuntimeOptions(precision="fp32", threads=1)
    settings = ScoreSettings(model=sys.argv[1], faces=FaceOptions(aligned=True), runtime=runtime)
    inputs, out = Inputs(["s3://faces/shard-{0..9}.tar"]), "s3://scores/run/"
    done = score_parts(settings, inputs, out, call=["test"], mode="resume", engine="ray", workers=2)
    sys.exit(0 if done.complete else 1)
"""


@pytest.mark.slow
def test_a_run_on_an_object_store_whose_driver_is_killed_twice(
    settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyarrow.fs as fs

    from fiqx_trt.faces import storage

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    for number in range(10):
        shard(Path(f"shard-{number}.tar"), range(40 * number, 40 * number + 40))
    expected = whole(settings, Inputs(["shard-{0..9}.tar"]), "whole.csv")
    Path("driver.py").write_text(DRIVER)
    with s3_server(monkeypatch) as address:
        storage._opened.cache_clear()
        store = fs.S3FileSystem(endpoint_override=address, allow_bucket_creation=True)
        for bucket in ("faces", "scores"):
            store.create_dir(bucket)
        for number in range(10):
            with store.open_output_stream(f"faces/shard-{number}.tar") as out:
                out.write(Path(f"shard-{number}.tar").read_bytes())

        def made() -> int:
            found = store.get_file_info(fs.FileSelector("scores/run", allow_not_found=True))
            return sum(info.base_name.startswith("part-") for info in found)

        for wanted in (1, 4, 10):
            process = subprocess.Popen([sys.executable, "driver.py", str(settings.model)])
            while process.poll() is None and (wanted == 10 or made() < wanted):
                time.sleep(0.05)
            process.kill()
            assert (process.wait(timeout=60) == 0) == (wanted == 10)
        assert merged("s3://scores/run/").replace(b"s3://faces/", b"") == expected
        storage._opened.cache_clear()
