"""``model list``, ``model fetch`` and ``model set``: the known models, their files, and what a sidecar states."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fiqx_trt.cli import groups as g
from fiqx_trt.cli.console import say, table
from fiqx_trt.errors import InvalidInputError

if TYPE_CHECKING:
    from fiqx_trt.zoo import KnownModel

__all__ = ["fetch", "known_facts", "list_models", "state"]

#: Seconds that an explicit fetch waits for an answer; a first use in passing waits less.
PATIENT = 30.0


def list_models(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print every entry with all that is known of it, as JSON.")
    ] = False,
) -> None:
    """Print the known models: recognisers, image-quality networks, detectors."""
    from fiqx_trt.models.known import present
    from fiqx_trt.zoo import models

    if as_json:
        entries = [{**dataclasses.asdict(entry), "present": present(entry)} for entry in models().values()]
        typer.echo(json.dumps(entries, indent=1, ensure_ascii=False))
        return
    rows = [_row(entry, present(entry)) for entry in models().values()]
    table("", ("name", "size", "licence", "here", "what"), rows, whole_names=True)
    typer.echo("* of the weights, and only with --accept-licence")


def _row(entry: KnownModel, here: bool) -> tuple[str, ...]:
    size = "–" if entry.bytes is None else entry.size
    kind = "" if entry.kind == "recogniser" else f"{entry.kind}: "
    mark = "*" if entry.consent else ""
    return entry.name, size, entry.licence_weights + mark, "yes" if here else "", kind + entry.about


def known_facts(entry: KnownModel) -> list[tuple[str, str, str]]:
    """Return what the table knows of a model beyond its contract: field, value, source."""
    facts = [("about", entry.about, ""), ("licence of the code", entry.licence_code, "")]
    if entry.consent:
        facts.append(("consent", entry.consent, ""))
    if entry.data:
        facts.append(("training data", entry.data, ""))
    return facts + [(figure.what, f"{figure.value:g}", figure.source) for figure in entry.figures]


def fetch(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name that `model list` prints.")],
    file: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="FILE",
            help="The file, brought by hand; no network is used.",
            show_default=False,
        ),
    ] = None,
    accept: Annotated[
        bool,
        typer.Option(
            "--accept-licence", help="Accept a licence that allows some uses only; kept with the date."
        ),
    ] = False,
) -> None:
    """Fetch a known model's file, verify it and keep it; say where it lies."""
    from fiqx_trt.zoo import fetch as fetch_entry
    from fiqx_trt.zoo.sources import Patience

    entry = _entry(name)
    fetched = fetch_entry(entry, accept_licence=accept, file=file, patience=Patience(answer=PATIENT))
    typer.echo(str(fetched.path) if fetched.path else "verified, but it cannot be kept: set FIQX_CACHE_DIR")


def _entry(name: str) -> KnownModel:
    import difflib

    from fiqx_trt.zoo import known, models

    entry = known(name)
    if entry is None:
        near = difflib.get_close_matches(name, models(), n=3, cutoff=0.5)
        hint = f"; names like it: {', '.join(near)}" if near else ""
        raise InvalidInputError(
            f"no known model is called {name!r}{hint}. `fiqx-trt model list` prints all of them"
        )
    return entry


def state(
    *,
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="Known model, or an ONNX or TensorFlow Lite file.")
    ],
    contract: g.ContractGroup,
    embedding: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The embedding's tensor; the same as --tap embedding=NAME."),
    ] = None,
    licence: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Licence of the weights.", show_default=False)
    ] = None,
) -> None:
    """State fields of a model's contract in its sidecar, so that no run has to guess or be told them.

    Scales of the quality are measured, by `fiqx-trt calibrate`.
    """
    from fiqx_trt.models.load import state_fields

    stated = contract.contract
    if embedding is not None and stated.setdefault("embedding", embedding) != embedding:
        raise InvalidInputError("--embedding and --tap embedding= name different tensors; give one of them")
    if licence is not None:
        stated["licence"] = licence
    if not stated:
        raise InvalidInputError(
            "nothing to state; give --mean, --std, --color, --template, --input-size, --tap …"
        )
    say(f"wrote {state_fields(model, stated)}: {', '.join(stated)}")
