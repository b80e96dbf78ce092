from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import pytest

from fiqx_trt.cli.main import main
from support.nets import noise_faces, save, small_recogniser


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Run the command line in this process: a line whose words blanks separate, then further arguments as they are."""

    def run(line: object, *arguments: object) -> Result:
        capfd.readouterr()
        with pytest.raises(SystemExit) as left:
            main([*str(line).split(" "), *map(str, arguments)])
        captured = capfd.readouterr()
        code = left.value.code
        return Result(code if isinstance(code, int) else 0 if code is None else 1, captured.out, captured.err)

    return run


@pytest.fixture
def recogniser(tmp_path: Path) -> Path:
    """A small calibrated model with its contract stated."""
    path = (
        save(small_recogniser(), tmp_path / "model" / "small.onnx")
        if (tmp_path / "model").mkdir() is None
        else tmp_path
    )
    path.with_suffix(".json").write_text(
        '{"mean": [127.5, 127.5, 127.5], "std": [127.5, 127.5, 127.5], "color": "rgb", "template": "arcface",'
        ' "alpha": 100.0, "r": 0.5}'
    )
    return path


@pytest.fixture
def crops(tmp_path: Path) -> Path:
    """Twelve crops of the small model's size."""
    folder = tmp_path / "crops"
    folder.mkdir()
    for index, face in enumerate(noise_faces(12)):
        cv2.imwrite(str(folder / f"{index:02d}.png"), face[:, :, ::-1])
    return folder
