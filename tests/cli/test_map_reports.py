"""The reports of plq and cam: what stands there is what stands in the table."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from fiqx_trt.text import visible
from support.files import arrays
from support.nets import noise_faces
from support.pages import Read, read_page, read_report

OPTIONS = {
    "plq": ("--gamma", 8, "--alpha", 20, "--r", 0.8, "--backend", "onnxruntime", "--threads", 1, "--quiet"),
    "cam": ("--backend", "onnxruntime", "--precision", "fp32", "--threads", 1, "--quiet"),
}
HOSTILE = [
    "<script>alert(1)<|script>.png",
    "two\nlines \u202egnp.png",
    "a\"b'c&d;.png",
    "caf\udce9.png",
    "--.png",
]


def table_of(out: Path, command: str) -> list[dict[str, str]]:
    with (out / f"{command}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def titles(read: Read, word: str) -> list[str]:
    return re.findall(rf"{word} −?(\d\.\d+)", read.text.partition("In the order of reading")[2])


@pytest.fixture
def many(crops: Path) -> Path:
    """Thirty faces, some of them with a name that wants to be something else, and what is no picture."""
    for index, face in enumerate(noise_faces(30)):
        cv2.imwrite(str(crops / f"{index:02d}.png"), face[:, :, ::-1])
    for name in HOSTILE:
        (crops / name).write_bytes((crops / "00.png").read_bytes())
    for index in range(5):
        (crops / f"{index}-<b>torn.png").write_bytes(b"\x89PNG")
    return crops


def test_the_report_of_plq(cli, many: Path, recogniser: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert cli("plq", many, "--aligned", "--model", recogniser, *OPTIONS["plq"], "--out", out).code == 3
    read = read_report(out)
    rows = [row for row in table_of(out, "plq") if row["status"] == "ok"]
    qualities = sorted(float(row["serfiq_scaled"]) for row in rows)
    assert read.headings[4:6] == ["The lowest qualities", "The highest qualities"]
    assert len(read.pictures) == 24
    assert titles(read, "quality") == [f"{q:.2f}" for q in [*qualities[:12], *qualities[:-13:-1]]]
    statuses, spreads = read.tables[:2]
    assert [row[:3] for row in statuses[1:]] == [["ok", "35", "88 %"], ["decode_error", "5", "12 %"]]
    assert statuses[2][4].count("<b>torn.png: ") == 3
    assert spreads[1][0] == "quality Q̂ (serfiq_scaled)"
    assert [spreads[1][1], spreads[1][7]] == [f"{qualities[0]:.2f}", f"{qualities[-1]:.2f}"]
    assert spreads[1][4] == f"{qualities[17]:.2f}"
    assert {row[-1] for row in spreads[1:]} == {"–"}
    for text in (
        "does not know what is usual with this weighting",
        "weighting w is l1 and γ = 8.",
        "Terhörst et al., Eq. 3 to 7",
    ):
        assert text in read.text
    assert {"plq.csv", "plq.csv.meta.json", "maps/", "pictures/"} <= set(read.links)
    assert str(tmp_path) not in read.text


@pytest.mark.parametrize("command", sorted(OPTIONS))
def test_names_stay_text(cli, many: Path, recogniser: Path, tmp_path: Path, command: str) -> None:
    for index in range(30):
        (many / f"{index:02d}.png").unlink()
    out = tmp_path / "out"
    assert cli(command, many, "--aligned", "--model", recogniser, *OPTIONS[command], "--out", out).code == 3
    read = read_report(out)
    assert "All faces" in read.headings
    for name in HOSTILE:
        assert visible(name) in read.text


def test_the_report_of_cam(cli, many: Path, recogniser: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(many / "even.png"), noise_faces(1)[0] * 0)
    out = tmp_path / "out"
    options = (
        "cam",
        many,
        "--aligned",
        "--model",
        recogniser,
        *OPTIONS["cam"],
        "--target",
        "norm",
        "--out",
        out,
    )
    assert cli(*options).code == 3
    read = read_report(out)
    rows = [row for row in table_of(out, "cam") if row["status"] == "ok"]
    found = sorted(float(row["uniform_correlation"]) for row in rows if row["uniform_correlation"])
    assert titles(read, "correlation") == [f"{abs(q):.3f}" for q in [*found[:12], *found[:-13:-1]]]
    mean = sum(found) / len(found)
    assert f"The maps correlate {mean:.4f} on average with the plain mean activation" in read.text
    assert "norm of the masked face's embedding" in read.text
    flat = sum(row["flat"] == "1" for row in rows)
    assert (f"{flat} of {len(rows)} maps have no contrast" in read.text) == bool(flat)


def test_differences_are_those_to_the_mean_of_the_stored_maps(
    cli, many: Path, recogniser: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    options = ("cam", many, "--aligned", "--model", recogniser, *OPTIONS["cam"], "--out", out)
    assert cli(*options).code == 3
    rows = [row for row in table_of(out, "cam") if row["status"] == "ok" and row["flat"] == "0"]
    stored = {row["path"]: arrays(out / "maps" / row["maps"])["map"].astype(np.float64) for row in rows}
    mean = sum(stored.values()) / len(stored)
    found = arrays(out / "differences.npz")
    np.testing.assert_allclose(found["mean"], mean, atol=1e-12)
    ranked = sorted(rows, key=lambda row: float(row["uniform_correlation"]))
    shown = [*ranked[:3], *ranked[-3:]]
    np.testing.assert_array_equal(found["maps"], [stored[row["path"]] for row in shown])
    np.testing.assert_allclose(found["differences"], found["maps"] - mean, atol=1e-12)
    read = read_report(out)
    assert "What is not in every map" in read.headings
    assert f"its ends are ±{np.abs(found['differences']).max():.2f}" in read.text
    before = (out / "differences.png").read_bytes()
    for name in ("differences.png", "differences.npz"):
        (out / name).unlink()
    assert cli(*options, "--resume").code == 3
    assert (out / "differences.png").read_bytes() == before
    alike = tmp_path / "alike"
    assert cli(*options[:-1], alike, "--weights", "uniform").code == 3
    first = [row for row in table_of(alike, "cam") if row["status"] == "ok" and row["flat"] == "0"][:6]
    want = [arrays(alike / "maps" / row["maps"])["map"] for row in first]
    np.testing.assert_array_equal(arrays(alike / "differences.npz")["maps"], want)
    bare = tmp_path / "bare"
    assert cli(*options[:-1], bare, "--no-maps", "--weights", "uniform").code == 3
    assert not list(bare.glob("differences*"))


def test_uniform_weights_are_called_so(cli, many: Path, recogniser: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ("--model", recogniser, *OPTIONS["cam"], "--weights", "uniform", "--out", out)
    assert cli("cam", many, "--aligned", *options).code == 3
    read = read_report(out)
    assert "Some faces" in read.headings
    assert len(read.pictures) == 13
    assert "With --weights uniform every map is the plain mean activation itself" in read.text
    assert "sₖ" not in read.text


def test_without_pictures_the_words_are_there(cli, crops: Path, recogniser: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ("--model", recogniser, *OPTIONS["plq"], "--no-maps", "--pictures", "none", "--out", out)
    assert cli("plq", crops, "--aligned", *options).code == 0
    read = read_page((out / "report.html").read_text(encoding="utf-8"))
    assert read.pictures == []
    assert len(titles(read, "quality")) == 12
    assert [link for link in read.links if link[0] != "#"] == ["plq.csv", "plq.csv.meta.json"]


def test_without_a_face_there_is_a_report(cli, tmp_path: Path, recogniser: Path) -> None:
    (tmp_path / "torn.png").write_bytes(b"\x89PNG")
    out = tmp_path / "out"
    options = ("--model", recogniser, *OPTIONS["plq"], "--out", out)
    assert cli("plq", tmp_path / "torn.png", *options).code == 3
    read = read_page((out / "report.html").read_text(encoding="utf-8"))
    assert "0 faces were explained; 1 row has none." in read.text


def test_missing_and_torn_pictures_are_left_out(cli, crops: Path, recogniser: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ("plq", crops, "--aligned", "--model", recogniser, *OPTIONS["plq"], "--out", out)
    assert cli(*options).code == 0
    (out / "pictures" / "000000-00.jpg").unlink()
    (out / "pictures" / "000001-01.jpg").write_bytes(b"")
    (out / "pictures" / "000002-02.jpg").write_bytes(b"torn")
    assert cli(*options, "--resume").code == 0
    assert len(read_report(out).pictures) == 9


def test_the_report_of_another_table_is_not_touched(
    cli, crops: Path, recogniser: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert cli("cam", crops, "--aligned", "--model", recogniser, *OPTIONS["cam"], "--out", out).code == 0
    before = (out / "report.html").read_bytes()
    for mode in ((), ("--resume",)):
        refused = cli("plq", crops, "--aligned", "--model", recogniser, *OPTIONS["plq"], "--out", out, *mode)
        assert refused.code == 1
        assert (
            f"{out / 'report.html'} exists already, of another table than plq.csv; give another --out"
            in refused.err
        )
    assert (out / "report.html").read_bytes() == before
    assert not (out / "plq.csv").exists()
