from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import fiqx_trt as fx
from reference.onnx_graphs import normal, parse
from support.nets import save, small_recogniser


def test_inspect_prints_taps_and_guesses(cli, tmp_path: Path) -> None:
    path = save(small_recogniser(), tmp_path / "small.onnx")
    result = cli("model", "inspect", path)
    assert result.code == 0
    for text in ("features", "N × 8 × 8 × 8", "pre_dropout", "N × 512", "guessed"):
        assert text in result.out
    assert "Guessed: mean, std, color, template (nothing before its first layer scales" in result.err
    fields = json.loads(cli("model", "inspect", path, "--json").out)
    assert fields["input_size"] == [32, 32]


def test_size_and_taps_are_stated_by_options(cli, crops: Path, tmp_path: Path) -> None:
    body = (
        "c = Conv<pads=[1,1,1,1], strides=[2,2]>(image, w) r = Relu(c) p = GlobalAveragePool(r) h = Flatten(p) "
        "one = Gemm(h, v) two = Gemm(h, u)"
    )
    weights = {"w": normal(6, 3, 3, 3), "v": normal(6, 4), "u": normal(6, 5, seed=1)}
    shapes = {"inputs": "float[N,3,H,W] image", "outputs": "float[N,4] one, float[N,5] two"}
    path = save(parse(body, weights, **shapes), tmp_path / "open.onnx")
    size = ("--input-size", "32x32")
    assert (
        "state the size that the network was trained for: --input-size HxW"
        in cli("model", "inspect", path).err
    )
    assert "several outputs could be the embedding" in cli("model", "inspect", path, *size).err
    fields = json.loads(cli("model", "inspect", path, *size, "--tap", "embedding=two", "--json").out)
    assert (fields["input_size"], fields["embedding"], fields["pre_dropout"]) == ([32, 32], "two", "h")
    out = tmp_path / "s.csv"
    stated = (*size, "--tap", "embedding=one", "--tap", "features=c")
    assert (
        cli("score", crops, "--aligned", "--model", path, "-o", out, "--method", "magface", *stated).code == 0
    )
    meta = json.loads(out.with_name("s.csv.meta.json").read_text())["parameters"]
    assert (meta["model.embedding"], meta["model.input_size"]) == ("one", [32, 32])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--input-size", "big"), "--input-size is 'big'; give height and width in pixels, such as 112x96"),
        (("--input-size", "0x5"), "--input-size is '0x5'"),
        (
            ("--tap", "embedding"),
            "--tap is 'embedding'; give each of image, embedding, pre_dropout, features once",
        ),
        (("--tap", "nose=x"), "--tap is 'nose=x'"),
        (("--tap", "image=image", "--tap", "image=x"), "--tap is 'image=x'"),
        (("--tap", "embedding=linaer"), "no tensor 'linaer' to use as embedding; similar names: 'linear'"),
        (("--input-size", "48"), "input_size is 48x48 for the image input 'image', but the graph's is 32x32"),
    ],
)
def test_wrong_sizes_and_taps_are_one_line(
    cli, tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    result = cli("model", "inspect", save(small_recogniser(), tmp_path / "small.onnx"), *options)
    assert result.code in (1, 2)
    assert message in result.err
    assert result.err.count("\n") == 1


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
        ("resnet9000", "--random-weights", 0): "no architecture or known model is called 'resnet9000'",
        ("iresnet18",): "has no weights of its own; give --weights",
        ("dlib-resnet", "--random-weights", 0): "has its own weights",
        ("iresnet18", "--weights", tmp_path / "bad.pt"): "bad.pt",
        ("iresnet18", "--weights", tmp_path / "bad.pt", "--random-weights", 0): "contradict each other",
    }.items():
        result = cli("model", "export", *options, "--out", out)
        assert result.code in (1, 2), options
        assert message in result.err
        assert result.err.count("\n") == 1
        assert not out.exists()
