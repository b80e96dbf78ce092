"""The commands that judge quality methods: edc, overlap, import and sample."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

import fiqx_trt as fx
from support.files import csv_rows
from support.nets import noise_faces
from support.pages import read_report


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """Six people with four pictures each: a face and ever noisier copies of it."""
    folder, rng = tmp_path / "people", np.random.default_rng(0)
    for person, face in enumerate(noise_faces(6)):
        (folder / f"p{person}").mkdir(parents=True)
        for copy in range(4):
            noisy = np.clip(face + rng.normal(0, 25 * copy, face.shape), 0, 255).astype(np.uint8)
            cv2.imwrite(str(folder / f"p{person}" / f"{copy}.png"), noisy[:, :, ::-1])
    return folder


@pytest.fixture
def scores(cli, people: Path, recogniser: Path, tmp_path: Path) -> Path:
    out = tmp_path / "s.csv"
    methods = [part for name in ("serfiq", "magface", "gradient") for part in ("--method", name)]
    options = ("--model", recogniser, "--precision", "fp32", "-q", *methods)
    assert cli("score", people, "--aligned", "--out", out, *options).code == 0
    return out


def test_edc_is_the_definition(cli, people: Path, recogniser: Path, scores: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ("--model", recogniser, "--precision", "fp32", "--fmr", 0.1, "--replicates", 10, "--aligned")
    result = cli(
        "edc", "--scores", scores, "--identities", "folder", "--impostors", 200, "--out", out, *options
    )
    assert result.code == 0, result.err
    for name in ("edc.png", "edc.npz", "curves.csv", "bands.csv", "summary.json"):
        assert (out / name).stat().st_size > 0
    curve = [row for row in csv_rows(out / "curves.csv") if row["method"] == "serfiq"]
    rows = csv_rows(scores)
    paths = [row["path"] for row in rows]
    quality = np.array([float(row["serfiq"]) for row in rows])
    faces = np.stack([cv2.imread(path)[:, :, ::-1] for path in paths])
    with fx.load_model(recogniser, precision="fp32") as model:
        similarity = model.embed(faces) @ model.embed(faces).T
    person = [Path(path).parent.name for path in paths]
    pairs = [(i, j) for i in range(24) for j in range(i) if person[i] == person[j]]
    threshold = float(curve[0]["threshold"])
    for row in curve[:: max(1, len(curve) // 7)]:
        kept = [(i, j) for i, j in pairs if min(quality[i], quality[j]) >= float(row["quality"])]
        wrong = sum(similarity[i, j] < threshold for i, j in kept)
        assert int(row["genuine"]) == len(kept)
        assert float(row["fnmr"]) == pytest.approx(wrong / len(kept), abs=1.01 / len(kept))
    summary = json.loads((out / "summary.json").read_text())
    assert {"serfiq", "magface", "gradient"} <= set(json.dumps(summary).replace('"', " ").split())
    page = read_report(out)
    assert {"edc.png", "edc.npz", "curves.csv", "bands.csv", "summary.json", "embeddings.npz"} <= set(
        page.links
    )
    for name, told in summary["methods"].items():
        cell = next(row[1] for row in page.tables[0] if row[0].split()[0] == name)
        bounds = [f"{told['areas'][0][key] / 0.2:.4f}" for key in ("raw", "raw_low", "raw_high")]
        assert cell == f"{bounds[0]} [{bounds[1]}, {bounds[2]}]"
    assert "There are only 6 people" in page.text
    assert summary["similarity"]["configuration"]["model.sha256"] in page.text


def test_edc_refuses_in_one_line(cli, scores: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    table = tmp_path / "foreign.csv"
    table.write_text("path,beauty\na.png,0.5\nb.png,0.7\n")
    (tmp_path / "pairs.csv").write_text("a.png,b.png,1,0.5\na.png,c.png,1,0.5\n")
    for arguments, message in {
        ("--scores", table, "--identities", "folder", "--method", "beauty"): "beauty",
        ("--scores", scores, "--pairs", tmp_path / "pairs.csv"): "make the paths agree",
        ("--scores", scores): "--pairs",
        ("--scores", scores, "--pairs", tmp_path / "none.csv"): "none.csv",
        ("--scores", scores, "--identities", "folder", "--direction", "serfiq=up"): "up",
    }.items():
        result = cli("edc", *arguments, "--out", out, "--quiet")
        assert result.code in (1, 2), (arguments, result.err)
        assert message in result.err
        assert result.err.strip().splitlines()[-1].startswith("error: ")
        assert not (out / "summary.json").exists()


def test_overlap_of_a_method_with_itself_is_whole(cli, scores: Path, tmp_path: Path) -> None:
    rows = csv_rows(scores)
    other = tmp_path / "other.csv"
    lines = [f"{row['path']},{row['serfiq']},{-float(row['serfiq'])}" for row in rows]
    other.write_text("\n".join(["path,same,reverse", *lines]) + "\n")
    out = tmp_path / "out"
    directions = ("--direction", "same=higher", "--direction", "reverse=lower")
    result = cli(
        "overlap",
        "--scores",
        scores,
        other,
        *directions,
        "--fraction",
        0.25,
        "--out",
        out,
        "--replicates",
        20,
    )
    assert result.code == 0, result.err
    pairs = {(row["method_a"], row["method_b"]): row for row in csv_rows(out / "overlap.csv")}
    for name in ("same", "reverse"):
        row = pairs[("serfiq", name)]
        assert float(row["overlap_top"]) == float(row["overlap_bottom"]) == 1.0
        assert float(row["spearman"]) == pytest.approx(1.0)
    assert (out / "overlap.png").stat().st_size > 1000
    page = read_report(out)
    assert len(page.pictures) == 2
    assert next(r[:3] for r in page.tables[0] if r[0] == "serfiq and same") == [
        "serfiq and same",
        "1.00",
        "1.00",
    ]
    assert "left out" not in result.err


def test_import_matches_names_and_lists_what_is_left(cli, people: Path, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.txt"
    foreign.write_text(f"{people}/p0/0.png 0.5\n{people}/p1/1.png 0.25\nnowhere.png 0.75\n")
    out = tmp_path / "i.csv"
    result = cli("import", foreign, "--format", "cr-fiqa", "--images", people, "--out", out)
    assert result.code == 3, result.err
    rows = {row["path"]: row for row in csv_rows(out)}
    assert len(rows) == 24
    assert float(rows[f"{people}/p1/1.png"]["cr_fiqa"]) == 0.25
    assert sum(row["status"] == "ok" for row in rows.values()) == 2
    assert "nowhere.png" in (tmp_path / "i.csv.unmatched.csv").read_text()
    before = out.read_bytes()
    again = cli("import", foreign, "--format", "cr-fiqa", "--images", people, "--out", out)
    assert again.code == 1
    assert out.read_bytes() == before


def test_import_refuses_in_one_line(cli, tmp_path: Path) -> None:
    (tmp_path / "bad.txt").write_text("a.png 0.5\na.png 0.75\n")
    for arguments, message in {
        (tmp_path / "bad.txt", "--format", "cr-fiqa"): "a.png",
        (tmp_path / "bad.txt", "--format", "scrolls"): "scrolls",
        (tmp_path / "none.txt", "--format", "cr-fiqa"): "none.txt",
    }.items():
        result = cli("import", *arguments, "--out", tmp_path / "i.csv")
        assert result.code in (1, 2)
        assert message in result.err
        assert result.err.count("\n") == 1


def test_a_file_that_contradicts_itself_is_no_wrong_usage(cli, scores: Path, tmp_path: Path) -> None:
    (tmp_path / "twice.txt").write_text("a.png 0.5\na.png 0.75\n")
    (tmp_path / "twice.csv").write_text("path,good\na.png,0.5\na.png,0.75\n")
    (tmp_path / "pairs.csv").write_text("a.png,b.png,1,0.5\na.png,b.png,0,0.5\n")
    out = ("--out", tmp_path / "o.csv")
    for arguments in (
        ("import", tmp_path / "twice.txt", "--format", "cr-fiqa", *out),
        (
            "edc",
            "--scores",
            tmp_path / "twice.csv",
            "--direction",
            "good=higher",
            "--identities",
            "folder",
            *out,
        ),
        ("edc", "--scores", scores, "--pairs", tmp_path / "pairs.csv", *out),
    ):
        result = cli(*arguments)
        assert result.code == 1, result.err
        assert result.err.splitlines()[-1].startswith("error: ")
    assert cli("import", tmp_path / "none.txt", "--format", "cr-fiqa", *out).code == 2


def test_import_keeps_the_version_of_ofiq(cli, tmp_path: Path) -> None:
    foreign = tmp_path / "ofiq.csv"
    foreign.write_text(
        "OFIQ library version: 1.0.3\nFilename;Sharpness.native;Sharpness.scalar;assessment_time_in_ms;\na.jpg;3;62;12\n"
    )
    result = cli("import", foreign, "--format", "ofiq", "--out", tmp_path / "i.csv")
    assert result.code == 0, result.err
    assert "version 1.0.3" in result.err
    record = json.loads(next(tmp_path.glob("i.csv.*json")).read_text())
    assert record["parameters"]["import.program_version"] == "1.0.3"
    assert record["model"] == "ofiq 1.0.3 (imported from ofiq.csv)"


def test_a_sample_is_seeded_and_feeds_score(cli, people: Path, recogniser: Path, tmp_path: Path) -> None:
    for name, seed in {"a": 1, "b": 1, "c": 2}.items():
        options = ("--per-identity", 2, "--seed", seed, "--out", tmp_path / f"{name}.txt")
        assert cli("sample", people, *options).code == 0
    lists = {
        name: [
            line for line in (tmp_path / f"{name}.txt").read_text().splitlines() if not line.startswith("#")
        ]
        for name in "abc"
    }
    assert lists["a"] == lists["b"] != lists["c"]
    assert sorted(Path(path).parent.name for path in lists["a"]) == [
        f"p{i}" for i in range(6) for _ in (0, 1)
    ]
    out = tmp_path / "s.csv"
    assert (
        cli("score", f"@{tmp_path / 'a.txt'}", "--aligned", "--model", recogniser, "--out", out, "-q").code
        == 0
    )
    assert [row["path"] for row in csv_rows(out)] == lists["a"]
