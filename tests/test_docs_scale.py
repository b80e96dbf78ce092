"""The recipes of docs/scale.md run as they stand, on an S3 server of this machine."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import pyarrow.fs as fs
import pyarrow.parquet as pq
import pytest
import yaml

import fiqx_trt as fx
from fiqx_trt.cli.main import main
from fiqx_trt.faces import storage
from fiqx_trt.models.probe import probe_faces
from support.objects import s3_server

TEXT = (Path(__file__).resolve().parents[1] / "docs" / "scale.md").read_text(encoding="utf-8")
RECIPES = re.findall(r"<!-- run((?: \S+)?) -->\n```bash\n(.*?)```", TEXT, flags=re.DOTALL)


def kubernetes() -> list[tuple[str, str]]:
    """Return the command of the Indexed Job, with the numbers of its pods."""
    (text,) = re.findall(r"```yaml\n(.*?)```", TEXT, flags=re.DOTALL)
    spec = yaml.safe_load(text)["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    assert container["command"] == ["sh", "-c"]
    return [(f"JOB_COMPLETION_INDEX=0..{spec['completions'] - 1}", container["args"][0])]


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[fs.FileSystem]:
    with s3_server(monkeypatch) as address:
        storage._opened.cache_clear()
        files = fs.S3FileSystem(endpoint_override=address, allow_bucket_creation=True)
        files.create_dir("faces")
        files.create_dir("scores")
        faces = probe_faces((112, 112), count=8)
        for shard in range(4):
            stream = io.BytesIO()
            with tarfile.open(fileobj=stream, mode="w") as archive:
                for number in (2 * shard, 2 * shard + 1):
                    data = bytes(cv2.imencode(".png", faces[number])[1])
                    member = tarfile.TarInfo(f"{number}.png")
                    member.size = len(data)
                    archive.addfile(member, io.BytesIO(data))
            with files.open_output_stream(f"faces/shard-{shard:03d}.tar") as out:
                out.write(stream.getvalue())
        yield files
    storage._opened.cache_clear()


#: What the shell finds as fiqx-trt: it hands its arguments over, and ends as it is told.
HANDED_OVER = """#!/usr/bin/env bash
printf '%s\\0' "$@" > words.new && mv words.new words
read -r status < status
exit "$status"
"""


def shell(command: str, values: dict[str, str], here: Path) -> tuple[int, str]:
    """Run a recipe in a shell; return its status and what it wrote to standard error.

    The shell expands the words, and this process, which has imported everything, does what they say. With an engine a process
    of its own does.
    """
    programs = here / "programs"
    if not programs.exists():
        programs.mkdir()
        os.mkfifo(here / "status")
        (programs / "fiqx-trt").write_text(HANDED_OVER)
        (programs / "fiqx-trt").chmod(0o755)
    own = str(Path(sys.executable).parent) if "--engine" in command else str(programs)
    process = subprocess.Popen(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=here,
        env={**os.environ, **values, "PATH": os.pathsep.join([own, os.environ["PATH"]])},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    with process, process.stderr as told:
        try:
            while process.poll() is None:
                _do_what_it_says(here)
                time.sleep(0.01)
        finally:
            process.kill()
        return process.returncode, told.read()


def _do_what_it_says(here: Path) -> None:
    words = here / "words"
    if words.exists():
        given = words.read_bytes().decode().split("\0")[:-1]
        words.unlink()
        with pytest.raises(SystemExit) as left:
            main(given)
        (here / "status").write_text(f"{left.value.code or 0}\n")


def test_the_recipes(
    store: fs.FileSystem, tmp_path: Path, mobilefacenet_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray")
    monkeypatch.chdir(tmp_path)
    photos = tmp_path / "photos"
    photos.mkdir()
    for number, face in enumerate(probe_faces((112, 112), count=3)):
        cv2.imwrite(str(photos / f"{number}.png"), face)
    recipes = [*RECIPES, *kubernetes()]
    assert len(recipes) == 5
    for values, command in recipes:
        name, _, numbers = values.strip().partition("=")
        first, _, last = numbers.partition("..")
        for number in range(int(first), int(last) + 1) if name else (0,):
            own = {name: str(number)} if name else {}
            status, told = shell(command, {**own, "RAY_AUTH_MODE": "disabled"}, tmp_path)
            assert status == 0, f"{command}\n{told}"
    merged = pq.read_table(tmp_path / "scores.parquet")
    assert merged.column("status").to_pylist() == ["ok"] * 8
    assert store.get_file_info("faces/packed/photos-000000.tar").is_file
    for run in ("run1", "run2", "run3", "run4"):
        names = [f"scores/{run}/part-{number:08d}.parquet" for number in range(4)]
        rows = [row for name in names for row in pq.read_table(name, filesystem=store).to_pylist()]
        assert rows == merged.to_pylist()
        assert store.get_file_info(f"scores/{run}/_SUCCESS").is_file


PROGRAM = """
import ray
ray.init(address="local", num_cpus=2, object_store_memory=80 << 20, include_dashboard=False, log_to_driver=False)
"""


@pytest.mark.slow
def test_the_program_for_ray_data(tmp_path: Path, mobilefacenet_file: Path) -> None:
    pytest.importorskip("ray")
    (program,) = re.findall(r"<!-- run -->\n```python\n(.*?)```", TEXT, flags=re.DOTALL)
    photos = tmp_path / "photos"
    photos.mkdir()
    for number, face in enumerate(probe_faces((112, 112), count=3)):
        cv2.imwrite(str(photos / f"{number}.png"), face)
    (photos / "damaged.png").write_bytes(b"no picture")
    (tmp_path / "program.py").write_text(PROGRAM + program)
    done = subprocess.run(
        [sys.executable, "program.py"],
        cwd=tmp_path,
        env={**os.environ, "RAY_AUTH_MODE": "disabled"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = pq.read_table(tmp_path / "scores").to_pylist()
    found = {Path(row["path"]).name: row for row in rows}
    assert sorted(found) == ["0.png", "1.png", "2.png", "damaged.png"]
    assert found.pop("damaged.png")["status"] == "decode_error"
    expected = fx.FaceScorer(aligned=True, precision="fp32")(sorted(photos.glob("[0-9].png")))
    assert [found[name]["serfiq"] for name in sorted(found)] == pytest.approx(expected["serfiq"].to_pylist())
