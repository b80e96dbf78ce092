"""``score --option METHOD.OPTION=VALUE``: reaches the method and the record, and says what is wrong in one line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from fiqx_trt.cli.main import app
from fiqx_trt.errors import DependencyError
from fiqx_trt.quality.brisque import default_model
from fiqx_trt.rows import RunMeta, meta_path, read_table


def test_an_option_is_the_same_as_its_own_name(cli, crops: Path, recogniser: Path, tmp_path: Path) -> None:
    line = ("score", crops, "--aligned", "--model", recogniser, "--quiet")
    named = cli(*line, "--dropout", 0.3, "--out", tmp_path / "a.csv")
    by_option = cli(*line, "--option", "serfiq.dropout=0.3", "--out", tmp_path / "b.csv")
    assert named.code == by_option.code == 0
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    one, other = (RunMeta.read(meta_path(tmp_path / name)) for name in ("a.csv", "b.csv"))
    assert one.configuration_sha256 == other.configuration_sha256
    assert one.parameters["serfiq.dropout"] == 0.3


def test_halving_of_brisque(cli, crops: Path, recogniser: Path, tmp_path: Path) -> None:
    try:
        default_model()
    except DependencyError as error:
        pytest.skip(str(error))
    line = ("score", crops, "--aligned", "--model", recogniser, "--method", "brisque", "--quiet")
    scores = []
    for halving in ("plain", "antialiased"):
        out = tmp_path / f"{halving}.csv"
        assert cli(*line, "--option", f"brisque.halving={halving}", "--out", out).code == 0
        assert RunMeta.read(meta_path(out)).parameters["brisque.halving"] == halving
        scores.append([row["brisque"] for row in read_table(out)])
    assert scores[0] != scores[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--option", "serfiq.dropout=2"),
            "serfiq.dropout is 2.0; give a number between 0 and 1, both excluded",
        ),
        (("--option", "serfiq.drop=2"), "serfiq has no option 'drop'; the options of serfiq are passes ("),
        (
            ("--option", "dropout"),
            "--option is 'dropout'; give METHOD.OPTION=VALUE (there are brisque.model, ",
        ),
        (
            ("--option", "brisque.halving=plain"),
            "options are given for 'brisque', which is not among the methods serfiq",
        ),
        (
            ("--method", "flip", "--dropout", "0.3"),
            "options are given for 'serfiq', which is not among the methods flip",
        ),
        (
            ("--dropout", "0.3", "--option", "serfiq.dropout=0.4"),
            "--dropout and --option serfiq.dropout say the same of two values; give one of them",
        ),
        (
            ("--option", "serfiq.passes=5"),
            "the closed form has no passes and no seed; leave --passes and --seed out",
        ),
    ],
)
def test_wrong_options(cli, tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    result = cli("score", tmp_path, *arguments, "--out", tmp_path / "a.csv")
    assert result.code == 2
    assert message in result.err
    assert result.err.count("\n") == 1


def command_paths(group: Any, *path: str) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from command_paths(command, *path, name)
        else:
            yield (*path, name)


def test_every_help_lists_names_where_they_are_meant(cli) -> None:
    """No placeholder is left in the help of any command."""
    paths = list(command_paths(typer.main.get_command(app)))
    assert ("experiment", "masks") in paths
    for path in paths:
        result = cli(*path, "--help")
        assert result.code == 0
        assert not re.search(r"\{(methods|detectors|formats|backends)\}", result.out), path
        for mark, name in (("--detector ", "yunet"), ("--backend ", "onnxruntime"), ("--option ", "serfiq")):
            assert mark not in result.out or name in result.out, path
