"""A small recogniser and inputs of every kind, as units."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import cv2
import pytest

from fiqx_trt.runs.options import FaceOptions, Inputs, RuntimeOptions
from fiqx_trt.runs.settings import ScoreSettings
from support.nets import noise_faces, save, small_recogniser


@pytest.fixture
def settings(tmp_path: Path) -> ScoreSettings:
    (tmp_path / "model").mkdir()
    path = save(small_recogniser(), tmp_path / "model" / "small.onnx")
    path.with_suffix(".json").write_text(
        '{"mean": [127.5, 127.5, 127.5], "std": [127.5, 127.5, 127.5], "color": "rgb", "template": "arcface",'
        ' "alpha": 100.0, "r": 0.5}'
    )
    return ScoreSettings(
        model=path, faces=FaceOptions(aligned=True), runtime=RuntimeOptions(precision="fp32", threads=1)
    )


def picture(number: int) -> bytes:
    return bytes(cv2.imencode(".png", noise_faces(1, seed=number)[0])[1])


def shard(path: Path, numbers: range) -> None:
    with tarfile.open(path, "w") as archive:
        for number in numbers:
            data = picture(number) if number % 5 else b"no picture"
            member = tarfile.TarInfo(f"{number}.png")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


@pytest.fixture
def inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Inputs:
    """Seven units where four loose pictures are one: shards, names with line feeds, duplicates and a file that is not there."""
    monkeypatch.setattr("fiqx_trt.faces.units.LOOSE", 4)
    monkeypatch.chdir(tmp_path)
    for number in range(4):
        shard(Path(f"shard-{number}.tar"), range(10 * number, 10 * number + 7))
    Path("loose").mkdir()
    for number in range(6):
        Path("loose", f"new\nline {number}.png").write_bytes(picture(100 + number))
    again = "loose/new\nline 1.png"
    return Inputs(["shard-{0..1}.tar", "loose", again, again, "missing.jpg", "shard-{2..3}.tar"])
