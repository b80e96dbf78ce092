from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

import fiqx_trt as fx
from support.nets import noise_faces


def test_the_sidecar_holds_what_was_measured(cli, crops: Path, recogniser: Path, tmp_path: Path) -> None:
    sidecar = recogniser.with_suffix(".json")
    contract = {name: v for name, v in json.loads(sidecar.read_text()).items() if name not in ("alpha", "r")}
    sidecar.write_text(json.dumps(contract))
    result = cli("calibrate", crops, "--aligned", "--model", recogniser, "--precision", "fp32", "-q")
    assert result.code == 0, result.err
    fields = json.loads(sidecar.read_text())
    with fx.load_model(recogniser, precision="fp32") as model:
        raw = fx.serfiq(model, noise_faces(12)).raw
    assert fields["r"] == pytest.approx(raw.mean(), rel=1e-4)
    assert fields["quantiles"] == pytest.approx(np.quantile(raw, np.linspace(0, 1, 21)), rel=1e-6)
    assert fields["calibration"].startswith("SER-FIQ closed-form on 12 faces")
    assert fields["estimator"] == "closed-form, dropout 0.5"
    assert f"alpha = {fields['alpha']:g}" in result.out
    out = tmp_path / "s.csv"
    assert (
        cli(
            "score", crops, "--aligned", "--out", out, "--model", recogniser, "--precision", "fp32", "-q"
        ).code
        == 0
    )
    with out.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    percentiles = [float(row["serfiq_percentile"]) for row in rows]
    assert (min(percentiles), max(percentiles)) == pytest.approx(
        (0.0, 100.0), abs=0.01
    )  # quantiles have seven digits
    assert all(int(row["serfiq_100"]) == round(100 * float(row["serfiq_scaled"])) for row in rows)


def test_what_was_guessed_is_stated_from_then_on(cli, crops: Path, recogniser: Path) -> None:
    recogniser.with_suffix(".json").unlink()
    before = cli("calibrate", crops, "--aligned", "--model", recogniser, "--no-pixels")
    assert "guessed mean = 127.5" in before.err
    assert "small.json states mean, std, color, template, which were guessed: check them" in before.err
    fields = json.loads(recogniser.with_suffix(".json").read_text())
    assert fields["guesses"] == []
    again = cli("calibrate", crops, "--aligned", "--model", recogniser, "--no-pixels")
    assert again.code == 0
    assert "guessed mean" not in again.err
    assert "were guessed" not in again.err


def test_what_was_calibrated_with_one_estimator_does_not_scale_another(
    cli, crops: Path, recogniser: Path, tmp_path: Path
) -> None:
    """The columns stay empty, the raw quality does not, and one line says why and what to do."""
    assert cli("calibrate", crops, "--aligned", "--model", recogniser, "-q", "--no-pixels").code == 0
    scaled = ("serfiq_scaled", "serfiq_percentile", "serfiq_100")
    for number, (options, filled) in enumerate(
        [
            ((), True),
            (("--estimator", "sampled"), False),
            (("--dropout", 0.4), False),
            (("--estimator", "sampled", "--alpha", 30, "--r", 0.5), True),
        ]
    ):
        out = tmp_path / f"{number}.csv"
        result = cli("score", crops, "--aligned", "--out", out, "--model", recogniser, *options)
        assert result.code == 0, result.err
        with out.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert all(row["serfiq"] for row in rows)
        assert {bool(row[scaled[0]]) for row in rows} == {bool(row[scaled[2]]) for row in rows} == {filled}
        notes = [line for line in result.err.splitlines() if "calibrated with another estimator" in line]
        assert len(notes) == (0 if filled else 1)
    result = cli(
        "plq",
        crops,
        "--aligned",
        "--out",
        tmp_path / "plq",
        "--model",
        recogniser,
        "--gamma",
        8,
        "--estimator",
        "sampled",
    )
    assert result.code != 0
    assert "calibrated with another estimator (closed-form, dropout 0.5; here sampled" in result.err


def test_a_dry_run_writes_nothing(cli, crops: Path, recogniser: Path) -> None:
    before = recogniser.with_suffix(".json").read_bytes()
    assert (
        cli("calibrate", crops, "--aligned", "--model", recogniser, "-q", "--dry-run", "--no-pixels").code
        == 0
    )
    assert recogniser.with_suffix(".json").read_bytes() == before


def test_too_few_faces(cli, crops: Path, recogniser: Path) -> None:
    files = sorted(crops.iterdir())[:4]
    result = cli("calibrate", *files, "--aligned", "--model", recogniser, "-q", "--no-pixels")
    assert result.code == 2
    assert "4 usable qualities; a calibration needs at least 10 faces" in result.err


def test_a_calibration_in_parts_is_that_of_one_process(
    cli, crops: Path, recogniser: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every number of the sidecar, whoever scores which unit; the sample takes every second face, over all units."""
    monkeypatch.setattr("fiqx_trt.faces.units.LOOSE", 5)
    monkeypatch.setattr("fiqx_trt.explain.measuring.MOST", 15)
    monkeypatch.chdir(tmp_path)
    (crops / "03.png").write_bytes(b"damaged")
    sidecar = recogniser.with_suffix(".json")
    before = sidecar.read_bytes()
    given = (
        crops,
        crops,
        crops / "00.png",
        "--aligned",
        "--model",
        recogniser,
        "--precision",
        "fp32",
        "--threads",
        1,
    )

    def calibrated(*more: object) -> dict[str, object]:
        sidecar.write_bytes(before)
        done = cli("calibrate", *given, *more)
        assert done.code == 0, done.err
        return dict(json.loads(sidecar.read_text()))

    whole = calibrated()
    assert "23 faces" in str(whole["calibration"])
    assert str(whole["calibration"]).endswith("of 12")
    assert calibrated("--parts", "run/", "--engine", "local", "--workers", 2) == whole
    assert calibrated("--parts", "shares/", "--share", "1/2") == json.loads(before)
    assert calibrated("--parts", "shares/", "--share", "2/2") == whole
    late = cli("calibrate", *given, "--parts", "shares/", "--share", "1/2")  # where the sidecar is written
    assert late.code == 0, late.err
    assert json.loads(sidecar.read_text()) == whole
    assert "give --parts RUN/" in cli("calibrate", *given, "--engine", "local").err
