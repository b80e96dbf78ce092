"""Runs in parts beside a run without them: processor time of the engine, the driver's memory, and going on after a kill.

``python benchmarks/bench_distributed.py [--crops N …] [--units N …] [--finished N] [--store N]`` measures; a normal test run goes
through everything once, with few crops. ``--store`` reads a shard from an S3 server on this machine (moto) and from the disk.
 Every run is a process of its own; processor seconds are its own and its children's, so a busy
machine disturbs little.
"""

from __future__ import annotations

import argparse
import io
import json
import multiprocessing
import resource
import sys
import tarfile
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2

from fiqx_trt.distributed.crew import Event
from fiqx_trt.distributed.driver import Driver
from fiqx_trt.distributed.folder import open_folder
from fiqx_trt.distributed.parts import Part, part_name
from fiqx_trt.distributed.plan import RECORD
from fiqx_trt.distributed.run import score_parts
from fiqx_trt.distributed.worker import Order, Task
from fiqx_trt.faces.sources import Container
from fiqx_trt.faces.storage import write_url
from fiqx_trt.faces.tar import walk_tar
from fiqx_trt.faces.units import Unit
from fiqx_trt.models.export import export_model
from fiqx_trt.models.probe import probe_faces
from fiqx_trt.rows import RunMeta
from fiqx_trt.runs.file_run import open_run
from fiqx_trt.runs.options import FaceOptions, Inputs, RuntimeOptions
from fiqx_trt.runs.settings import ScoreSettings

SHARD = 500


def settings(folder: Path) -> ScoreSettings:
    """A MobileFaceNet with random weights, as fast as the default model."""
    model = folder / "mobilefacenet.onnx"
    if not model.exists():
        export_model("mobilefacenet", model, seed=0)
    runtime = RuntimeOptions(precision="fp32", threads=1)
    return ScoreSettings(model=model, faces=FaceOptions(aligned=True), runtime=runtime)


def write_shards(folder: Path, crops: int, size: int = SHARD) -> list[Path]:
    """Write JPEG crops into shards."""
    faces = [bytes(cv2.imencode(".jpg", face[:, :, ::-1])[1]) for face in probe_faces((112, 112), count=16)]
    shards = []
    for begin in range(0, crops, size):
        shards.append(folder / f"shard-{begin // size:05d}.tar")
        with tarfile.open(shards[-1], "w") as archive:
            for number in range(begin, min(begin + size, crops)):
                member = tarfile.TarInfo(f"{number}.jpg")
                member.size = len(faces[number % len(faces)])
                archive.addfile(member, io.BytesIO(faces[number % len(faces)]))
    return shards


def plain(folder: Path, shards: list[Path]) -> None:
    """Run without parts."""
    with open_run(
        settings(folder), Inputs(shards), folder / "plain.csv", mode="overwrite", call=[], batch=32
    ) as run:
        run.work()


def in_parts(folder: Path, shards: list[Path] | list[str], engine: str = "") -> None:
    """Run in parts, by one worker."""
    score_parts(settings(folder), Inputs(shards), f"{folder}/run/", call=[], mode="overwrite", engine=engine)


def _measured(what: Callable[..., None], arguments: tuple[Any, ...], pipe: Any) -> None:
    begin = time.monotonic()
    what(*arguments)
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    pipe.send(
        (sum(u.ru_utime + u.ru_stime for u in used), time.monotonic() - begin, used[0].ru_maxrss / 1024)
    )


def measured(what: Callable[..., None], *arguments: Any) -> tuple[float, float, float]:
    """Return processor seconds, wall seconds and peak memory in MB of a function in a process of its own."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_measured, args=(what, arguments, there))
    process.start()
    there.close()
    result: tuple[float, float, float] = here.recv()
    process.join()
    return result


class Fake:
    """A crew whose one worker has done every task already."""

    window = 2

    def __init__(self) -> None:
        self._events: deque[Event] = deque()

    def hire(self, order: Order) -> int:
        """Be ready."""
        self._events.append(Event(0, "ready"))
        return 0

    def give(self, worker: int, task: Task) -> None:
        """Have done it."""
        self._events.append(Event(0, "done", part=Part(task.unit.number, "", 1000, {"ok": 1000})))

    def wait(self, seconds: float) -> list[Event]:
        """Tell one event."""
        return [self._events.popleft()]

    def dismiss(self) -> None:
        """End."""


def drive(units: int) -> None:
    """Drive units that cost nothing."""
    tasks: Iterator[Task] = (
        Task(Unit(number, Container(f"s3://faces/{number}.tar"))) for number in range(units)
    )
    driver = Driver(Fake(), Order(ScoreSettings(), ".", []), open_folder("."))
    driver.first()
    assert driver.drive(tasks).made == units


def resume(folder: Path, shards: list[Path]) -> None:
    """Go on with a run of which every unit has its part."""
    done = score_parts(settings(folder), Inputs(shards), f"{folder}/run/", call=[], mode="resume")
    assert done.complete
    assert not done.outcome.made


def finish(folder: Path, count: int) -> list[Path]:
    """Make a finished run of many units: one shard many times, and its part under every number."""
    (shard,) = write_shards(folder, 2)
    shards = [folder / f"many-{number:06d}.tar" for number in range(count)]
    for one in shards:
        one.symlink_to(shard)  # file systems limit hard links to about 65,000
    begun = f"{folder}/run/"
    score_parts(settings(folder), Inputs(shards), begun, call=[], stop=lambda: True)
    score_parts(settings(folder), Inputs(shards), begun, call=[], mode="resume", stop=lambda: True)
    first = (folder / "run" / part_name(0)).read_bytes()
    for number in range(1, count):
        (folder / "run" / part_name(number)).write_bytes(first)
    record = folder / "run" / RECORD
    record.write_bytes(replace(RunMeta.read(record), state="complete").to_json())
    (folder / "run" / "_SUCCESS").write_bytes(b"")
    return shards


def walk(shard: str) -> None:
    """Read all pictures of a shard, and do nothing with them."""
    for entry in walk_tar(shard, on_skip=lambda path: None):
        assert entry.read is not None
        entry.read()


@contextmanager
def s3_server() -> Iterator[str]:
    """Run an S3 server in a process of its own, with one bucket; the environment names it."""
    import os
    import socket
    import subprocess

    from pyarrow.fs import S3FileSystem

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.environ |= {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
    }
    os.environ |= {"AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true"}
    try:
        for _ in range(100):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.2)
        store = S3FileSystem(endpoint_override=f"http://127.0.0.1:{port}", allow_bucket_creation=True)
        store.create_dir("faces")
        yield "s3://faces"
    finally:
        server.kill()
        server.wait()


def store_speed(folder: Path, crops: int, echo: Callable[[str], None]) -> dict[str, float]:
    """Score a shard from the disk and from a store, and read it without any work; processor seconds of the reader."""
    (shard,) = write_shards(folder, crops, crops)
    settings(folder)
    results = {}
    with s3_server() as bucket:
        write_url(f"{bucket}/{shard.name}", shard.read_bytes())
        for where in (str(shard), f"{bucket}/{shard.name}", str(shard), f"{bucket}/{shard.name}"):
            place = where.partition("://")[0] if "://" in where else "disk"
            for what, run, *arguments in (("score", in_parts, folder, [where]), ("read", walk, where)):
                cpu, wall, _ = measured(run, *arguments)
                results[f"{what}, {place}"] = cpu
                echo(
                    f"{what} {crops} crops, {shard.stat().st_size / 1e6:.0f} MB, from {place}: {cpu:.2f} CPU s, {wall:.2f} s"
                )
    return results


def measure(crops: list[int], units: list[int], finished: int, echo: Callable[[str], None]) -> dict[str, Any]:
    """Measure everything, and say each result in a line."""
    results: dict[str, Any] = {}
    for count in crops:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            shards = write_shards(folder, count)
            settings(folder)
            runs = {"without parts": (plain, folder, shards)}
            runs |= {"parts": (in_parts, folder, shards), "parts, local": (in_parts, folder, shards, "local")}
            for what, (run, *arguments) in runs.items():
                cpu, wall, _ = measured(run, *arguments)
                results[f"{count} crops, {what}"] = cpu
                echo(f"{count} crops, {what}: {cpu:.1f} CPU s, {wall:.1f} s")
    for count in units:
        cpu, wall, memory = measured(drive, count)
        results[f"{count} units"] = memory
        echo(f"driver over {count} units that cost nothing: {cpu:.1f} CPU s, peak {memory:.1f} MB")
    with tempfile.TemporaryDirectory() as name:
        shards = finish(Path(name), finished)
        cpu, wall, _ = measured(resume, Path(name), shards)
        results["resume"] = wall
        echo(f"resume of {finished} finished units, model opened: {wall:.1f} s, {cpu:.1f} CPU s")
    return results


def bench_distributed() -> None:
    """Everything once, small: the driver's memory stays."""
    results = measure([20], [10, 5000], 30, lambda line: None)
    assert abs(results["5000 units"] - results["10 units"]) < 20


def main() -> None:
    """Measure what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--crops", type=int, nargs="*", default=[2000, 10_000])
    parser.add_argument("--units", type=int, nargs="*", default=[1000, 1_000_000])
    parser.add_argument("--finished", type=int, default=100_000)
    parser.add_argument("--store", type=int, default=0)
    given = parser.parse_args()

    def echo(line: str) -> None:
        print(line, file=sys.stderr)

    results = measure(given.crops, given.units, given.finished, echo)
    if given.store:
        with tempfile.TemporaryDirectory() as name:
            results |= store_speed(Path(name), given.store, echo)
    print(json.dumps(results))


if __name__ == "__main__":
    main()
