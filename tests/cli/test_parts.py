"""``score`` in parts and ``merge``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]


@pytest.fixture
def run(cli: Cli, crops: Path, recogniser: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Score the crops with some further arguments, three pictures a unit."""
    monkeypatch.setattr("fiqx_trt.faces.units.LOOSE", 3)
    monkeypatch.chdir(tmp_path)
    common = ("score", "crops", "--aligned", "--model", recogniser, "--precision", "fp32", "--threads", 1)
    return lambda *more: cli(*common, *more)


def test_a_folder_of_parts_and_its_merge(run: Cli, cli: Cli) -> None:
    assert run("--out", "whole.csv").code == 0
    done = run("--out", "run/")
    assert done.code == 0, done.err
    assert "run/: 12 ok; 4 of 4 units" in done.err
    assert sorted(path.name for path in Path("run").glob("part*")) == [
        f"part-{n:08d}.parquet" for n in range(4)
    ]
    assert cli("merge", "run/", "--out", "merged.csv").code == 0
    assert Path("merged.csv").read_bytes() == Path("whole.csv").read_bytes()
    first, second = (json.loads(Path(f"{name}.csv.meta.json").read_text()) for name in ("whole", "merged"))
    assert first["configuration_sha256"] == second["configuration_sha256"]
    assert "exists already" in cli("merge", "run/", "--out", "merged.csv").err
    assert cli("merge", "run/", "--out", "merged.csv", "--overwrite").code == 0


def test_an_engine_and_a_file(run: Cli) -> None:
    assert run("--out", "whole.csv").code == 0
    done = run("--out", "s.csv", "--engine", "local", "--workers", 2)
    assert done.code == 0, done.err
    assert Path("s.csv").read_bytes() == Path("whole.csv").read_bytes()
    assert not Path("s.csv.parts").exists()
    assert "s.csv exists already" in run("--out", "s.csv", "--engine", "local").err
    assert run("--out", "s.csv", "--engine", "local", "--overwrite").code == 0


def test_shares_make_a_run(run: Cli, cli: Cli) -> None:
    assert run("--out", "whole.csv").code == 0
    for own in (1, 2):
        done = run("--out", "run/", "--share", f"{own}/2")
        assert done.code == 0, done.err
    assert cli("merge", "run/", "--out", "merged.csv").code == 0
    assert Path("merged.csv").read_bytes() == Path("whole.csv").read_bytes()


def test_failed_rows_and_their_retry(run: Cli, cli: Cli) -> None:
    whole = Path("crops/03.png").read_bytes()
    Path("crops/03.png").write_bytes(b"damaged")
    assert run("--out", "run/").code == 3
    Path("crops/03.png").write_bytes(whole)
    assert run("--out", "run/", "--retry-failed").code == 0
    assert run("--out", "whole.csv").code == 0
    assert cli("merge", "run/", "--out", "merged.csv").code == 0
    assert Path("merged.csv").read_bytes() == Path("whole.csv").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--out", "s.csv", "--share", "1/2"), "a run with --share takes a folder of parts: give s.csv/"),
        (("--out", "s3://bucket/s.csv"), "an object store takes a folder of parts"),
        (("--out", "run/", "--share", "3/2"), "--share is '3/2'; give K/N"),
        (("--out", "run/", "--share", "1/2", "--engine", "local"), "--share is for runs without an engine"),
        (("--out", "run/", "--share", "1/2", "--overwrite"), "--overwrite with --share would remove"),
        (("--out", "s.csv", "--label", "cls"), "--label is for runs in parts; give a folder (--out s/)"),
        (("--out", "run/", "--engine", "slurm"), "--engine is 'slurm'; give one of local, ray"),
    ],
)
def test_wrong_usage(run: Cli, arguments: tuple[str, ...], words: str) -> None:
    result = run(*arguments)
    assert result.code == 2
    assert words in " ".join(result.err.split())
    assert not Path("run").exists()


def test_merging_what_is_no_run(run: Cli, cli: Cli) -> None:
    Path("empty").mkdir()
    result = cli("merge", "empty/", "--out", "s.csv")
    assert result.code == 1
    assert "empty/ holds no run" in result.err


def test_packing(run: Cli, cli: Cli) -> None:
    Path("crops/03.png").unlink()
    Path("crops/03.png").mkdir()
    assert cli("pack", "crops/*.png", "--out", "packed/").code == 0
    Path("list.txt").write_text("crops/00.png\nmissing.png\ncrops/01.png\ncrops/02.png\n")
    done = cli("pack", "@list.txt", "--out", "shards/", "--name", "faces", "--pictures", 2)
    assert done.code == 3
    assert "shards/: 3 pictures packed; 2 of 2 shards" in done.err
    assert "1 pictures could not be read and are left out; _fiqx/left-out-*.jsonl names them" in done.err
    assert "read them with 'shards/faces-{000000..000001}.tar'" in done.err
    assert cli("pack", "@list.txt", "--out", "shards/").code == 1
    assert cli("pack", "@list.txt", "--out", "shards/", "--name", "../x").code == 2
    assert (
        cli(
            "pack", "@list.txt", "--out", "shards/", "--name", "faces", "--pictures", 2, "--resume", "--quiet"
        ).code
        == 3
    )
