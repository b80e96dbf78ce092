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

from fiqx_trt.faces import storage
from fiqx_trt.models.probe import probe_faces
from support.objects import s3_server

TEXT = (Path(__file__).resolve().parents[1] / "docs" / "scale.md").read_text(encoding="utf-8")
RECIPES = re.findall(r"<!-- run((?: \S+)?) -->\n```bash\n(.*?)```", TEXT, flags=re.DOTALL)


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
    assert len(RECIPES) == 3
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    for values, command in RECIPES:
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
    for run in ("run1", "run2", "run4"):
        names = [f"scores/{run}/part-{number:08d}.parquet" for number in range(4)]
        rows = [row for name in names for row in pq.read_table(name, filesystem=store).to_pylist()]
        assert rows == merged.to_pylist()
        assert store.get_file_info(f"scores/{run}/_SUCCESS").is_file
