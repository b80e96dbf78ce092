"""Runs of plq and cam that are interrupted, continued, repeated: the folder equals that of one run, byte for byte."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.files import arrays, contents
from support.pages import read_report

OPTIONS = {
    "plq": ("--gamma", 8, "--backend", "onnxruntime", "--threads", 1, "--batch", 2),
    "cam": ("--backend", "onnxruntime", "--precision", "fp32", "--threads", 1, "--batch", 2),
}
COMMANDS = pytest.mark.parametrize("command", sorted(OPTIONS))

#: Kills itself with half of a file written, the `sys.argv[1]`-th; the network waits for the files of the face before.
KILLED = """
import os, signal, sys
from itertools import count
calls, last = count(1), int(sys.argv.pop(1))
from fiqx_trt import files
def write_unsynced(path, data, whole=files.write_unsynced):
    if next(calls) == last:
        whole(path, data[: len(data) // 2])
        os.kill(os.getpid(), signal.SIGKILL)
    whole(path, data)
files.write_unsynced = write_unsynced
def write_atomic(path, data, private=False, temporary=None):
    with files.replacing(path, private=private, temporary=temporary) as file:
        if path.name == "report.html" and next(calls) == last:
            file.write(data[: len(data) // 2])
            file.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        file.write(data)
files.write_atomic = write_atomic
from fiqx_trt.runs import face_files
face_files.WAITING = 1
from fiqx_trt.cli.main import main
main(sys.argv[1:])
"""


def killed_at(number: int, *arguments: object) -> None:
    line = [sys.executable, "-c", KILLED, str(number), *map(str, arguments)]
    assert subprocess.run(line, check=False, timeout=600).returncode == -signal.SIGKILL


def partial_rows(table: Path) -> list[dict[str, str]]:
    lines = [line.split(",") for line in table.with_name(table.name + ".partial").read_text().splitlines()]
    return [dict(zip(lines[0], cells, strict=True)) for cells in lines[1:]]


@COMMANDS
def test_killed_and_resumed_is_the_same_folder(
    cli, crops: Path, recogniser: Path, tmp_path: Path, command: str
) -> None:
    (crops / "03-torn.png").write_bytes(b"\x89PNG")
    options = (command, crops, "--model", recogniser, "--aligned", *OPTIONS[command], "--quiet", "--out")
    assert cli(*options, tmp_path / "whole").code == 3
    out, rows = tmp_path / "out", []
    for number in (2, 13):
        killed_at(number, *options, out, "--resume")
        rows.append(partial_rows(out / f"{command}.csv"))
        for row in rows[-1]:
            if row["status"] == "ok":  # no row came before its files
                assert arrays(out / "maps" / row["maps"])["map"].max() <= 1
                assert (out / "pictures" / row["picture"]).read_bytes().endswith(b"\xff\xd9")
        assert contents(out) != contents(tmp_path / "whole")
    assert len(rows[1]) > len(rows[0])
    refused = cli(*options, out)
    assert refused.code == 1
    assert (
        f"{command}.csv.partial holds an unfinished run; use --resume to continue it, or --overwrite"
        in refused.err
    )
    assert cli(*options, out, "--resume").code == 3
    assert contents(out) == contents(tmp_path / "whole")
    assert json.loads((out / f"{command}.csv.meta.json").read_text())["resumed"] == 2


@COMMANDS
def test_killed_while_the_report_is_written(
    cli, crops: Path, recogniser: Path, tmp_path: Path, command: str
) -> None:
    options = (command, crops, "--model", recogniser, "--aligned", *OPTIONS[command], "--quiet", "--out")
    assert cli(*options, tmp_path / "whole").code == 0
    out = tmp_path / "out"
    killed_at(2 * 12 + 1, *options, out)
    assert (out / f"{command}.csv").exists()
    assert not (out / "report.html").exists()
    assert cli(*options, out, "--resume").code == 0
    assert contents(out) == contents(tmp_path / "whole")
    assert (out / "report.html").exists()


@COMMANDS
def test_retry_failed_does_only_the_failed_rows(
    cli, crops: Path, recogniser: Path, tmp_path: Path, command: str
) -> None:
    options = (command, crops, "--model", recogniser, "--aligned", *OPTIONS[command], "--quiet", "--out")
    assert cli(*options, tmp_path / "whole").code == 0
    whole = (crops / "04.png").read_bytes()
    (crops / "04.png").write_bytes(b"")
    out = tmp_path / "out"
    assert cli(*options, out).code == 3
    (crops / "04.png").write_bytes(whole)
    before = {
        file: file.stat().st_mtime_ns for folder in ("maps", "pictures") for file in (out / folder).iterdir()
    }
    assert cli(*options, out, "--retry-failed").code == 0
    assert contents(out) == contents(tmp_path / "whole")
    assert all(file.stat().st_mtime_ns == then for file, then in before.items())
    assert len(before) == 22


@COMMANDS
def test_a_complete_folder_is_left_alone(
    cli, crops: Path, recogniser: Path, tmp_path: Path, command: str
) -> None:
    out = tmp_path / "out"
    options = (command, crops, "--aligned", "--model", recogniser, *OPTIONS[command], "--quiet", "--out", out)
    assert cli(*options).code == 0
    before = {file: file.stat().st_mtime_ns for file in out.rglob("*")}
    for again in ("--resume", "--retry-failed"):
        assert cli(*options, again).code == 0
    weights = {"plq": ("signed", "l1"), "cam": ("uniform", "None")}[command]
    for changed, message in {
        ("--weights", weights[0]): f"{command}.weights was {weights[1]}, now {weights[0]}",
        ("--pictures", "png"): "files.pictures was jpg, now png",
        ("--no-maps",): "files.maps was True, now False",
    }.items():
        refused = cli(*options, "--resume", *changed)
        assert refused.code == 1
        assert refused.err.count("\n") == 1
        assert message in refused.err
        assert "give the old ones, or use --overwrite to start anew" in refused.err
    (crops / "0.png").write_bytes((crops / "01.png").read_bytes())
    refused = cli(*options, "--resume")
    assert (
        f"the inputs changed: input 1 of {command}.csv was '{crops / '00.png'}', now '{crops / '0.png'}'"
        in refused.err
    )
    refused = cli(*options, "--resume", "--overwrite")
    assert refused.code == 2
    assert "--resume, --overwrite and --retry-failed exclude each other; give one of them" in refused.err
    assert {file: file.stat().st_mtime_ns for file in out.rglob("*")} == before


def test_overwriting_that_was_killed_leaves_no_file_of_the_run_before(
    cli, crops: Path, recogniser: Path, tmp_path: Path
) -> None:
    options = ("--model", recogniser, *OPTIONS["plq"], "--quiet", "--out")
    assert cli("plq", crops / "11.png", "--aligned", *options, tmp_path / "whole").code == 0
    out = tmp_path / "out"
    assert cli("plq", crops, "--aligned", *options, out).code == 0
    table = (out / "plq.csv").read_bytes()
    killed_at(1, "plq", crops / "11.png", "--aligned", *options, out, "--overwrite")
    assert (out / "plq.csv").read_bytes() == table
    (out / "pictures" / "000004-04.jpg").write_bytes(b"not removed yet")
    assert cli("plq", crops / "11.png", "--aligned", *options, out, "--resume").code == 0
    assert contents(out) == contents(tmp_path / "whole")


def test_ctrl_c_finishes_the_rows_in_flight_and_says_how_to_resume(
    cli, crops: Path, recogniser: Path, tmp_path: Path
) -> None:
    for i in range(400):
        os.link(crops / f"{i % 12:02d}.png", crops / f"more-{i:03d}.png")
    options = ("plq", crops, "--aligned", "--model", recogniser, *OPTIONS["plq"], "--out", tmp_path / "out")
    # On a busy machine the run waits for this process, and not the other way round: else it may be done before the signal.
    line = ["nice", "-n", "10", sys.executable, "-m", "fiqx_trt", *map(str, options)]
    partial = tmp_path / "out" / "plq.csv.partial"
    with subprocess.Popen(line, stderr=subprocess.PIPE, text=True) as process:
        while not partial.exists() or partial.stat().st_size < 1500:
            time.sleep(0.005)
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=600)
    assert process.returncode == 130, err
    assert "stopping after the rows in flight" in err
    assert "interrupted; the same command with --resume goes on from here" in err
    assert "Traceback" not in err
    assert not (tmp_path / "out" / "report.html").exists()
    kept = {row["maps"] for row in partial_rows(tmp_path / "out" / "plq.csv")}
    assert kept == {file.name for file in (tmp_path / "out" / "maps").iterdir()}
    assert cli(*options, "--quiet", "--resume").code == 0
    assert len(list((tmp_path / "out" / "pictures").iterdir())) == 412
    read_report(tmp_path / "out")


def test_pictures_never_become_inputs(cli, crops: Path, recogniser: Path) -> None:
    result = cli("plq", crops, "--aligned", "--model", recogniser, *OPTIONS["plq"], "--out", crops / "out")
    assert result.code == 2
    assert f"would become inputs, because it lies in {crops}; give another --out" in result.err
    assert result.err.count("\n") == 1
    assert not (crops / "out" / "plq.csv.partial").exists()
