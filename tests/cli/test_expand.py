"""A command names groups of options; the command line shows and reads them one by one."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Annotated

import click
import pytest
import typer
from typer.testing import CliRunner

from fiqx_trt.cli import amva, assess, bench, calibrate, cam, edc, experiment, overlap, plq, score
from fiqx_trt.cli.expand import expand_groups
from fiqx_trt.cli.groups import ContractGroup, ModelGroup
from fiqx_trt.cli.main import app

STUDIES = {
    "masks": experiment.masks,
    "inpaint": experiment.inpaint,
    "compare": experiment.compare,
    "deletion": experiment.deletion,
}
COMMANDS = {
    "amva": amva.amva,
    "assess": assess.assess,
    "bench": bench.bench,
    "calibrate": calibrate.calibrate,
    "cam": cam.cam,
    "edc": edc.edc,
    "overlap": overlap.overlap,
    "plq": plq.plq,
    "score": score.score,
    **STUDIES,
}

Size = Annotated[int, typer.Option(min=1, help="Size of it.")]


@dataclass(frozen=True)
class Base:
    size: int = 3
    hidden: str = "kept"


@dataclass(frozen=True)
class SizeGroup(Base):
    size: Size = 5
    turned: Annotated[bool, typer.Option("--turned/--upright")] = False


@dataclass(frozen=True, kw_only=True)
class NameGroup:
    names: Annotated[list[str], typer.Argument(metavar="NAME...")]


def paint(
    *,
    names: NameGroup,
    depth: Annotated[float, typer.Option()] = 0.5,
    shape: SizeGroup,
) -> None:
    """Paint names."""
    typer.echo(f"{names.names} {depth} {shape.size} {shape.turned} {shape.hidden}")


def run(*arguments: str) -> tuple[int, str]:
    app = typer.Typer()
    app.command()(expand_groups(paint))
    done = CliRunner().invoke(app, arguments)
    return done.exit_code, done.output


def test_a_group_is_built_of_its_options() -> None:
    assert run("a", "b") == (0, "['a', 'b'] 0.5 5 False kept\n")
    assert run("a", "--size", "7", "--turned", "--depth", "2") == (0, "['a'] 2.0 7 True kept\n")


def test_what_an_option_demands_is_checked() -> None:
    for wrong in ([], ["a", "--size", "0"], ["a", "--hidden", "x"], ["a", "--shape", "x"]):
        assert run(*wrong)[0] == 2


def test_help_lists_the_options_in_the_order_of_the_parameters() -> None:
    code, text = run("--help")
    assert code == 0
    places = [text.index(word) for word in ("Paint names.", "--depth", "--size", "Size of it.", "--upright")]
    assert places == sorted(places)


def test_a_name_that_comes_twice_is_refused() -> None:
    def twice(*, size: Size = 1, shape: SizeGroup) -> None: ...

    with pytest.raises(TypeError, match="twice has more than one option called size"):
        expand_groups(twice)


@pytest.mark.parametrize(
    "name",
    ["score", "plq", "cam", "amva", "edc", "assess", "bench", *(f"experiment {kind}" for kind in STUDIES)],
)
def test_a_command_that_opens_a_model_has_every_option_of_the_model(name: str) -> None:
    assert {field.name for field in fields(ModelGroup)} <= options_of(name)


@pytest.mark.parametrize("name", ["calibrate", "model set", "model inspect", "engine build"])
def test_a_command_about_a_model_itself_has_every_option_of_its_contract(name: str) -> None:
    assert {field.name for field in fields(ContractGroup)} <= options_of(name)


def options_of(name: str) -> set[str | None]:
    command: click.Command = typer.main.get_command(app)
    for part in name.split():
        command = command.commands[part]  # type: ignore[attr-defined]
    return {option.name for option in command.params}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_no_command_has_many_parameters_of_its_own(command: Callable[..., None]) -> None:
    assert len(inspect.signature(command).parameters) <= 20
