"""The command assess: files that agree with each other, the sidecar, and the line that score prints of it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import pytest
from scipy.stats import spearmanr

from support.nets import noise_faces
from support.pages import read_report

OPTIONS = ("--backend", "onnxruntime", "--threads", 1, "--aligned", "--replicates", 20)


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """Three folders of four crops."""
    for index, face in enumerate(noise_faces(12)):
        folder = tmp_path / "people" / f"p{index // 4}"
        folder.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / f"{index % 4}.png"), face[:, :, ::-1])
    return tmp_path / "people"


def test_assess_measures_records_and_is_repeatable(
    cli, people: Path, recogniser: Path, tmp_path: Path
) -> None:
    out, again = tmp_path / "a", tmp_path / "b"
    before = cli(
        "score",
        people,
        "--aligned",
        "--model",
        recogniser,
        "--out",
        tmp_path / "q.csv",
        "--estimator",
        "closed-form",
    )
    assert "how well serfiq predicts comparison scores on small has not been measured" in before.err
    given = ("--identities", "folder", "--model", recogniser)
    few = cli("assess", people, *given, "--out", tmp_path / "few", *OPTIONS)
    assert few.code == 0, few.err
    assert "not written into the model's sidecar: 12 faces say too little" in few.err
    assert "validity" not in json.loads(recogniser.with_suffix(".json").read_text())
    result = cli("assess", people, *given, "--record", "--out", out, "--taps", *OPTIONS)
    assert result.code == 0, result.err
    assert "untouched, other" in result.out
    assert f"wrote the validity into {recogniser.with_suffix('.json')}" in result.err
    rows = list(csv.DictReader((out / "copies.csv").read_text(encoding="utf-8").splitlines()))
    assert len(rows) == 12 * (1 + 7 * 4)
    summary = json.loads((out / "summary.json").read_text())
    assert (summary["people"], summary["copies"], summary["failed"]) == (3, 336, 0)
    copies = [row for row in rows if row["degradation"] == "blur"]
    similarity = [float(row["similarity"]) for row in copies]
    for name in ("serfiq", "magface", "flip"):
        expected = spearmanr([float(row[name]) for row in copies], similarity)[0]
        assert summary["spearman"][name]["blur"]["value"] == pytest.approx(expected)
    degraded = [row for row in rows if row["degradation"] != "none"]
    genuine = [float(row["genuine_similarity"]) for row in degraded]
    for name in ("serfiq", "flip"):
        expected = spearmanr([float(row[name]) for row in degraded], genuine)[0]
        assert summary["spearman"][name]["degraded, other pictures"]["value"] == pytest.approx(expected)
    sidecar = json.loads(recogniser.with_suffix(".json").read_text())
    entry = sidecar["validity"]["flip"]
    assert entry["against"] == "genuine"
    assert entry["spearman"] == pytest.approx(
        summary["spearman"]["flip"]["degraded, other pictures"]["value"], abs=1e-4
    )
    # The head has one linear layer, so there is one vector to compare: that of the rule, with the same number.
    assert summary["taps"] == {"pre_dropout": summary["spearman"]["serfiq"]["degraded, other pictures"]}
    assert sidecar["cosines"] == summary["cosines"]
    page = read_report(out)
    assert [row[0] for row in page.tables[0]][1:3] == ["degraded, other pictures", "all degradations"]
    assert page.rows["against"] == ["genuine_similarity", "serfiq"]
    assert len(page.rows["paths"]) == len(rows)
    assert sorted(page.rows["tiles"]) == list(range(len(rows)))
    options = ("--identities", "folder", "--model", recogniser, "--out", again, "--no-record", "--quiet")
    assert cli("assess", people, *options, *OPTIONS).code == 0
    assert (again / "copies.csv").read_bytes() == (out / "copies.csv").read_bytes()
    score = (
        "score",
        people,
        "--aligned",
        "--model",
        recogniser,
        "--method",
        "flip",
        "--out",
        tmp_path / "f.csv",
    )
    after = cli(*score)
    assert "flip predicts" in after.err
    assert "degraded copies of 12 faces of 3 people" in after.err


def test_too_few_faces_and_an_earlier_result_are_one_line(
    cli, people: Path, recogniser: Path, tmp_path: Path
) -> None:
    one = cli("assess", people / "p0" / "0.png", "--model", recogniser, "--out", tmp_path / "o", *OPTIONS)
    assert one.code == 2
    wrong = cli(
        "assess", people, "--option", "flip.x=1", "--model", recogniser, "--out", tmp_path / "w", *OPTIONS
    )
    assert wrong.code == 2
    assert "flip has no option 'x'; flip has no options" in wrong.err
    assert "only 1 face was found in the inputs; give at least 2 pictures of faces" in one.err
    (tmp_path / "o").mkdir(exist_ok=True)
    (tmp_path / "o" / "summary.json").write_text("{}")
    held = cli("assess", people, "--model", recogniser, "--out", tmp_path / "o", *OPTIONS)
    assert held.code == 1
    assert "give --overwrite" in held.err


def test_the_worth_of_maps_is_measured_recorded_and_told(
    cli, people: Path, recogniser: Path, tmp_path: Path
) -> None:
    sidecar = recogniser.with_suffix(".json")
    fields = json.loads(sidecar.read_text())
    sidecar.write_text(json.dumps({**fields, "gamma": 8.0, "gamma_contrast": 6.0, "gamma_weights": "l1"}))
    explain = ("--aligned", "--model", recogniser, "--backend", "onnxruntime", "--threads", 1, "--quiet")
    assert cli("plq", people, *explain, "--out", tmp_path / "before").code == 0
    assert "What these maps are worth on small has not been measured" in read_report(tmp_path / "before").text
    out = tmp_path / "assess"
    given = ("--identities", "folder", "--model", recogniser, "--record", "--method", "magface")
    result = cli("assess", people, *given, "--maps", "--map-faces", 6, "--out", out, *OPTIONS)
    assert result.code == 0, result.err
    found = json.loads((out / "summary.json").read_text())["maps"]
    assert (found["faces"], len(found["worth"])) == (6, 8)  # each map by itself and by other pictures
    assert all(line in result.err for line in found["worth"])
    page = read_report(out)
    assert "What the maps are worth" in page.headings
    assert all(line in page.text for line in found["worth"])
    kept = json.loads(sidecar.read_text())["map_worth"]
    assert {name: (one["faces"], one["people"]) for name, one in kept.items()} == dict.fromkeys(
        ("plq", "plq-contrast", "cam", "uniform"), (6, 3)
    )
    assert cli("plq", people, *explain, "--out", tmp_path / "plq").code == 0
    assert found["worth"][1] in read_report(tmp_path / "plq").text
    assert cli("plq", people, *explain, "--per", "intensity", "--out", tmp_path / "paper").code == 0
    assert found["worth"][0] in read_report(tmp_path / "paper").text
    for name, options, line in (
        ("cam", (), found["worth"][2]),
        ("plain", ("--weights", "uniform"), found["worth"][3]),
        ("other", ("--preset", "torchcam"), "has not been measured with these settings"),
    ):
        assert cli("cam", people, *explain, *options, "--out", tmp_path / name).code == 0
        assert line in read_report(tmp_path / name).text
