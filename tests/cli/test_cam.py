from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

import fiqx_trt as fx
from fiqx_trt.rows import read_table
from fiqx_trt.runs.grid_column import grid_of
from fiqx_trt.statistics.upsampling import upsample
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


def test_the_grid_of_a_map_as_a_column(
    cli, crops: Path, recogniser: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gives the map back, and a run in parts needs no archive of maps."""
    monkeypatch.chdir(tmp_path)
    (crops / "03.png").write_bytes(b"damaged")
    run = (
        "cam",
        crops,
        "--aligned",
        "--model",
        recogniser,
        "--precision",
        "fp32",
        "--pictures",
        "none",
        "--grid",
        "-q",
    )
    assert cli(*run, "--out", "whole").code == 3
    rows = list(read_table(Path("whole/cam.csv")))
    for row in rows:
        if row["status"] != "ok":
            assert row["grid"] is None
            continue
        grid = grid_of(str(row["grid"]))
        stored = arrays(Path("whole/maps", str(row["maps"])))
        np.testing.assert_allclose(upsample(grid, stored["map"].shape).clip(0, 1), stored["map"], atol=1e-6)
    assert cli(*run, "--no-maps", "--out", "parts/", "--share", "1/1").code == 3
    assert {path.name.partition("-")[0] for path in Path("parts").iterdir()} == {"part", "_fiqx", "_SUCCESS"}
    assert cli("merge", "parts/", "--out", "merged.parquet").code == 0
    assert [row["grid"] for row in read_table(Path("merged.parquet"))] == [row["grid"] for row in rows]
    refused = cli(*run, "--out", "other", "--preset", "fu-damer").err
    assert "the maps of the preset fu-damer are cut off at 0 pixel by pixel, so no grid gives them" in refused


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
