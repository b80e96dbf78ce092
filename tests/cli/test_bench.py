"""``bench`` measures what it names and says what it rests on."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest

from fiqx_trt.throughput.subjects import NAMES


def test_everything_on_synthetic_faces(cli, recogniser: Path, tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    options = ("--model", recogniser, "--precision", "fp32", "--seconds", 0.05, "--batch", 4, "--threads", 2)
    result = cli("bench", *options, "--json", file)
    assert result.code == 0, result.err
    assert "small on openvino, cpu, fp32; batch 4; 2 threads for the network, 2 that decode" in result.out
    assert "64 synthetic faces" in result.out
    assert "this machine's" in result.out
    measured = [name for name in NAMES if name != "detect"]  # the places of the faces are known
    for name in measured:
        assert f"\n{name} " in result.out
        assert f"warming up: {name}\n" in result.err
    content = json.loads(file.read_text())
    assert [subject["name"] for subject in content["subjects"]] == measured
    assert (content["backend"], content["device"], content["precision"]) == ("openvino", "cpu", "fp32")
    assert content["pictures"].startswith("64 synthetic faces")
    for subject in content["subjects"]:
        assert subject["error"] is None
        assert subject["images_per_second"] > 0
        assert subject["of_embed"] > 0
        rates = [round_["images_per_second"] for round_ in subject["rounds"]]
        assert min(rates) <= subject["images_per_second"] <= max(rates)
        assert subject["images"] >= len(rates)
    assert content["subjects"][0]["of_embed"] == 1.0


def test_given_pictures_and_a_choice(cli, crops: Path, recogniser: Path) -> None:
    options = ("--model", recogniser, "--seconds", 0.05, "--only", "score", "--only", "decode", "-q")
    result = cli("bench", crops, "--aligned", *options)
    assert result.code == 0, result.err
    assert result.err == ""
    assert [line.split()[0] for line in result.out.splitlines() if "│" in line] == [
        "embed",
        "decode",
        "score",
    ]
    assert "With the first 12 given pictures." in result.out
    assert "scorecam" not in result.out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--only", "beauty"], 2, "nothing to measure is called 'beauty'; there are embed, serfiq, serfiq-100, scorecam,"),
        (["--seconds", "0"], 2, "--seconds is 0; give more than 0"),
        (["--aligned"], 2, "--aligned, --detector, --min-face, --confidence and --column are about given pictures"),
        (["nowhere"], 2, "no such file or folder: 'nowhere'"),
        (["--backend", "tensorrt"], 1, "tensorrt"),
        (["--json", "JSON"], 1, "exists already; give --overwrite to replace it"),
        (["TORN", "--aligned"], 2, "none of the first 1 pictures can be measured with"),
    ],
)  # fmt: skip
def test_wrong_usage_is_one_line(cli, recogniser: Path, tmp_path: Path, arguments, code, message) -> None:
    (tmp_path / "b.json").write_text("{}")
    (tmp_path / "torn.jpg").write_bytes(b"torn")
    places = {"JSON": tmp_path / "b.json", "TORN": tmp_path / "torn.jpg"}
    result = cli("bench", *(places.get(argument, argument) for argument in arguments), "--model", recogniser)
    assert result.code == code, result.err
    (line,) = result.err.strip().splitlines()
    assert line.startswith("error: ")
    assert message in line
    assert (tmp_path / "b.json").read_text() == "{}"


def test_a_subject_that_cannot_run_is_named(cli, crops: Path, recogniser: Path, monkeypatch) -> None:
    from fiqx_trt.errors import DependencyError
    from fiqx_trt.throughput import subjects

    def absent(*_: object, **__: object) -> None:
        raise DependencyError("a package is missing")

    monkeypatch.setattr(subjects, "plq", absent)
    result = cli("bench", "--model", recogniser, "--seconds", 0.05, "--only", "plq", "--only", "serfiq", "-q")
    assert result.code == 0
    assert "plq was not measured: a package is missing" in result.out


def test_photos_are_searched(cli, recogniser: Path, tmp_path: Path) -> None:
    """Each step by itself, and together."""
    photo = cv2.resize(cv2.imread(str(_astronaut()))[:260, 100:360], (200, 200))
    cv2.imwrite(str(tmp_path / "photo.png"), photo)
    chosen = [part for name in ("decode", "detect", "align", "prepare") for part in ("--only", name)]
    file = tmp_path / "b.json"
    result = cli(
        "bench",
        tmp_path / "photo.png",
        "--model",
        recogniser,
        "--seconds",
        0.05,
        "--json",
        file,
        *chosen,
        "-q",
    )
    assert result.code == 0, result.err
    assert "decoding the given pictures, finding and aligning their faces" in result.out
    subjects = json.loads(file.read_text())["subjects"]
    rates = {subject["name"]: subject["images_per_second"] for subject in subjects}
    assert rates["align"] > rates["detect"]  # a hundred times


@pytest.mark.parametrize(
    ("name", "told"), [("detect", "are not searched for faces"), ("align", "are aligned already")]
)
def test_aligned_crops_are_neither_searched_nor_aligned(
    cli, crops: Path, recogniser: Path, name, told
) -> None:
    options = ("--model", recogniser, "--seconds", 0.05, "-q")
    result = cli("bench", crops, "--aligned", *options, "--only", name)
    assert result.code == 0, result.err
    assert f"{name} was not measured: these pictures {told}; name photographs" in " ".join(result.out.split())


def _astronaut() -> Path:
    from importlib.util import find_spec

    package = find_spec("skimage")
    assert package is not None
    assert package.origin is not None
    return Path(package.origin).parent / "data" / "astronaut.png"
