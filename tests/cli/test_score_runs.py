"""Runs of ``score`` that are killed, stopped or repeated: what a table keeps, and how the rest of its rows is had."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import cv2
import pytest

from support.files import csv_rows
from support.nets import noise_faces
from support.score import command


def test_retry_failed_does_only_the_failed_rows(cli, crops: Path, recogniser: Path, tmp_path: Path) -> None:
    cli("score", crops, "--aligned", "--out", tmp_path / "want.csv", "--model", recogniser, "-q")
    content = (crops / "04.png").read_bytes()
    (crops / "04.png").write_bytes(b"")
    assert (
        cli("score", crops, "--aligned", "--out", tmp_path / "s.csv", "--model", recogniser, "-q").code == 3
    )
    (crops / "04.png").write_bytes(content)
    assert (
        cli(f"score {crops} --aligned --out {tmp_path}/s.csv --model {recogniser} -q --retry-failed").code
        == 0
    )
    assert (tmp_path / "s.csv").read_bytes() == (tmp_path / "want.csv").read_bytes()


def test_an_existing_table_is_not_touched(cli, crops: Path, recogniser: Path, tmp_path: Path) -> None:
    cli("score", crops, "--aligned", "--out", tmp_path / "s.csv", "--model", recogniser, "-q")
    before = (tmp_path / "s.csv").read_bytes()
    result = cli(f"score {crops} --aligned --out {tmp_path}/s.csv --model {recogniser} -q --dropout 0.3")
    assert result.code == 1
    assert "exists already; use --resume to continue it, or --overwrite" in result.err
    result = cli(
        f"score {crops} --aligned --out {tmp_path}/s.csv --model {recogniser} -q --dropout 0.3 --resume"
    )
    assert result.code == 1
    assert "serfiq.dropout was 0.5, now 0.3" in result.err
    assert (tmp_path / "s.csv").read_bytes() == before
    assert (
        cli(
            f"score {crops} --aligned --out {tmp_path}/s.csv --model {recogniser} -q --dropout 0.3 --overwrite"
        ).code
        == 0
    )
    assert (tmp_path / "s.csv").read_bytes() != before


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_killed_and_resumed_is_the_same_file(tmp_path: Path, recogniser: Path, suffix: str) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for index, face in enumerate(noise_faces(300)):
        cv2.imwrite(str(folder / f"{index:03d}.png"), face[:, :, ::-1])
    options = (
        folder,
        "--model",
        recogniser,
        "--batch",
        4,
        "--threads",
        1,
        "--estimator",
        "sampled",
        "--passes",
        400,
    )
    subprocess.run(command(*options, "--out", tmp_path / f"want.{suffix}"), check=True)
    out, partial = tmp_path / f"s.{suffix}", tmp_path / f"s.{suffix}.partial"
    kills, size = 0, 0
    for _ in range(5):
        process = subprocess.Popen(command(*options, "--out", out, "--resume"))
        while process.poll() is None and not (partial.exists() and partial.stat().st_size > size + 3000):
            time.sleep(0.002)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.wait()
        if out.exists():
            break
        size = partial.stat().st_size
    subprocess.run(command(*options, "--out", out, "--resume"), check=True)
    assert kills >= 3
    assert out.read_bytes() == (tmp_path / f"want.{suffix}").read_bytes()


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_finishes_the_rows_in_flight_and_says_how_to_resume(
    tmp_path: Path, recogniser: Path, sent: signal.Signals, code: int
) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for index, face in enumerate(noise_faces(400)):
        cv2.imwrite(str(folder / f"{index:03d}.png"), face[:, :, ::-1])
    out = tmp_path / "s.csv"
    line = command(
        folder, "--model", recogniser, "--batch", 4, "--estimator", "sampled", "--passes", 400, "--out", out
    )[:-1]
    process = subprocess.Popen(line, stderr=subprocess.PIPE, text=True)
    while not (tmp_path / "s.csv.partial").exists() or (tmp_path / "s.csv.partial").stat().st_size < 1000:
        time.sleep(0.005)
        assert process.poll() is None
    process.send_signal(sent)
    _, err = process.communicate(timeout=600)
    assert process.returncode == code, err
    assert "stopping after the rows in flight" in err
    assert "the same command with --resume goes on from here" in err
    assert "Traceback" not in err
    assert subprocess.run([*line, "--resume"], capture_output=True, check=False).returncode == 0
    assert len(csv_rows(out)) == 400


def test_an_output_folder_that_vanishes_ends_the_run(tmp_path: Path, recogniser: Path, crops: Path) -> None:
    folder = tmp_path / "out"
    out = folder / "s.csv"
    slow = ("--batch", 1, "--estimator", "sampled", "--passes", 5000)
    line = command(crops, crops, crops, crops, "--model", recogniser, *slow, "--out", out)[:-1]
    process = subprocess.Popen(["nice", "-n", "10", *line], stderr=subprocess.PIPE, text=True)
    while not (folder / "s.csv.partial").exists() or (folder / "s.csv.partial").stat().st_size < 300:
        time.sleep(0.005)
        assert process.poll() is None
    folder.rename(tmp_path / "gone")
    _, err = process.communicate(timeout=600)
    assert process.returncode == 1, err
    assert "Traceback" not in err
    assert err.count("error: ") == 1
    assert "s.csv.partial was removed or moved while rows were written to it" in err.splitlines()[-1]
    assert "--resume" not in err  # nothing was kept
    assert (
        len((tmp_path / "gone" / "s.csv.partial").read_bytes().splitlines()) < 30
    )  # it did not go on to the end
    assert not folder.exists()
