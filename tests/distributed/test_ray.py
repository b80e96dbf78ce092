"""The same runs by actors of Ray."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pyarrow.fs as fs
import pytest

from distributed.conftest import shard
from fiqx_trt.cli.main import main
from fiqx_trt.faces import storage
from fiqx_trt.runs.options import Inputs
from support.objects import s3_server
from support.parts import merged, parts, whole

ray = pytest.importorskip("ray")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A cluster of Ray for all tests of this module, with an S3 server that its workers reach."""
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch, s3_server(patch) as address:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(Path.cwd()), os.environ.get("PYTHONPATH", "")]))
        patch.setenv("RAY_AUTH_MODE", "disabled")
        storage._opened.cache_clear()
        made = Cluster(
            initialize_head=True,
            head_node_args={"num_cpus": 2, "object_store_memory": 80 << 20, "include_dashboard": False},
        )
        # Ray tells of it to every program on this machine that starts Ray, such as another test's.
        Path(os.environ.get("RAY_TMPDIR", "/tmp"), "ray", "ray_current_cluster").unlink(missing_ok=True)
        made.store = fs.S3FileSystem(endpoint_override=address, allow_bucket_creation=True)
        patch.setenv("RAY_ADDRESS", made.address)
        yield made
        ray.shutdown()
        made.shutdown()
    storage._opened.cache_clear()


@pytest.mark.slow
def test_actors_give_the_same_bytes_also_when_one_is_killed(settings, inputs, cluster) -> None:
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


def idle_actor(node: Any) -> psutil.Process:
    """Wait until an actor on a node has opened its model, and return its process."""
    (raylet,) = (one.process.pid for one in node.all_processes["raylet"])
    since, deadline = time.monotonic(), time.monotonic() + 60
    while time.monotonic() < deadline:
        found = [p for p in psutil.Process(raylet).children(recursive=True) if "_Actor" in p.name()]
        if [" ".join(p.cmdline()).strip() for p in found] != ["ray::_Actor"]:
            since = time.monotonic()
        elif time.monotonic() > since + 0.3:
            return found[0]
        time.sleep(0.05)
    raise AssertionError("no actor came up on the node")


@pytest.mark.slow
def test_a_node_is_lost(settings, inputs, cluster) -> None:
    many = Inputs([*inputs.names] * 3)
    expected = whole(settings, many, "whole.csv")
    node = cluster.add_node(num_cpus=1, object_store_memory=80 << 20)
    reports: list[int] = []

    def lose(*, done: int, failed: int) -> None:
        reports.append(done)
        if len(reports) == 1:  # the head has room for two of the three workers
            idle_actor(node).suspend()  # so that it keeps the units it is given
        if len(reports) == 12:
            cluster.remove_node(node, allow_graceful=False)

    done = parts(settings, many, engine="ray", workers=3, report=lose)
    assert done.outcome.deaths >= 1
    assert done.complete
    assert merged() == expected


def unpack(shard_file: Path, folder: Path) -> None:
    """Unpack an archive into a folder that is called like it."""
    with tarfile.open(shard_file) as archive:
        archive.extractall(folder / shard_file.name, filter="data")


@pytest.mark.slow
def test_the_command_on_an_object_store_killed_twice_and_resumed(
    settings, cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It merges to the bytes of the run on this machine over the unpacked files."""
    monkeypatch.chdir(tmp_path)
    store = cluster.store
    how = ["--aligned", "--model", str(settings.model), "--precision", "fp32", "--threads", "1"]

    def command(*line: str) -> int:
        with pytest.raises(SystemExit) as left:
            main([*line])
        return int(left.value.code or 0)

    for bucket in ("faces", "scores"):
        store.create_dir(bucket)
    for number in range(10):
        name = f"shard-{number:03d}.tar"
        shard(Path(name), range(100 + 40 * number, 140 + 40 * number))
        unpack(Path(name), Path("unpacked"))
        with store.open_output_stream(f"faces/{name}") as out:
            out.write(Path(name).read_bytes())

    def made() -> int:
        found = store.get_file_info(fs.FileSelector("scores/run", allow_not_found=True))
        return sum(info.base_name.startswith("part-") for info in found)

    run = ["s3://faces/shard-{000..009}.tar", *how, "--out", "s3://scores/run/", "--engine", "ray"]
    for wanted, more in ((1, []), (4, ["--resume"]), (10, ["--resume"])):
        process = subprocess.Popen([sys.executable, "-m", "fiqx_trt", "score", *run, *more])
        while process.poll() is None and (wanted == 10 or made() < wanted):
            time.sleep(0.05)
        process.kill()
        # 3: complete, and the damaged pictures of the shards have no score
        assert process.wait(timeout=60) == (3 if wanted == 10 else -signal.SIGKILL)
    assert command("merge", "s3://scores/run/", "--out", "merged.csv") == 0
    monkeypatch.chdir("unpacked")
    assert command("score", "shard-{000..009}.tar", *how, "--out", "whole.csv") == 3
    assert Path("../merged.csv").read_bytes().replace(b"s3://faces/", b"") == Path("whole.csv").read_bytes()


def test_what_cannot_begin(cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    from fiqx_trt.distributed.ray import Actors
    from fiqx_trt.errors import BackendError, InvalidInputError

    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:9")
    with pytest.raises(BackendError, match=r"cannot reach the Ray cluster at 127\.0\.0\.1:9 \(RAY_ADDRESS\)"):
        Actors()
    monkeypatch.delenv("RAY_ADDRESS")
    # to the cluster of the other tests in the place of another start, which takes long
    monkeypatch.setattr("fiqx_trt.distributed.ray._connect", lambda ray: ray.init(address=cluster.address))
    with pytest.raises(InvalidInputError, match="--gpus-per-worker is 99, and Ray finds"):
        Actors(99.0)
    assert not ray.is_initialized()
