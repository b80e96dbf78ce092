"""What a package that extends fiqx_trt tests: its own definitions, and that it conforms."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fiqx_example.sharpness import laplacian_variance
from fiqx_trt.errors import SourceError
from fiqx_trt.importers import read_scores
from fiqx_trt.testing import check_backend, check_detector, check_importer, check_quality_method

SCORES = "# made by hand\na/1.jpg;0,75\na/2.jpg;0.5\nb;c.jpg;nan\n"


def test_conformance(tmp_path: Path) -> None:
    (tmp_path / "scores.txt").write_text(SCORES)
    check_quality_method("sharpness")
    check_quality_method("sharpness", options={"region": 0.5})
    check_detector("centre")
    check_importer("semicolon", tmp_path / "scores.txt")
    check_backend("reference")


def test_the_variance_is_that_of_the_definition_written_out() -> None:
    face = np.random.default_rng(0).integers(0, 256, (7, 9, 3), np.uint8)
    luma = [[(299 * int(r) + 587 * int(g) + 114 * int(b)) / 1000 for r, g, b in row] for row in face]
    values = [
        luma[y - 1][x] + luma[y + 1][x] + luma[y][x - 1] + luma[y][x + 1] - 4 * luma[y][x]
        for y in range(1, 6)
        for x in range(1, 8)
    ]
    mean = sum(values) / len(values)
    wanted = sum((value - mean) ** 2 for value in values) / len(values)
    assert laplacian_variance(face) == pytest.approx(wanted, rel=1e-12)


def test_scores_and_what_is_none(tmp_path: Path) -> None:
    path = tmp_path / "scores.txt"
    path.write_text(SCORES)
    rows = read_scores(path, format="semicolon").rows
    assert list(rows) == ["a/1.jpg", "a/2.jpg", "b;c.jpg"]
    assert rows["a/1.jpg"] == {"score": 0.75}
    path.write_text("a/1.jpg 0.75\n")
    with pytest.raises(SourceError, match=r"line 1: 'a/1.jpg 0.75' is not 'path;score'"):
        read_scores(path, format="semicolon")
