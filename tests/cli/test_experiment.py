"""The command experiment: rows, summaries and figures that agree with each other."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from support.files import csv_rows
from support.pages import read_report

OPTIONS = ("--backend", "onnxruntime", "--threads", 1, "--quiet")


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_masks(cli, crops: Path, recogniser: Path, tmp_path: Path) -> None:
    out = tmp_path / "masks"
    options = ("--model", recogniser, "--repeats", 2, "--sizes", "20,40", "--seed", 1, *OPTIONS)
    result = cli("experiment", "masks", crops, "--aligned", "--out", out, *options)
    assert result.code == 0, result.err
    figures = [
        f"{stem}.{suffix}" for stem in ("figure-5-masks", "figure-6-examples") for suffix in ("npz", "png")
    ]
    assert names(out) == sorted(["colors.csv", *figures, "masks.csv", "report.html", "summary.json"])
    rows, summary = csv_rows(out / "masks.csv"), json.loads((out / "summary.json").read_text())
    assert len(rows) == 12 * 2 * 2
    assert len(csv_rows(out / "colors.csv")) == 12 * 12
    for size in ("20", "40"):
        of_size = [row for row in rows if row["size"] == size]
        entry = summary["sizes"][size]
        assert entry["masks"] == len(of_size) == 24
        assert entry["quality_loss_positive"]["count"] == sum(float(r["quality_loss"]) > 0 for r in of_size)
        for name in ("l1", "sum", "signed", "exact"):
            inside = [float(r[f"loss_{name}_inside"]) for r in of_size]
            assert entry["weights"][name]["loss_inside_positive"]["count"] == sum(v > 0 for v in inside)
            assert entry["weights"][name]["mean_loss_inside"] == pytest.approx(np.mean(inside), abs=1e-5)
            with np.load(out / "figure-5-masks.npz") as data:
                np.testing.assert_array_equal(data[f"pixel quality, {name}__{size}"], inside)
    assert summary["pointing"] is None  # this model does not know what is usual
    assert len(summary["ranking"]) == 4
    assert len(summary["color_study"]["colors"]) == 12
    again = tmp_path / "again"
    cli("experiment", "masks", crops, "--aligned", "--out", again, *options)
    for name in ("masks.csv", "report.html"):
        repeated = (again / name).read_bytes().replace(bytes(again), bytes(out))  # the page names the command
        assert repeated == (out / name).read_bytes()
    page = read_report(out)
    share = summary["sizes"]["20"]["quality_loss_positive"]
    assert page.tables[0][1][:2] == ["20 px", "24"]
    assert (
        page.tables[0][1][2]
        == f"{100 * share['share']:.0f} % [{100 * share['low']:.0f}, {100 * share['high']:.0f}]"
    )
    assert len(page.tables[2]) == 13


def test_masks_per_contrast(cli, crops: Path, recogniser: Path, tmp_path: Path) -> None:
    out = tmp_path / "masks"
    options = (
        "--model",
        recogniser,
        "--sizes",
        20,
        "--weights",
        "l1",
        "--no-mask-colors",
        "--no-pointing",
        *("--colors", "papers", "--figure-format", "svg"),
        *OPTIONS,
    )
    gammas = {}
    for per in ("intensity", "contrast"):
        given = ("--per", per, "--repeats", 1, "--overwrite")
        result = cli("experiment", "masks", crops, "--aligned", "--out", out, *options, *given)
        assert result.code == 0, result.err
        parameters = json.loads((out / "summary.json").read_text())["parameters"]
        assert parameters["per"] == per
        gammas[per] = parameters["gammas"]["l1"]
        assert ("a square of one colour has none" in read_report(out).text) == (per == "contrast")
        assert (out / "figure-6-examples.svg").is_file()
        assert 'href="figure-6-examples.svg"' in (out / "report.html").read_text()
    assert gammas["contrast"] < gammas["intensity"]


def test_masks_of_good_faces_only(cli, crops: Path, recogniser: Path, tmp_path: Path) -> None:
    options = (
        "--model",
        recogniser,
        "--repeats",
        1,
        "--sizes",
        "20",
        "--no-mask-colors",
        "--weights",
        "l1",
        *OPTIONS,
    )
    cli("experiment", "masks", crops, "--aligned", "--out", tmp_path / "all", *options)
    quality = sorted(float(row["quality"]) for row in csv_rows(tmp_path / "all" / "masks.csv"))
    limit = (quality[8] + quality[9]) / 2
    cli(
        "experiment",
        "masks",
        crops,
        "--aligned",
        "--out",
        tmp_path / "good",
        *options,
        "--min-quality",
        limit,
    )
    assert len(csv_rows(tmp_path / "good" / "masks.csv")) == 3
    none = cli(
        "experiment", "masks", crops, "--aligned", "--out", tmp_path / "none", *options, "--min-quality", 1.1
    )
    assert none.code == 2
    assert "no face has a scaled quality of 1.1; lower --min-quality" in none.err


def test_inpaint(cli, crops: Path, recogniser: Path, tmp_path: Path) -> None:
    out = tmp_path / "inpaint"
    result = cli(
        "experiment",
        "inpaint",
        crops,
        "--aligned",
        "--out",
        out,
        "--model",
        recogniser,
        "--gamma",
        8,
        "--seeds",
        3,
        *OPTIONS,
    )
    assert result.code == 0, result.err
    rows, summary = csv_rows(out / "inpainting.csv"), json.loads((out / "summary.json").read_text())
    faces = len(rows) // 2
    assert faces + summary["without_region"] == 12
    for name, entry in summary["inpainters"].items():
        own = [row for row in rows if row["inpainter"] == name]
        for kind, column in (("paired", "paired_outcome"), ("as_printed", "outcome")):
            counts = {word: share["count"] for word, share in entry[kind].items()}
            assert counts == {word: [r[column] for r in own].count(word) for word in counts}
            assert sum(counts.values()) == faces
    assert {"figure-3-inpainting.png", "figure-4-examples.png", "figure-3-inpainting.npz"} <= set(names(out))
    page = read_report(out)
    assert len(page.pictures) == 2
    assert f"{summary['without_region']} of 12 faces have no low area" in page.text


def test_compare(cli, crops: Path, recogniser: Path, tmp_path: Path) -> None:
    out = tmp_path / "compare"
    result = cli(
        "experiment", "compare", crops / "03.png", crops / "04.png", crops / "05.png", "--aligned",
        "--out", out, "--model", recogniser, "--gamma", 8, *OPTIONS,
    )  # fmt: skip
    assert result.code == 0, result.err
    rows = csv_rows(out / "compare.csv")
    assert [row["name"] for row in rows] == ["03.png", "04.png", "05.png"]
    assert float(rows[0]["similarity"]) == pytest.approx(1, abs=1e-6)
    assert {float(rows[0][f"loss_{name}"]) for name in ("eyes", "nose")} == {0.0}
    assert float(rows[1]["loss_eyes"]) == pytest.approx(
        float(rows[0]["plq_eyes"]) - float(rows[1]["plq_eyes"])
    )
    summary = json.loads((out / "summary.json").read_text())
    assert summary["command_line"][1:4] == ["experiment", "compare", str(crops / "03.png")]
    contract = json.loads(recogniser.with_suffix(".json").read_text())
    assert {name: summary["contract"][name] for name in contract} == contract
    assert summary["contract"]["gamma"] == 8
    assert summary["model_sha256"] == hashlib.sha256(recogniser.read_bytes()).hexdigest()
    with np.load(out / "figure-7-compare.npz") as data:
        np.testing.assert_array_equal(data["faces"][0], cv2.imread(str(crops / "03.png"))[:, :, ::-1])
    page = read_report(out)
    assert [row[0] for row in page.tables[0]] == ["picture", "03.png (reference)", "04.png", "05.png"]
    assert page.tables[1][1][2] == f"{float(rows[1]['loss_eyes']):.2f}".replace("-", "−")


@pytest.mark.parametrize("command", ["compare", "inpaint"])
def test_the_paper_is_followed_unless_per_contrast_is_asked_for(
    cli, crops: Path, recogniser: Path, tmp_path: Path, command: str
) -> None:
    fields = {**json.loads(recogniser.with_suffix(".json").read_text()), "gamma": 8.0, "gamma_contrast": 6.0}
    recogniser.with_suffix(".json").write_text(json.dumps(fields))
    for asked, wanted in (((), ("intensity", 8.0)), (("--per", "contrast"), ("contrast", 6.0))):
        out = tmp_path / wanted[0]
        result = cli(
            "experiment", command, crops / "00.png", crops, "--aligned", "--out", out, "--model", recogniser, *asked, *OPTIONS
        )  # fmt: skip
        assert result.code == 0, result.err
        told = json.loads((out / "summary.json").read_text())["parameters"]
        assert (told["per"], told["gamma"]) == wanted
        assert ("Ŝ per contrast" in read_report(out).text) == bool(asked)


def test_the_report_holds_any_name_and_every_warning(
    cli, crops: Path, recogniser: Path, tmp_path: Path
) -> None:
    hostile = (crops / "04.png").rename(crops / "\"><script>alert('$x')\n&amp;.png")
    latin = (crops / "05.png").rename(crops / "caf\udce9.png")
    recogniser.with_suffix(".json").write_text('{"alpha": 100.0, "r": 0.5}')
    inputs = (crops / "03.png", hostile, latin)
    quiet = ("--gamma", 8, "--model", recogniser, *OPTIONS)
    result = cli("experiment", "compare", *inputs, "--aligned", "--out", tmp_path / "out", *quiet)
    assert result.code == 0, result.err
    page = read_report(tmp_path / "out")
    found = [row[0] for row in page.tables[0][1:]]
    assert found == ["03.png (reference)", "\"><script>alert('$x')\\n&amp;.png", "caf\\xe9.png"]
    warning = next(line for line in result.err.splitlines() if line.startswith("warning: "))
    assert "guessed" in warning
    assert warning.removeprefix("warning: ") in page.text


def test_deletion(cli, crops: Path, recogniser: Path, tmp_path: Path) -> None:
    out = tmp_path / "deletion"
    result = cli(
        "experiment", "deletion", crops, "--aligned", "--out", out, "--model", recogniser, "--gamma", 8, "--cells", 4,
        "--steps", 4, "--randoms", 2, "--limit", 5, "--map", "plq", "--map", "uniform", *OPTIONS,
    )  # fmt: skip
    assert result.code == 0, result.err
    rows, summary = csv_rows(out / "deletion.csv"), json.loads((out / "summary.json").read_text())
    orders = ["plq", "uniform", "mean plq", "mean uniform", "centre prior", "chance"]
    assert list(dict.fromkeys(row["order"] for row in rows)) == orders
    assert len(rows) == 5 * len(orders) * 3
    assert names(out) == [
        "areas-similarity.npz",
        "areas-similarity.png",
        "deletion.csv",
        "report.html",
        "summary.json",
    ]
    values = [float(r["insertion_similarity"]) for r in rows if (r["order"], r["fill"]) == ("plq", "blur")]
    found = next(
        one
        for one in summary["areas"]
        if (one["order"], one["fill"], one["measure"]) == ("plq", "blur", "similarity")
    )
    assert found["insertion"]["value"] == pytest.approx(np.mean(values))
    page = read_report(out)
    assert [row[0] for row in page.tables[0][1:]] == [name for name in orders for _ in range(3)]
    assert page.tables[0][2][1] == "blurred face"
    assert page.tables[0][2][3].startswith(f"{np.mean(values):.3f} [")
    assert len(summary["worth"]) == 2
    for line in summary["worth"]:
        assert line in page.text


def test_deletion_with_known_people_and_one_fill(cli, crops: Path, recogniser: Path, tmp_path: Path) -> None:
    people = tmp_path / "people.csv"
    rows = "".join(f"{file},{i // 2}\n" for i, file in enumerate(sorted(crops.iterdir())))
    people.write_text(f"path,identity\n{rows}")
    out = tmp_path / "deletion"
    options = ("--cells", 3, "--steps", 3, "--randoms", 1, "--limit", 4, "--map", "cam", "--fill", "blur")
    result = cli(
        *("experiment", "deletion", crops, "--aligned", "--out", out, "--model", recogniser),
        *("--identities", people, *options, *OPTIONS[:-1]),
    )
    assert result.code == 0, result.err
    found = csv_rows(out / "deletion.csv")
    assert len(found) == 4 * 4
    assert all(np.isfinite(float(row["deletion_genuine"])) for row in found)
    summary = json.loads((out / "summary.json").read_text())
    assert summary["people"] == 2
    assert [line.split(" ")[:2] for line in summary["worth"]][1] == ["cam", "for"]
    assert "cam for other pictures of the same person" in result.out + result.err
    assert (out / "areas-genuine.png").exists()


def test_an_earlier_experiment_is_not_touched(cli, crops: Path, recogniser: Path, tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text("{}")
    result = cli(
        "experiment", "masks", crops, "--aligned", "--out", tmp_path, "--model", recogniser, *OPTIONS
    )
    assert result.code == 1
    assert "summary.json exists already; give --overwrite to replace it, or another --out" in result.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("masks", "CROPS", "--sizes", "a"), "--sizes is 'a'; give pixels with commas between"),
        (("masks", "CROPS", "--sizes", "200"), "does not fit into the inner 90%"),
        (("masks", "CROPS", "--weights", "l7"), "weights is 'l7'; choose one of"),
        (("masks", "CROPS", "--limit", "3"), "3 usable qualities; a calibration needs at least 10 faces"),
        (("deletion", "EMPTY", "--gamma", "8"), "no face was found in the inputs; give pictures of faces"),
        (("deletion", "CROPS", "--map", "sun"), "map (--map) is 'sun'; choose from plq"),
        (("deletion", "CROPS", "--map", "uniform", "--fill", "sand"), "fill (--fill) is 'sand'; choose from"),
    ],
)
def test_errors_are_one_line(
    cli, crops: Path, recogniser: Path, tmp_path: Path, arguments, message: str
) -> None:
    empty = tmp_path / "empty.png"
    empty.write_bytes(b"")
    places = {"CROPS": crops, "EMPTY": empty}
    given = [places.get(argument, argument) for argument in arguments]
    result = cli("experiment", *given, "--aligned", "--out", tmp_path / "x", "--model", recogniser, *OPTIONS)
    assert result.code == 2, result.err
    assert message in result.err
    assert not (tmp_path / "x" / "summary.json").exists()


@pytest.mark.parametrize("kind", ["masks", "inpaint", "compare", "deletion"])
@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--tap", "embedding=nose", "no tensor 'nose' to use as embedding"),
        ("--input-size", "48x48", "input_size is 48x48 for the image input 'image'"),
        ("--color", "gray", "color is 'gray', but the image input 'image' has 3 channels"),
        ("--template", "nobody", "no alignment template named 'nobody'"),
        ("--std", "0", "a zero would divide by zero"),
        ("--mean", "1,2", "--mean is '1,2'; give one number, or three"),
    ],
)
def test_the_contract_of_the_model_can_be_stated(
    cli, crops: Path, recogniser: Path, tmp_path: Path, kind: str, option: str, value: str, message: str
) -> None:
    reference = [min(crops.iterdir())] if kind == "compare" else []
    result = cli(
        *("experiment", kind, *reference, crops, "--out", tmp_path / "out"),
        *("--model", recogniser, option, value, *OPTIONS),
    )
    assert result.code in (1, 2)
    assert message in result.err
    assert result.err.count("\n") == 1


def test_masks_say_whether_the_deviation_points(cli, crops: Path, recogniser: Path, tmp_path: Path) -> None:
    calibrated = cli("calibrate", crops, "--aligned", "--model", recogniser, "--backend", "onnxruntime")
    assert calibrated.code == 0, calibrated.err
    for name in ("08.png", "09.png"):
        (crops / name).unlink()
    out = tmp_path / "masks"
    options = (
        "--model",
        recogniser,
        "--repeats",
        1,
        "--sizes",
        "20",
        "--no-mask-colors",
        "--weights",
        "l1",
        *OPTIONS,
    )
    result = cli("experiment", "masks", crops, "--aligned", "--out", out, *options)
    assert result.code == 0, result.err
    found = json.loads((out / "summary.json").read_text())["pointing"]
    rows = csv_rows(out / "pointing.csv")
    assert len(rows) == 10 * 3 * 4
    for name, column in (("deviation", "deviation"), ("low P", "low_p"), ("change of P", "change_of_p")):
        areas = [float(r[column]) for r in rows if (r["side_percent"], r["kind"]) == ("30", "noise")]
        assert found["squares"]["30"]["noise"][name] == pytest.approx(np.mean(areas), abs=1e-4)
    words = [r for r in csv_rows(out / "regions.csv") if (r["region"], r["kind"]) == ("eyes", "black")]
    hits = sum("eyes" in r["named"].split() for r in words)
    assert found["regions"]["eyes"]["black"]["hit"]["count"] == hits
    page = read_report(out)
    assert "Where something is wrong" in page.headings
    assert f"{found['squares']['30']['noise']['deviation']:.2f}" in page.text
