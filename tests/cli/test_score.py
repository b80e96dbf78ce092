"""``score``: its rows and metadata, from folders, shards and names on standard input, and wrong usage in one line."""

from __future__ import annotations

import json
import os
import subprocess
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet
import pytest

from fiqx_trt.models import load_model
from fiqx_trt.quality.serfiq import serfiq
from fiqx_trt.runtime import machine
from support.files import csv_rows
from support.nets import noise_faces, save, small_recogniser
from support.score import command


def test_rows_hold_what_the_library_computes(cli, crops: Path, recogniser: Path, tmp_path: Path) -> None:
    out = tmp_path / "s.csv"
    result = cli(
        f"score {crops} --aligned --out {out} --model {recogniser} --precision fp32 --method serfiq --method magface"
    )
    assert result.code == 0, result.err
    rows = csv_rows(out)
    assert [Path(row["path"]).name for row in rows] == [f"{index:02d}.png" for index in range(12)]
    with load_model(recogniser, precision="fp32") as model:
        quality = serfiq(model, noise_faces(12))
    assert [float(row["serfiq"]) for row in rows] == quality.raw.tolist()
    assert quality.scaled is not None
    assert [float(row["serfiq_scaled"]) for row in rows] == quality.scaled.tolist()
    assert all(float(row["magface"]) > 0 and row["status"] == "ok" and not row["error"] for row in rows)
    assert "12 ok" in result.err
    assert "small on openvino, cpu, fp32" in result.err
    if missing := machine.cuda_missing():
        assert f"not used: tensorrt on cuda, torch on cuda: {missing}" in result.err


def test_metadata_names_everything_that_changes_a_number(
    cli, crops: Path, recogniser: Path, tmp_path: Path
) -> None:
    cli(
        f"score {crops} --aligned --out {tmp_path}/s.csv --model {recogniser} --estimator sampled --passes 20"
    )
    meta = json.loads((tmp_path / "s.csv.meta.json").read_text())
    assert meta["state"] == "complete"
    assert meta["counts"] == {"ok": 12}
    parameters = meta["parameters"]
    assert parameters["serfiq.estimator"] == "sampled"
    assert parameters["serfiq.passes"] == 20
    assert parameters["serfiq.seed"] == 0
    assert parameters["model.mean"] == [127.5] * 3
    assert parameters["model.alpha"] == 100.0
    assert len(meta["model_sha256"]) == len(meta["configuration_sha256"]) == 64


def test_formats_hold_the_same_rows(cli, crops: Path, recogniser: Path, tmp_path: Path) -> None:
    for suffix in ("csv", "jsonl", "parquet"):
        assert (
            cli(
                "score", crops, "--aligned", "--out", tmp_path / f"s.{suffix}", "--model", recogniser, "-q"
            ).code
            == 0
        )
    from_csv = [float(row["serfiq"]) for row in csv_rows(tmp_path / "s.csv")]
    from_json = [json.loads(line)["serfiq"] for line in (tmp_path / "s.jsonl").read_text().splitlines()]
    from_parquet = pyarrow.parquet.read_table(tmp_path / "s.parquet").column("serfiq").to_pylist()
    assert from_csv == from_json == from_parquet


@pytest.mark.law
def test_neither_batch_nor_threads_nor_order_change_a_digit(
    cli, crops: Path, recogniser: Path, tmp_path: Path
) -> None:
    tables = []
    for name, options in {"a": (), "b": ("--batch", 1), "c": ("--batch", 5, "--threads", 1)}.items():
        cli(
            "score",
            crops,
            "--aligned",
            "--out",
            tmp_path / f"{name}.csv",
            "--model",
            recogniser,
            "-q",
            *options,
        )
        tables.append((tmp_path / f"{name}.csv").read_bytes())
    assert tables[0] == tables[1] == tables[2]
    files = sorted(crops.iterdir(), reverse=True)
    cli("score", *files, "--aligned", "--out", tmp_path / "r.csv", "--model", recogniser, "-q")
    by_path = {row["path"]: row["serfiq"] for row in csv_rows(tmp_path / "r.csv")}
    assert by_path == {row["path"]: row["serfiq"] for row in csv_rows(tmp_path / "a.csv")}


@pytest.fixture
def messy(crops: Path) -> Path:
    """Bad files among good ones; the first in order is bad."""
    (crops / "00-empty.png").write_bytes(b"")
    (crops / "03-torn.png").write_bytes((crops / "03.png").read_bytes()[:300])
    (crops / "05-text.jpg").write_text("not a picture")
    cv2.imwrite(str(crops / "06-dot.png"), np.zeros((1, 1, 3), np.uint8))
    cv2.imwrite(str(crops / "07-wide.png"), np.zeros((2, 30_000, 3), np.uint8))
    (crops / "08, with comma\nand newline.png").write_bytes((crops / "08.png").read_bytes())
    (crops / "sub").mkdir()
    (crops / "sub" / "loop").symlink_to(crops)
    (crops / "sub" / "ünï.PNG").write_bytes((crops / "01.png").read_bytes())
    return crops


def test_bad_files_are_rows_and_the_others_keep_their_scores(
    cli, messy: Path, recogniser: Path, tmp_path: Path
) -> None:
    good = sorted(path for path in messy.iterdir() if path.stem.isdigit())
    cli("score", *good, "--aligned", "--out", tmp_path / "good.csv", "--model", recogniser, "-q")
    result = cli("score", messy, "--out", tmp_path / "s.csv", "--model", recogniser, "--aligned")
    assert result.code == 3
    rows = csv_rows(tmp_path / "s.csv")
    status = {Path(row["path"]).name: row["status"] for row in rows}
    assert status.pop("00-empty.png") == "decode_error"
    assert status.pop("03-torn.png") == "decode_error"
    assert status.pop("05-text.jpg") in ("decode_error", "unsupported")
    assert status.pop("06-dot.png") == "too_small"
    assert status.pop("07-wide.png") == "too_small"
    assert set(status.values()) == {"ok"}
    assert "ünï.PNG" in status
    assert "08, with comma\nand newline.png" in status
    assert len(rows) == len({row["path"] for row in rows}) == 19
    failed = [row for row in rows if row["status"] != "ok"]
    assert all(row["error"] and not row["serfiq"] and not row["serfiq_scaled"] for row in failed)
    scores = {row["path"]: row["serfiq"] for row in rows}
    assert all(scores[row["path"]] == row["serfiq"] for row in csv_rows(tmp_path / "good.csv"))
    assert "says why rows failed" in result.err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nowhere"], 2, "no such file or folder: 'nowhere'"),
        (["CROPS", "--method", "beauty"], 2, "no quality method is called 'beauty'"),
        (
            ["CROPS", "--estimator", "sampled", "--passes", "1"],
            2,
            "passes is 1; give an integer of at least 2",
        ),
        (
            ["CROPS", "--passes", "50"],
            2,
            "the closed form has no passes and no seed; leave --passes and --seed out",
        ),
        (["CROPS", "--seed", "0"], 2, "or give --estimator sampled with them"),
        (["CROPS", "--distance", "paper"], 2, "the closed form has no number of passes"),
        (["CROPS", "--mean", "a,b"], 2, "--mean is 'a,b'; give one number, or three with commas between"),
        (["CROPS", "--backend", "tensorrt"], 1, "tensorrt"),
        (["CROPS", "--device", "cuda"], 1, "cuda"),
        (["CROPS", "--aligned", "--detector", "mtcnn"], 2, "--aligned and --detector contradict each other"),
        (["CROPS", "--resume", "--overwrite"], 2, "exclude each other"),
        (["CROPS", "--model", "nothing.onnx"], 1, "neither a file nor a known model"),
        (["CROPS", "--faces", "some"], 2, "some"),
        (["CROPS", "--template", "oval"], 2, "oval"),
    ],
)
def test_wrong_usage_is_one_line(cli, crops, recogniser, tmp_path, arguments, code, message) -> None:
    named = [str(crops) if argument == "CROPS" else argument for argument in arguments]
    model = [] if "--model" in named else ["--model", recogniser]
    result = cli("score", *named, *model, "--out", tmp_path / "s.csv")
    assert result.code == code, result.err
    lines = result.err.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    assert message in lines[0]
    assert not (tmp_path / "s.csv").exists()


def test_unknown_suffix_of_the_output(cli, crops: Path, recogniser: Path, tmp_path: Path) -> None:
    result = cli("score", crops, "--aligned", "--model", recogniser, "--out", tmp_path / "s.txt")
    assert result.code == 1
    assert ".csv" in result.err
    assert ".parquet" in result.err


def test_an_output_below_a_file_cannot_be_written(cli, crops: Path, recogniser: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = cli("score", crops, "--aligned", "--model", recogniser, "--out", tmp_path / "file" / "s.csv")
    assert result.code == 1
    assert result.err.count("\n") == 1


def test_a_network_without_an_image_is_one_line(cli, crops: Path, tmp_path: Path) -> None:
    from fiqx_trt.onnx_export.graphs.builder import GraphBuilder

    graph = GraphBuilder("vector")
    graph.node("MatMul", ["x", graph.constant("w", np.ones((3, 4), np.float32))], "embedding")
    path = save(graph.model({"x": ("N", 3)}, {"embedding": ("N", 4)}), tmp_path / "vector.onnx")
    result = cli("score", crops, "--aligned", "--model", path, "--out", tmp_path / "s.csv")
    assert result.code == 1
    assert result.err.startswith("error: ")
    assert result.err.count("\n") == 1
    assert "image" in result.err


def test_names_on_standard_input(tmp_path: Path, crops: Path, recogniser: Path) -> None:
    names = b"\0".join(os.fsencode(path) for path in sorted(crops.iterdir())) + b"\0"
    line = command("-", "-0", "--model", recogniser, "--out", tmp_path / "s.csv")
    subprocess.run(line, input=names, check=True)
    assert len(csv_rows(tmp_path / "s.csv")) == 12


def test_every_development_photo_has_a_row(
    cli, shared_faces: Path, tmp_path: Path, mobilefacenet_file: Path
) -> None:
    result = cli("score", shared_faces, "--out", tmp_path / "s.csv", "--faces", "all")
    assert result.code == 3
    rows = csv_rows(tmp_path / "s.csv")
    pictures = [path for path in shared_faces.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png")]
    assert {row["path"] for row in rows} == {str(path) for path in pictures}
    assert sum(row["status"] == "ok" for row in rows) > 45
    for row in rows:
        filled = bool(row["serfiq"]) and bool(row["x0"])
        assert filled == (row["status"] == "ok")


def test_a_small_model_is_scored_with_static_batch(cli, crops: Path, tmp_path: Path) -> None:
    path = save(small_recogniser(batch=1), tmp_path / "static.onnx")
    result = cli("score", crops, "--aligned", "--model", path, "--out", tmp_path / "s.csv")
    assert result.code == 0, result.err
    assert "guessed mean" in result.err


@pytest.fixture
def shards(crops: Path, tmp_path: Path) -> list[Path]:
    """The crops in two archives, webdataset style, one of them compressed."""
    paths = [tmp_path / "shard-0.tar", tmp_path / "shard-1.tar.gz"]
    for number, path in enumerate(paths):
        with tarfile.open(path, "w:gz" if number else "w", format=tarfile.GNU_FORMAT) as archive:
            for file in sorted(crops.iterdir())[6 * number : 6 * number + 6]:
                archive.add(file, file.name)
                archive.addfile(tarfile.TarInfo(f"{file.stem}.json"))
    return paths


def test_shards_have_the_scores_of_the_folder(
    cli, shards, crops: Path, recogniser: Path, tmp_path: Path
) -> None:
    cli("score", crops, "--aligned", "--out", tmp_path / "want.csv", "--model", recogniser, "-q")
    for options in (("--threads", 1), ("--threads", 4, "--batch", 5)):
        out = tmp_path / "s.csv"
        result = cli(
            "score", *shards, "--aligned", "--out", out, "--model", recogniser, "--overwrite", *options
        )
        assert result.code == 0, result.err
        names = [f"{shards[index // 6]}/{index:02d}.png" for index in range(12)]
        assert [row["path"] for row in csv_rows(out)] == names
        numbers = [{**row, "path": ""} for row in csv_rows(out)]
        assert numbers == [{**row, "path": ""} for row in csv_rows(tmp_path / "want.csv")]


def test_a_run_over_shards_is_resumed(shards, recogniser: Path, tmp_path: Path) -> None:
    """From every possible interruption: a table of the first rows of a finished one."""
    options = (*shards, "--model", recogniser, "--batch", 1)
    subprocess.run(command(*options, "--out", tmp_path / "want.csv"), check=True)
    want = (tmp_path / "want.csv").read_bytes()
    lines = want.splitlines(keepends=True)
    for rows in (2, 8):
        out = tmp_path / f"s{rows}.csv"
        out.with_name(out.name + ".partial").write_bytes(b"".join(lines[: rows + 1]))
        meta = json.loads((tmp_path / "want.csv.meta.json").read_text())
        meta.update(state="interrupted", finished=None)
        out.with_name(out.name + ".partial.meta.json").write_text(json.dumps(meta))
        done = subprocess.run(command(*options, "--out", out, "--resume"), capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        assert out.read_bytes() == want


def test_a_damaged_shard_is_one_row_and_the_others_keep_their_scores(
    cli, shards, recogniser: Path, tmp_path: Path
) -> None:
    cli("score", *shards, "--aligned", "--out", tmp_path / "want.csv", "--model", recogniser, "-q")
    torn = tmp_path / "torn.tar"
    torn.write_bytes(shards[0].read_bytes()[:600])
    result = cli("score", torn, *shards, "--aligned", "--out", tmp_path / "s.csv", "--model", recogniser)
    assert result.code == 3
    first, *others = csv_rows(tmp_path / "s.csv")
    assert first["path"] == f"{torn}/00.png"
    assert first["status"] == "decode_error"
    assert first["error"] == "the archive is cut off in the middle of this picture"
    assert others == csv_rows(tmp_path / "want.csv")


@pytest.mark.parametrize(("out", "suffix"), [("-", "csv"), ("-.jsonl", "jsonl")])
def test_standard_output_holds_the_rows_and_nothing_else(
    cli, crops: Path, recogniser: Path, tmp_path: Path, out: str, suffix: str
) -> None:
    (crops / "torn.png").write_bytes(b"\x89PNG")
    line = f"score {crops} --aligned --model {recogniser} --precision fp32"
    assert cli(f"{line} --out {tmp_path}/s.{suffix}").code == 3
    printed = cli(f"{line} --out {out}")
    assert printed.code == 3
    assert printed.out.encode() == (tmp_path / f"s.{suffix}").read_bytes()
    assert "standard output: 1 decode_error, 12 ok" in printed.err
    assert "serfiq: median" in printed.err
    quiet = cli(f"{line} --out {out} -q")
    assert (quiet.out, quiet.err) == (printed.out, "")
    for more, message in (
        ("--resume", "--resume, --overwrite and --retry-failed and --out - exclude each other"),
        (f"--page {tmp_path}/p", "--page and --out - exclude each other"),
    ):
        refused = cli(f"{line} --out {out} {more}")
        assert (refused.code, refused.out) == (2, "")
        assert message in refused.err
    assert "Parquet needs a file" in cli(f"{line} --out -.parquet").err
