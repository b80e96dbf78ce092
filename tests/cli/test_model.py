from __future__ import annotations

import json
from pathlib import Path

import numpy as np

import fiqx_trt as fx
from support.nets import save, small_recogniser


def test_inspect_prints_taps_and_guesses(cli, tmp_path: Path) -> None:
    path = save(small_recogniser(), tmp_path / "small.onnx")
    result = cli("model", "inspect", path)
    assert result.code == 0
    for text in ("features", "N × 8 × 8 × 8", "pre_dropout", "N × 512", "guessed"):
        assert text in result.out
    assert "Guessed: mean, std, color, template" in result.err
    fields = json.loads(cli("model", "inspect", path, "--json").out)
    assert fields["input_size"] == [32, 32]


def test_export_writes_a_model_and_its_contract(cli, tmp_path: Path) -> None:
    out = tmp_path / "m.onnx"
    assert cli("model", "export", "mobilefacenet", "--random-weights", 3, "--out", out).code == 0
    with fx.load_model(out) as model:
        assert model.spec.guesses == ()
        assert model.embed(np.zeros((1, 112, 112, 3), np.uint8)).shape == (1, 512)
    usual = tmp_path / "usual"
    usual.touch()
    modes = {file.stat().st_mode for file in (usual, out, out.with_suffix(".json"))}
    assert len(modes) == 1  # a colleague can read them as any other file
    again = cli("model", "export", "mobilefacenet", "--random-weights", 3, "--out", out)
    assert again.code == 1
    assert "exists already; give --overwrite" in again.err


def test_export_refuses_in_one_line(cli, tmp_path: Path) -> None:
    out = tmp_path / "m.onnx"
    (tmp_path / "bad.pt").write_bytes(b"no state dict")
    for options, message in {
        ("resnet9000", "--random-weights", 0): "no architecture or built-in model is called 'resnet9000'",
        ("iresnet18",): "has no weights of its own; give --weights",
        ("dlib-resnet", "--random-weights", 0): "brings its own weights",
        ("iresnet18", "--weights", tmp_path / "bad.pt"): "bad.pt",
        ("iresnet18", "--weights", tmp_path / "bad.pt", "--random-weights", 0): "contradict each other",
    }.items():
        result = cli("model", "export", *options, "--out", out)
        assert result.code in (1, 2), options
        assert message in result.err
        assert result.err.count("\n") == 1
        assert not out.exists()
