"""The command ``fiqx-trt``: gathers the commands, turns errors into one line and an exit status."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import typer

from fiqx_trt import __version__, loading
from fiqx_trt.cli import (
    amva,
    assess,
    bench,
    calibrate,
    cam,
    demo,
    doctor,
    edc,
    engine,
    experiment,
    import_scores,
    known_models,
    merge,
    model,
    overlap,
    pack,
    plq,
    sample,
    score,
)
from fiqx_trt.cli.command_line import remember_arguments
from fiqx_trt.cli.console import complain, configure_logging
from fiqx_trt.cli.expand import expand_groups
from fiqx_trt.cli.names import ExampleGroup, ListingCommand
from fiqx_trt.cli.signals import Terminated, exit_code, terminable
from fiqx_trt.errors import ContradictionError, FiqxError, InvalidInputError, SourceError

__all__ = ["app", "main"]

T = TypeVar("T")

EXIT_FAILED, EXIT_USAGE = 1, 2

app = typer.Typer(
    name="fiqx-trt",
    cls=ExampleGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def guarded(command: Callable[..., T]) -> Callable[..., T]:
    """Show the options of a command's groups, and turn its errors into one line and an exit status.

    Tracebacks are shown only with ``--debug``.
    """
    command = expand_groups(command)

    @functools.wraps(command)
    def run(**values: Any) -> T:
        loading.end()
        try:
            with terminable():
                return command(**values)
        except KeyboardInterrupt as error:
            complain("terminated" if isinstance(error, Terminated) else "interrupted")
            raise typer.Exit(exit_code(error)) from None
        except (InvalidInputError, SourceError) as error:
            _reraise_in_debug()
            complain(str(error))
            code = EXIT_FAILED if isinstance(error, ContradictionError) else EXIT_USAGE
            raise typer.Exit(code) from None
        except (FiqxError, OSError, MemoryError) as error:
            _reraise_in_debug()
            complain(str(error) or type(error).__name__)
            raise typer.Exit(EXIT_FAILED) from None

    return run


def add(to: typer.Typer, name: str, command: Callable[..., object]) -> None:
    """Add a command."""
    to.command(name, cls=ListingCommand)(guarded(command))


def _reraise_in_debug() -> None:
    if os.environ.get("FIQX_DEBUG"):
        raise


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"fiqx-trt {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks of errors; may stand anywhere in the line.")
    ] = False,
) -> None:
    """Explain and measure face-image quality: what a face recogniser can do with a picture, and why."""


add(app, "demo", demo.demo)
add(app, "score", score.score)
add(app, "merge", merge.merge)
add(app, "pack", pack.pack)
add(app, "plq", plq.plq)
add(app, "cam", cam.cam)
add(app, "amva", amva.amva)
add(app, "edc", edc.edc)
add(app, "overlap", overlap.overlap)
add(app, "assess", assess.assess)
add(app, "calibrate", calibrate.calibrate)
add(app, "import", import_scores.import_scores)
add(app, "sample", sample.sample)
add(app, "doctor", doctor.doctor)
add(app, "bench", bench.bench)
experiment_app = typer.Typer(
    cls=ExampleGroup,
    no_args_is_help=True,
    help="Investigate pixel-level quality: random masks, inpainting, comparison, deletion.",
)
for investigation in (experiment.masks, experiment.inpaint, experiment.compare, experiment.deletion):
    add(experiment_app, investigation.__name__, investigation)
app.add_typer(experiment_app, name="experiment")
model_app = typer.Typer(
    cls=ExampleGroup,
    no_args_is_help=True,
    help="Known models: list and fetch them; look into any model, state its contract, convert it.",
)
add(model_app, "list", known_models.list_models)
add(model_app, "fetch", known_models.fetch)
add(model_app, "set", known_models.state)
add(model_app, "inspect", model.inspect)
add(model_app, "export", model.export)
app.add_typer(model_app, name="model")
engine_app = typer.Typer(
    cls=ExampleGroup, no_args_is_help=True, help="TensorRT engines: build them beforehand, list, delete."
)
add(engine_app, "build", engine.build)
add(engine_app, "list", engine.list_engines)
add(engine_app, "clear", engine.clear)
app.add_typer(engine_app, name="engine")


def main(argv: list[str] | None = None) -> None:
    """Run the command line; leaves with an exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if "--debug" in arguments:
        arguments.remove("--debug")
        os.environ["FIQX_DEBUG"] = "1"
    configure_logging()
    remember_arguments(arguments)
    app(arguments, prog_name="fiqx-trt")
