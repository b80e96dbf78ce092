"""The recipes of docs/scale.md run as they stand, on an S3 server of this machine."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import pyarrow.fs as fs
import pyarrow.parquet as pq
import pytest
import yaml

import fiqx_trt as fx
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


def test_the_recipes(store: fs.FileSystem, tmp_path: Path, mobilefacenet_file: Path) -> None:
    pytest.importorskip("ray")
    photos = tmp_path / "photos"
    photos.mkdir()
    for number, face in enumerate(probe_faces((112, 112), count=3)):
        cv2.imwrite(str(photos / f"{number}.png"), face)
    recipes = [*RECIPES, *kubernetes()]
    assert len(recipes) == 5
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    for values, command in recipes:
        name, _, numbers = values.strip().partition("=")
        first, _, last = numbers.partition("..")
        for number in range(int(first), int(last) + 1) if name else (0,):
            own = {name: str(number)} if name else {}
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", command],
                cwd=tmp_path,
                env={**os.environ, **own, "PATH": path, "RAY_AUTH_MODE": "disabled"},
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, f"{command}\n{done.stderr}"
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
