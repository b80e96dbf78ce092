"""edc on pairs as people have them: joined by path, distances, several rates, and what the page says."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest

import fiqx_trt as fx
from support.files import csv_rows
from support.nets import noise_faces
from support.pages import read_report

RNG_SEED = 4


@pytest.fixture
def made(tmp_path: Path) -> dict[str, list[tuple[str, str, int, float]]]:
    """Scores of 40 pictures of ten people below /data/lfw, and pairs with similarities below other folders."""
    rng = np.random.default_rng(RNG_SEED)
    names = [f"P{person}/P{person}_{k:04d}.jpg" for person in range(10) for k in range(1, 5)]
    quality = rng.random(40)
    lines = [f"/data/lfw/{name},{q!r},1.0" for name, q in zip(names, quality.tolist(), strict=True)]
    (tmp_path / "s.csv").write_text("\n".join(["path,good,flat", *lines]) + "\n")
    rows = []
    for i in range(40):
        for j in range(i):
            genuine = i // 4 == j // 4
            value = rng.normal(2.0 * genuine, 0.5) - 2.0 * genuine * (1 - min(quality[i], quality[j])) ** 2
            rows.append((f"mine/{names[i]}", f"mine/{names[j]}", int(genuine), float(value)))
    return {"rows": rows}


def write_pairs(path: Path, header: str, rows: list[tuple[object, ...]]) -> Path:
    path.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n")
    return path


DIRECTIONS = ("--direction", "good=higher", "--direction", "flat=higher")


def test_a_distance_gives_what_its_negative_gives(cli, made, tmp_path: Path) -> None:
    rows = made["rows"]
    write_pairs(tmp_path / "sim.csv", "a,b,label,similarity", rows)
    write_pairs(tmp_path / "dist.csv", "a,b,label,fold,distance", [(a, b, y, 7, -s) for a, b, y, s in rows])
    for name in ("sim", "dist"):
        options = ("--pairs", tmp_path / f"{name}.csv", "--fmr", 0.05, "--out", tmp_path / name, *DIRECTIONS)
        done = cli("edc", "--scores", tmp_path / "s.csv", *options)
        assert done.code == 0, done.err
        assert "40 of 40 images of the pairs are joined with score rows by the end of their path" in done.err
        assert "warning" not in done.err
        assert f"similarities: the column {'similarity' if name == 'sim' else 'distance'} of " in done.err
    assert "not used in" in done.err
    summary = json.loads((tmp_path / "dist" / "summary.json").read_text())
    assert f"(distance {-summary['threshold']:.6g})" in done.out
    assert f"a distance of {-summary['threshold']:.6g}" in read_report(tmp_path / "dist").text
    assert "the column of numbers fold" in done.err
    curves = [csv_rows(tmp_path / name / "curves.csv") for name in ("sim", "dist")]
    assert [row["fnmr"] for row in curves[0]] == [row["fnmr"] for row in curves[1]]
    threshold = -float(curves[1][0]["threshold"])
    given = ("--threshold", threshold, "--out", tmp_path / "given")
    options = ("--scores", tmp_path / "s.csv", "--pairs", tmp_path / "dist.csv", *DIRECTIONS, *given)
    assert cli("edc", *options).code == 0
    assert [row["fnmr"] for row in csv_rows(tmp_path / "given" / "curves.csv")] == [
        row["fnmr"] for row in curves[1]
    ]


def test_distances_under_another_name_are_told(cli, made, tmp_path: Path) -> None:
    write_pairs(tmp_path / "p.csv", "a,b,label,l2", [(a, b, y, -s) for a, b, y, s in made["rows"]])
    options = (
        "--scores",
        tmp_path / "s.csv",
        "--pairs",
        tmp_path / "p.csv",
        *DIRECTIONS,
        "--fmr",
        0.05,
        "--quiet",
    )
    alone = cli(
        "edc", *options, "--model", "dlib-resnet", "--out", tmp_path / "o1"
    )  # there is no picture to compare anew
    assert alone.code == 2
    assert (
        "the column of numbers l2; if it holds comparison scores, give --similarity l2=higher or =lower"
        in alone.err
    )
    wrong = cli("edc", *options, "--similarity", "l2=higher", "--out", tmp_path / "o2")
    assert wrong.code == 0
    assert wrong.err.count("they look like distances") == 1
    page = read_report(tmp_path / "o2")
    assert page.text.count("they look like distances") == 1
    right = cli("edc", *options, "--similarity", "l2=lower", "--out", tmp_path / "o3")
    assert (right.code, right.err.count("distances, ")) == (0, 0)


def test_several_rates_stand_side_by_side(cli, made, tmp_path: Path) -> None:
    write_pairs(tmp_path / "p.csv", "a,b,label,similarity", made["rows"])
    options = ("--scores", tmp_path / "s.csv", "--pairs", tmp_path / "p.csv", *DIRECTIONS)
    rates = (0.1, 0.01)
    several = cli(
        "edc", *options, *(part for rate in rates for part in ("--fmr", rate)), "--out", tmp_path / "all"
    )
    assert several.code == 0, several.err
    points = json.loads((tmp_path / "all" / "summary.json").read_text())["operating_points"]
    curves = csv_rows(tmp_path / "all" / "curves.csv")
    page = read_report(tmp_path / "all")
    for position, rate in enumerate(rates):
        out = tmp_path / f"{rate}"
        assert cli("edc", *options, "--fmr", rate, "--out", out, "--quiet").code == 0
        summary = json.loads((out / "summary.json").read_text())
        assert points[position]["methods"] == summary["methods"]
        assert points[position]["threshold"] == summary["threshold"]
        assert [row for row in curves if float(row["target_fmr"]) == rate] == csv_rows(out / "curves.csv")
        relative = summary["methods"]["good"]["areas"][0]["relative"]
        row = next(row for row in page.tables[0] if row[0] == "good")
        assert row[2 + 2 * position] == f"{relative:.3f}"
    names = {"edc.png", "edc-fmr-0.01.png", "edc-fmr-0.01.npz", "det.png", "det.csv", "det.npz"}
    assert names <= {path.name for path in (tmp_path / "all").iterdir()}
    assert names <= set(page.links)
    assert "normalised pAUC" in page.text
    again = cli("edc", *options, "--fmr", 0.1, "--out", tmp_path / "all", "--overwrite", "--quiet")
    assert again.code == 0
    assert not (tmp_path / "all" / "edc-fmr-0.01.png").exists()


@pytest.mark.parametrize(
    ("similarity", "words"),
    [
        (
            lambda y: 1.0 if y else 0.0,
            "No genuine comparison fails at this threshold, so no method can lower the error",
        ),
        (
            lambda y: 0.0 if y else 1.0,
            "All have the same mean FNMR up to 20 % discard, 1.0000; none is better",
        ),
    ],
)
def test_nobody_wins_where_all_are_equal(cli, made, tmp_path: Path, similarity, words) -> None:
    write_pairs(
        tmp_path / "p.csv", "a,b,label,similarity", [(a, b, y, similarity(y)) for a, b, y, _ in made["rows"]]
    )
    options = (
        "--scores",
        tmp_path / "s.csv",
        "--pairs",
        tmp_path / "p.csv",
        *DIRECTIONS,
        "--fmr",
        0.01,
        "--quiet",
    )
    assert cli("edc", *options, "--out", tmp_path / "out").code == 0
    page = read_report(tmp_path / "out")
    assert words in page.text
    assert "Lowest mean FNMR" not in page.text


def test_score_and_edc_agree_on_a_verification_set(cli, recogniser: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    faces = [
        face
        for base in noise_faces(6)
        for face in (base, np.clip(base + rng.normal(0, 30, base.shape), 0, 255))
    ]
    faces = faces + [faces[i] for i in (0, 3, 4, 7, 8, 11)]
    bins = [cv2.imencode(".png", face.astype(np.uint8)[:, :, ::-1])[1].tobytes() for face in faces]
    (tmp_path / "sets").mkdir()
    path = tmp_path / "sets" / "lfw.bin"
    path.write_bytes(pickle.dumps((bins, [True] * 6 + [False] * 3), protocol=4))
    options = ("--model", recogniser, "--precision", "fp32", "--aligned", "--quiet")
    scored = cli("score", path, "--method", "magface", "--out", tmp_path / "s.csv", *options)
    assert scored.code == 0, scored.err
    assert [row["path"] for row in csv_rows(tmp_path / "s.csv")] == [f"{path}#{i:05d}" for i in range(18)]
    again = ("--scores", tmp_path / "s.csv", "--pairs", path, "--fmr", 0.4, *options)
    done = cli("edc", *again, "--out", tmp_path / "o")
    assert done.code == 0, done.err
    summary = json.loads((tmp_path / "o" / "summary.json").read_text())
    assert (summary["genuine"], summary["impostor"]) == (6, 3)
    assert summary["similarity"]["images_without_embedding"] == {}


def test_lfw_pairs_find_crops_of_another_kind(cli, made, tmp_path: Path) -> None:
    text = (tmp_path / "s.csv").read_text().replace(".jpg", ".png")
    (tmp_path / "s.csv").write_text(text)
    (tmp_path / "pairs.txt").write_text("1\t2\nP0\t1\t2\nP1\t1\t4\nP0\t1\tP1\t2\nP2\t3\tP3\t1\n")
    done = cli(
        "edc",
        "--scores",
        tmp_path / "s.csv",
        "--pairs",
        tmp_path / "pairs.txt",
        *DIRECTIONS,
        "--model",
        "dlib-resnet",
        "--out",
        tmp_path / "o",
    )
    assert "7 of 7 images of the pairs are joined with score rows" in done.err
    assert "'P0/P0_0001.jpg' is '/data/lfw/P0/P0_0001.png'" in done.err
    assert done.code == 2  # the pictures are not there


def test_templates_are_compared_by_their_images(cli, crops: Path, recogniser: Path, tmp_path: Path) -> None:
    options = ("--model", recogniser, "--precision", "fp32", "--quiet")
    scored = cli("score", crops, "--method", "magface", "--aligned", "--out", tmp_path / "s.csv", *options)
    assert scored.code == 0, scored.err
    lines = [f"{i:02d}.png {100 + i // 2} {i}" for i in range(12)]
    (tmp_path / "tid_mid.txt").write_text("\n".join(lines) + "\n")
    pairs = ["100 101 1", "102 103 1", "104 105 1", "100 102 0", "100 104 0", "101 105 0", "103 104 0"]
    (tmp_path / "pairs.txt").write_text("\n".join(pairs) + "\n")
    run = (
        "--scores",
        tmp_path / "s.csv",
        "--pairs",
        tmp_path / "pairs.txt",
        "--fmr",
        0.3,
        "--aligned",
        *options,
    )
    refused = cli("edc", *run, "--out", tmp_path / "o")
    assert refused.code == 2
    assert "give --templates FILE with lines 'name template medium'" in refused.err
    done = cli("edc", *run, "--templates", tmp_path / "tid_mid.txt", "--out", tmp_path / "o")
    assert done.code == 0, done.err
    assert "6 templates of 12 images; a template's quality is the mean of its images'" in done.err
    summary = json.loads((tmp_path / "o" / "summary.json").read_text())
    assert (summary["genuine"], summary["impostor"]) == (3, 4)
    rows = {Path(row["path"]).name: float(row["magface"]) for row in csv_rows(tmp_path / "s.csv")}
    means = [np.mean([rows[f"{i:02d}.png"], rows[f"{i + 1:02d}.png"]]) for i in range(0, 12, 2)]
    steps = [
        float(row["quality"]) for row in csv_rows(tmp_path / "o" / "curves.csv") if row["method"] == "magface"
    ]
    assert steps[0] == pytest.approx(min(means))
    with fx.load_model(recogniser, precision="fp32") as model:
        faces = np.stack([cv2.imread(str(crops / f"{i:02d}.png"))[:, :, ::-1] for i in range(12)])
        vectors = model.embed(faces).reshape(6, 2, -1).mean(axis=1)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    others = sorted(float(vectors[a] @ vectors[b]) for a, b in ((0, 2), (0, 4), (1, 5), (3, 4)))
    assert summary["threshold"] == pytest.approx(others[2], abs=1e-5)
