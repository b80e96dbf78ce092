from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

import fiqx_trt as fx
from support.files import arrays
from support.nets import noise_faces


def test_maps_pictures_and_rows(cli, crops: Path, recogniser: Path, tmp_path: Path) -> None:
    (crops / "00-torn.png").write_bytes(b"\x89PNG")
    out = tmp_path / "out"
    result = cli("cam", crops, "--out", out, "--model", recogniser, "--aligned", "--precision", "fp32")
    assert result.code == 3, result.err
    with (out / "cam.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 13
    assert rows[0]["status"] == "decode_error"
    good = [row for row in rows if row["status"] == "ok"]
    data = [arrays(out / "maps" / row["maps"]) for row in good]
    with fx.load_model(recogniser, precision="fp32") as model:
        want = fx.scorecam(model, noise_faces(12))
    np.testing.assert_array_equal([face["map"] for face in data], want)
    assert [str(face["path"]) for face in data] == [row["path"] for row in good]
    for row in good:
        assert 1 <= float(row["effective_channels"]) <= 8
        assert cv2.imread(str(out / "pictures" / row["picture"])).shape[1] > 3 * 32


@pytest.mark.parametrize(("options", "layer"), [((), "features"), (("--layer", "c2"), "c2")])
def test_the_record_names_the_layer(
    cli, crops: Path, recogniser: Path, tmp_path: Path, options, layer: str
) -> None:
    out = tmp_path / "out"
    assert (
        cli(f"cam {crops} --aligned -o {out} --model {recogniser} --weights uniform -q", *options).code == 0
    )
    assert json.loads((out / "cam.csv.meta.json").read_text())["parameters"]["cam.layer"] == layer


def test_an_earlier_folder_is_not_touched(cli, crops: Path, recogniser: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert (
        cli("cam", crops, "--aligned", "-o", out, "--model", recogniser, "--weights", "uniform", "-q").code
        == 0
    )
    before = (out / "cam.csv").read_bytes()
    result = cli("cam", crops, "--aligned", "-o", out, "--model", recogniser, "-q")
    assert result.code == 1
    assert "cam.csv exists already; use --resume to continue it, or --overwrite" in result.err
    assert (out / "cam.csv").read_bytes() == before


def test_wrong_options_are_one_line(cli, crops: Path, recogniser: Path, tmp_path: Path) -> None:
    for options, message in {
        ("--target", "nose"): "nose",
        ("--weights", "heavy"): "heavy",
        ("--preset", "none"): "none",
        ("--layer", "deep"): "deep",
    }.items():
        result = cli("cam", crops, "--aligned", "-o", tmp_path / "out", "--model", recogniser, "-q", *options)
        assert result.code in (1, 2), options
        assert result.err.startswith("error: ")
        assert result.err.count("\n") == 1
        assert message in result.err
