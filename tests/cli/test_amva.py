from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

import fiqx_trt as fx
from support.files import arrays
from support.nets import noise_faces
from support.pages import read_report

ARRAYS = [
    *(f"{name}_{group}" for name in ("mam", "am_v", "mdam", "am_mv") for group in ("high", "low")),
    *("d_am_v", "d_am_mv", "ad_mam"),
]
FIGURES = ["mam", "mdam", "overlap", "d-am-v", "d-am-mv", "faces"]


@pytest.fixture
def scores(cli, crops: Path, recogniser: Path, tmp_path: Path) -> Path:
    out = tmp_path / "s.csv"
    options = ("--method", "serfiq", "--method", "magface", "--precision", "fp32")
    assert cli("score", crops, "--aligned", "--out", out, "--model", recogniser, "-q", *options).code == 0
    return out


def test_all_maps_and_figures(cli, crops: Path, recogniser: Path, scores: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    common = ("--model", recogniser, "--precision", "fp32")
    result = cli("amva", crops, "--aligned", "--scores", scores, "--fraction", 0.25, "--out", out, *common)
    assert result.code == 0, result.err
    for name in FIGURES:
        assert (out / f"{name}.png").stat().st_size > 1000
        assert (out / f"{name}.npz").exists()
    with fx.load_model(recogniser, precision="fp32") as model:
        maps = fx.scorecam(model, noise_faces(12)).astype(np.float64)
        quality = fx.serfiq(model, noise_faces(12)).raw
    order = np.argsort(quality)
    high, low = maps[order[-3:]], maps[order[:3]]
    found = arrays(out / "serfiq.npz")
    assert set(ARRAYS) <= set(found)
    np.testing.assert_allclose(found["mam_high"], high.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(found["am_v_low"], low.std(axis=0), atol=1e-6)
    np.testing.assert_allclose(found["mdam_low"], np.median(low, axis=0), atol=1e-6)
    np.testing.assert_allclose(found["d_am_v"], np.abs(high.std(axis=0) - low.std(axis=0)), atol=1e-6)
    summary = json.loads((out / "summary.json").read_text())
    assert set(summary["methods"]) == {"serfiq", "magface"}
    assert summary["run"]["model's SHA-256"] == hashlib.sha256(recogniser.read_bytes()).hexdigest()
    assert summary["run"]["map: target"] == "self"
    assert "maps against plain mean activation: correlation" in result.err
    page = read_report(out)
    assert len(page.pictures) == len(FIGURES)
    assert {f"{name}.npz" for name in (*FIGURES, "serfiq", "magface", "between")} <= set(page.links)
    row = next(row for row in page.tables[0] if row[0] == "serfiq")
    assert row[2] == f"{high.std(axis=0).mean():.4f}"
    assert "with the plain mean activation (no masked passes)" in page.text
    assert "A group has only 3 images." in page.text
    shares = next(found for found in page.tables if "shared variation, H" in found[0])
    with fx.load_model(recogniser, precision="fp32") as model:
        plain = fx.scorecam(model, noise_faces(12), weights="uniform").astype(np.float64)
    own = np.array(
        [np.corrcoef(one.ravel(), two.ravel())[0, 1] for one, two in zip(maps, plain, strict=True)]
    )
    groups = own[order[-3:]], own[order[:3]]
    row = next(row for row in shares if row[0] == "serfiq")
    assert [float(cell) for cell in row[1:3]] == pytest.approx([g.mean() for g in groups], abs=1e-4)
    assert [float(cell.strip("<> %")) for cell in row[3:]] == pytest.approx(
        [100 * np.square(g).mean() for g in groups], abs=1
    )
    assert json.loads(recogniser.with_suffix(".json").read_text())["template"] in page.text


def test_an_image_of_a_group_without_a_face_is_told(
    cli, crops: Path, recogniser: Path, scores: Path, tmp_path: Path
) -> None:
    for path in crops.iterdir():
        path.write_bytes(b"")
    result = cli(
        "amva", crops, "--aligned", "--scores", scores, "--out", tmp_path / "out", "--model", recogniser, "-q"
    )
    assert result.code == 2
    assert "images in the groups have no map; the first is" in result.err
    assert not (tmp_path / "out" / "summary.json").exists()


def test_wrong_usage(cli, crops: Path, recogniser: Path, scores: Path, tmp_path: Path) -> None:
    common = ("--scores", scores, "--out", tmp_path / "out", "--model", recogniser, "-q")
    for options, message in {
        ("--fraction", 0.9): "0.9",
        ("--method", "beauty"): "beauty",
        ("--colors", "grey"): "--colors is 'grey'; choose one of uniform, papers",
    }.items():
        result = cli("amva", crops, "--aligned", *common, *options)
        assert result.code == 2, result.err
        assert message in result.err
        assert result.err.count("\n") == 1


def test_the_analysis_in_parts_is_that_of_one_process(
    cli, crops: Path, recogniser: Path, scores: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever makes the maps of which unit, every array has the same bits."""
    monkeypatch.setattr("fiqx_trt.faces.units.LOOSE", 5)
    monkeypatch.chdir(tmp_path)
    common = (
        crops,
        crops / "00.png",
        "--aligned",
        "--scores",
        scores,
        "--fraction",
        0.3,
        "--model",
        recogniser,
    )
    run = ("amva", *common, "--precision", "fp32", "--threads", 1, "--replicates", 20)
    assert cli(*run, "--out", "whole").code == 0

    def files(folder: str) -> dict[str, bytes]:
        return {
            path.name: path.read_bytes() for path in Path(folder).iterdir() if path.suffix in (".npz", ".png")
        }

    first = cli(*run, "--out", "parts", "--share", "1/2")
    assert first.code == 0, first.err
    assert "1 of 3 units" in first.err
    assert not Path("parts/summary.json").exists()
    assert cli(*run, "--out", "parts", "--engine", "local", "--workers", 2).code == 0
    assert files("parts") == files("whole")
    assert cli(*run, "--out", "parts", "--share", "1/2").code == 0  # a job that comes late
    other = cli(*run, "--out", "other", "--parts", "parts/parts", "--target", "argmax")
    assert "was made with other settings" in other.err
