"""``engine build``, ``engine list`` and ``engine clear``: TensorRT engines before they are needed, and after."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from fiqx_trt.cli import groups as g
from fiqx_trt.cli.console import say, table
from fiqx_trt.cli.options import Device

if TYPE_CHECKING:
    from fiqx_trt.models import Model
    from fiqx_trt.runtime import Session

__all__ = ["build", "clear", "list_engines"]

Row = tuple[str, str, str, str]


def build(
    *,
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="Known model, or an ONNX or TensorFlow Lite file.")
    ],
    precision: Annotated[
        str, typer.Option(help="Arithmetic: auto, fp32, fp16. auto takes fp16 where probe faces agree.")
    ] = "auto",
    device: Device = "cuda",
    max_batch: Annotated[
        int | None, typer.Option("--max-batch", min=1, help="Rows of one native run; default: 32.")
    ] = None,
    passes: Annotated[
        int,
        typer.Option(
            min=2,
            help="Passes of SER-FIQ sampled; the head's engine takes those of eight faces, with --max-batch of one.",
            show_default=True,
        ),
    ] = 100,
    gradient: Annotated[
        bool, typer.Option(help="Build the engine of the gradient graph of plq, too.")
    ] = True,
    contract: g.ContractGroup,
) -> None:
    """Build a model's engines now: trunk, head, the embedding alone for Score-CAM, gradient for PLQ."""
    from fiqx_trt.models import load_model

    with load_model(
        model,
        backend="tensorrt",
        precision=precision,
        device=device,
        max_batch=max_batch,
        **contract.contract,
    ) as opened:
        rows = [_row(part, session) for part, session in _parts(opened, passes, gradient)]
    table("", ("part", "precision", "batch", "engine"), rows)


def list_engines(
    as_json: Annotated[bool, typer.Option("--json", help="Print the sidecar files as JSON.")] = False,
) -> None:
    """Print the engines in the cache. Needs no GPU."""
    from fiqx_trt.runtime.tensorrt.cache import EngineCache

    cache = EngineCache()
    entries = cache.entries()
    if as_json:
        typer.echo(json.dumps([{**e.about, "key": e.key, "nbytes": e.nbytes} for e in entries], indent=1))
        return
    rows = []
    for entry in entries:
        about = {name: str(value) for name, value in entry.about.items()}
        kind = f"{about.get('precision', '?')}, batch {about.get('batch', '?')}"
        where = f"{about.get('name', 'unreadable sidecar')}, TensorRT {about.get('tensorrt', '?')}"
        built = about.get("built", "")[:16].replace("T", " ")
        rows.append((entry.key[:12], about.get("label", "?"), kind, where, _size(entry.nbytes), built))
    table("", ("engine", "graph", "kind", "card and version", "size", "built"), rows)
    say(f"{len(entries)} engine{'' if len(entries) == 1 else 's'} in {cache.folder}")


def clear() -> None:
    """Delete all engines and timing caches; they are built again when they are needed."""
    from fiqx_trt.runtime.tensorrt.cache import EngineCache

    cache = EngineCache()
    count, nbytes = cache.clear()
    say(f"deleted {count} engine{'' if count == 1 else 's'}, {_size(nbytes)}, from {cache.folder}")


def _parts(model: Model, passes: int, gradient: bool) -> Iterator[tuple[str, Session]]:
    """Open every graph that the methods run, as they run it."""
    from fiqx_trt.explain.network import CamNetwork

    spec = model.spec
    taps = tuple(dict.fromkeys((spec.embedding, spec.pre_dropout, spec.features)))
    yield "trunk", model.session(taps)
    yield "head", model.head_session(passes)
    network = CamNetwork(model, None)
    yield "activations", network.extractor
    yield "embedding", network.embedder
    if gradient:
        from fiqx_trt.models.gradients import open_gradient

        yield "gradient", open_gradient(model, "l1")


def _row(part: str, session: Session) -> Row:
    note = next((note for note in session.notes if note.startswith("the engine ")), "")
    return part, session.precision, str(session.batch), note.removeprefix("the engine ")


def _size(nbytes: int) -> str:
    return f"{nbytes / 1e6:.1f} MB"
