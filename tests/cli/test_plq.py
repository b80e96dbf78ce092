"""The command plq: rows, maps, pictures, and inputs of every kind."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

import fiqx_trt as fx
from support.files import arrays, contents, csv_rows
from support.nets import noise_faces
from support.pages import read_report

OPTIONS = ("--gamma", 8.0, "--backend", "onnxruntime", "--threads", 1)


def maps_of(out: Path, row: dict[str, str]) -> dict[str, np.ndarray]:
    return arrays(out / "maps" / row["maps"])


def test_rows_maps_and_pictures_hold_what_the_library_computes(
    cli, crops: Path, recogniser: Path, tmp_path: Path
) -> None:
    out = tmp_path / "plq"
    result = cli("plq", crops, "--aligned", "--out", out, "--model", recogniser, *OPTIONS)
    assert result.code == 0, result.err
    rows = csv_rows(out / "plq.csv")
    assert [Path(row["path"]).name for row in rows] == [f"{index:02d}.png" for index in range(12)]
    with fx.load_model(recogniser, backend="onnxruntime", threads=1) as model:
        found = fx.plq(model, noise_faces(12), gamma=8.0)
    for i, row in enumerate(rows):
        stored = maps_of(out, row)
        np.testing.assert_array_equal(stored["map"], found.maps[i])
        np.testing.assert_array_equal(stored["saliency"], found.saliency[i])
        assert float(row["serfiq_scaled"]) == stored["quality"] == found.quality[i]
        assert str(stored["path"]) == row["path"]
        assert row["status"] == "ok"
        assert 0 <= float(row["plq_nose"]) <= 1
        picture = cv2.imread(str(out / "pictures" / row["picture"]))
        assert picture.shape[1] > 3 * 200
        assert "deviation" not in stored
        assert (row["low"], row["deviates"]) == ("", "")
    assert len({row["picture"] for row in rows}) == 12
    assert "does not know what is usual with the weighting l1" in result.err
    assert "run `fiqx-trt calibrate --weights l1` on typical faces" in result.err
    assert "12 ok" in result.err
    assert "gradients in fp32; per intensity, weighting l1, γ = 8" in result.err
    meta = json.loads((out / "plq.csv.meta.json").read_text())
    assert meta["parameters"]["plq.weights"] == "l1"
    assert meta["parameters"]["plq.gamma"] == 8.0


def test_pictures_show_face_map_and_overlay_without_rescaling(
    cli, crops: Path, recogniser: Path, tmp_path: Path
) -> None:
    out = tmp_path / "plq"
    cli(f"plq {crops}/00.png --aligned --out {out} --model {recogniser} --pictures png -q", *OPTIONS)
    row = csv_rows(out / "plq.csv")[0]
    stored = maps_of(out, row)["map"]
    picture = cv2.imread(str(out / "pictures" / row["picture"]))[:, :, ::-1].astype(float)
    from matplotlib import colormaps

    want = colormaps["cividis"](np.round(stored * 255).astype(np.uint8))[..., :3] * 255
    side = 8 * 32  # the panel's side: the nearest even multiple of 32 to 240 pixels
    top, left = 36, 12 + side + 12
    panel = picture[top : top + side, left : left + side][4::8, 4::8]
    np.testing.assert_allclose(panel, want, atol=2)
    face = picture[top : top + side, 12 : 12 + side][4::8, 4::8]
    assert np.abs(face - noise_faces(12)[0]).mean() < 3


def test_the_papers_colours_by_name(cli, crops: Path, recogniser: Path, tmp_path: Path) -> None:
    from matplotlib import colormaps

    given = ("plq", crops / "00.png", "--aligned", "--model", recogniser, "--pictures", "png", *OPTIONS, "-q")
    out = tmp_path / "paper"
    assert cli(*given, "--out", out, "--colors", "papers").code == 0
    row = csv_rows(out / "plq.csv")[0]
    picture = cv2.imread(str(out / "pictures" / row["picture"]))[:, :, ::-1].astype(float)
    want = colormaps["RdYlGn"](np.round(maps_of(out, row)["map"] * 255).astype(np.uint8))[..., :3] * 255
    side, top, left = 256, 36, 12 + 256 + 12
    np.testing.assert_allclose(picture[top : top + side, left : left + side][4::8, 4::8], want, atol=2)
    assert "Pixel-level quality P says how much each pixel serves the recogniser" in read_report(out).text
    assert "Red pixels (0) do not serve the recogniser, green ones (1) do" in read_report(out).text
    assert "smoothed (--smooth)" not in read_report(out).text
    assert cli(*given, "--out", tmp_path / "smooth", "--smooth", 2).code == 0
    assert (
        "The maps in the pictures are smoothed (--smooth): a Gaussian of 2 pixels"
        in read_report(tmp_path / "smooth").text
    )
    smoothed = csv_rows(tmp_path / "smooth" / "plq.csv")[0]
    np.testing.assert_array_equal(maps_of(tmp_path / "smooth", smoothed)["map"], maps_of(out, row)["map"])
    wrong = cli(*given, "--out", tmp_path / "other", "--colors", "rainbow")
    assert wrong.code == 2
    assert "--colors is 'rainbow'; choose one of uniform, papers" in wrong.err


@pytest.fixture
def messy(crops: Path) -> Path:
    """Bad files among good ones, and names that no file system likes twice."""
    (crops / "00-empty.png").write_bytes(b"")
    (crops / "05-text.jpg").write_text("not a picture")
    for name in ("08, with comma\nand newline.png", "ünï cödé.PNG", "-.png", "a" * 200 + ".png"):
        (crops / name).write_bytes((crops / "08.png").read_bytes())
    for folder in ("one", "two"):
        (crops / folder).mkdir()
        (crops / folder / "same.png").write_bytes((crops / "01.png").read_bytes())
    return crops


def test_bad_inputs_are_rows_and_names_do_not_collide(
    cli, messy: Path, recogniser: Path, tmp_path: Path
) -> None:
    out = tmp_path / "plq"
    result = cli("plq", messy, "--aligned", "--out", out, "--model", recogniser, *OPTIONS, "--batch", 4)
    assert result.code == 3
    rows = csv_rows(out / "plq.csv")
    status = {Path(row["path"]).name: row["status"] for row in rows}
    assert status.pop("00-empty.png") == "decode_error"
    assert status.pop("05-text.jpg") in ("decode_error", "unsupported")
    assert set(status.values()) == {"ok"}
    good = [row for row in rows if row["status"] == "ok"]
    files = {file.name for file in (out / "pictures").iterdir()}
    assert {row["picture"] for row in good} == files
    assert len(files) == len(good) == 18
    assert all(file.isascii() and len(file) < 100 for file in files)
    same = [maps_of(out, row)["map"] for row in good if row["path"].endswith("same.png")]
    np.testing.assert_array_equal(same[0], same[1])
    assert all(not row["serfiq_scaled"] and not row["picture"] for row in rows if row["status"] != "ok")


def test_where_no_picture_can_be_read_the_page_says_so(cli, mobilefacenet_file: Path, tmp_path: Path) -> None:
    """With a model that knows what is usual: no share of no faces is computed."""
    (tmp_path / "text.jpg").write_text("not a picture")
    assert cli("plq", tmp_path / "text.jpg", "--aligned", "--out", tmp_path / "out", "-q").code == 3
    assert "0 faces were explained; 1 row has none." in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.law
def test_batch_does_not_change_a_digit(cli, crops: Path, recogniser: Path, tmp_path: Path) -> None:
    for batch in (1, 5):
        cli(
            "plq",
            crops,
            "--aligned",
            "--out",
            tmp_path / str(batch),
            "--model",
            recogniser,
            *OPTIONS,
            "--batch",
            batch,
            "-q",
        )
    a, b = (tmp_path / str(batch) for batch in (1, 5))
    assert (a / "plq.csv").read_bytes() == (b / "plq.csv").read_bytes()
    assert contents(a) == contents(b)


def test_an_earlier_run_is_not_touched_and_overwriting_leaves_no_stale_file(
    cli, crops: Path, recogniser: Path, tmp_path: Path
) -> None:
    out = tmp_path / "plq"
    cli("plq", crops, "--aligned", "--out", out, "--model", recogniser, *OPTIONS, "-q")
    (out / "pictures" / "mine.jpg").write_bytes(b"kept")
    again = cli("plq", crops / "00.png", "--aligned", "--out", out, "--model", recogniser, *OPTIONS, "-q")
    assert again.code == 1
    assert "plq.csv exists already; use --resume to continue it, or --overwrite" in again.err
    assert (
        cli(f"plq {crops}/00.png --aligned --out {out} --model {recogniser} -q --overwrite", *OPTIONS).code
        == 0
    )
    assert sorted(f.name for f in (out / "pictures").iterdir()) == ["000000-00.jpg", "mine.jpg"]
    assert len(csv_rows(out / "plq.csv")) == 1


def test_without_maps_and_pictures(cli, crops: Path, recogniser: Path, tmp_path: Path) -> None:
    out = tmp_path / "plq"
    cli(f"plq {crops} --aligned --out {out} --model {recogniser} -q --no-maps --pictures none", *OPTIONS)
    assert sorted(f.name for f in out.iterdir()) == ["plq.csv", "plq.csv.meta.json", "report.html"]


def test_a_preset_brings_its_weighting(cli, crops: Path, recogniser: Path, tmp_path: Path) -> None:
    out = tmp_path / "plq"
    result = cli(
        f"plq {crops} --aligned --out {out} --model {recogniser} --preset arcface --backend onnxruntime"
    )
    assert "weighting sum, γ = 7.5" in result.err
    meta = json.loads((out / "plq.csv.meta.json").read_text())["parameters"]
    assert (meta["model.alpha"], meta["model.r"], meta["plq.gamma"]) == (130.0, 0.88, 7.5)
    bad = cli(f"plq {crops} --aligned --out {tmp_path}/x --model {recogniser} --preset arcface --weights l1")
    assert bad.code == 2
    assert "γ of the preset arcface belongs to the weighting 'sum'" in bad.err


def test_per_contrast_is_recorded_and_dark_and_flat_faces_are_marked(
    cli, crops: Path, recogniser: Path, tmp_path: Path
) -> None:
    picture = cv2.imread(str(crops / "00.png"))
    for index, changed in enumerate((picture // 6, picture // 64 + 150, 0 * picture, 0 * picture + 150)):
        cv2.imwrite(str(crops / f"{index:02d}.png"), changed)
    out = tmp_path / "plq"
    result = cli(
        "plq", crops, "--aligned", "--out", out, "--model", recogniser, *OPTIONS, "--per", "contrast"
    )
    assert result.code == 0, result.err
    assert "per contrast, weighting l1, γ = 8" in result.err
    assert json.loads((out / "plq.csv.meta.json").read_text())["parameters"]["plq.per"] == "contrast"
    rows = csv_rows(out / "plq.csv")
    assert [(row["dark"], row["flat"]) for row in rows] == [
        ("1", "0"),
        ("0", "1"),
        ("1", "1"),
        ("0", "1"),
    ] + 8 * [("0", "0")]
    assert [row["summary"] for row in rows[2:4]] == 2 * ["the picture is of one colour"]
    assert rows[0]["summary"].endswith("; the picture is dark")
    assert all(not maps_of(out, row)["map"].any() for row in rows[2:4])
    assert all(float(row["plq"]) == 0 for row in rows[2:4])
    assert float(rows[3]["grey"]) == pytest.approx(150)
    page = (out / "report.html").read_text()
    assert "2 faces are marked dark" in page
    assert "3 faces are marked flat" in page


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ((), 1, "has no γ, the scale of pixel quality; run `fiqx-trt calibrate --weights l1`"),
        (("--gamma", 8, "--weights", "l2"), 2, "weights is 'l2'; choose one of l1, sum, signed, exact"),
        (("--gamma", 8, "--pictures", "gif"), 2, "--pictures is 'gif'; choose one of jpg, png, none"),
        (("--gamma", 8, "--preset", "vgg"), 2, "no preset is called 'vgg'; there are arcface, facenet"),
        (
            ("--per", "contrast"),
            1,
            "has no γ, the scale of pixel quality; run `fiqx-trt calibrate --weights l1`",
        ),
        (("--per", "hue"), 2, "per is 'hue' (--per); choose one of intensity, contrast"),
        (
            ("--per", "contrast", "--preset", "arcface"),
            2,
            "belongs to the paper's definition, --per intensity",
        ),
        (("--gamma", 8, "--clip", 0), 2, "clip is 0.0; give a norm above 0"),
    ],
)
def test_errors_are_one_line(
    cli, crops: Path, recogniser: Path, tmp_path: Path, options, code: int, message: str
) -> None:
    result = cli(
        f"plq {crops} --aligned --out {tmp_path}/x --model {recogniser} --backend onnxruntime", *options
    )
    assert result.code == code
    assert message in result.err
    assert "Traceback" not in result.err
    assert not (tmp_path / "x" / "plq.csv").exists()


def test_calibrate_writes_gamma_and_plq_uses_it(cli, crops: Path, recogniser: Path, tmp_path: Path) -> None:
    result = cli(f"calibrate {crops} --aligned --model {recogniser} --backend onnxruntime --weights signed")
    assert result.code == 0, result.err
    assert "weights = signed" in result.out
    fields = json.loads(recogniser.with_suffix(".json").read_text())
    assert fields["gamma_weights"] == "signed"
    assert "γ for the weighting signed on the best 1 of 12" in fields["calibration"]
    assert set(fields["usual"]["regions"]) >= {"nose", "lower-face"}
    assert f"gamma_contrast = {fields['gamma_contrast']:g}" in result.out
    assert (fields["usual"]["faces"], fields["usual"]["weights"]) == (12, "signed")
    out = tmp_path / "plq"
    run = cli(
        f"plq {crops} --aligned --out {out} --model {recogniser} --backend onnxruntime --weights signed"
    )
    assert run.code == 0, run.err
    assert f"per contrast, weighting signed, γ = {fields['gamma_contrast']:g}" in run.err
    rows = csv_rows(out / "plq.csv")
    assert all(row["summary"] for row in rows)
    assert {row["deviates"] for row in rows} <= {"intensity", "contrast"}
    assert maps_of(out, rows[0])["deviation"].shape == (32, 32)
    page = (out / "report.html").read_text()
    assert "Look for orange" in page
    assert "was measured on 12 calibration faces" in page
    assert "does not know what is usual" not in run.err
    meta = json.loads((out / "plq.csv.meta.json").read_text())["parameters"]
    assert (meta["plq.usual.faces"], meta["plq.usual.alarm"]) == (12, fields["usual"]["alarm"])
    refused = cli(
        "plq", crops, "--aligned", "--out", tmp_path / "y", "--model", recogniser, "--backend", "onnxruntime"
    )
    assert "was measured with the weighting 'signed', not with 'l1'" in refused.err
