"""``model inspect`` and ``model export``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fiqx_trt.cli import groups as g
from fiqx_trt.cli import options as o
from fiqx_trt.cli.console import say, table, tell
from fiqx_trt.cli.known_models import known_facts
from fiqx_trt.errors import InvalidInputError

if TYPE_CHECKING:
    from fiqx_trt.models.spec import ModelSpec

__all__ = ["export", "inspect"]

#: Numbers of one list that are shown; of more it is said how many there are.
MOST_NUMBERS = 24


def inspect(
    *,
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="Known model, or an ONNX or TensorFlow Lite file.")
    ],
    contract: g.ContractGroup,
    as_json: Annotated[bool, typer.Option("--json", help="Print the sidecar as JSON.")] = False,
) -> None:
    """Print a model's taps and contract, and what of it was guessed."""
    from fiqx_trt.models.load import load_graph
    from fiqx_trt.onnx_export.graphs.taps import tensor_shapes
    from fiqx_trt.zoo import known

    spec, path, graph = load_graph(model, contract.contract)
    if as_json:
        typer.echo(json.dumps(json.loads(spec.to_json()), indent=2))  # ASCII: no name can steer a terminal
        return
    shapes, sentences = tensor_shapes(graph), _sentences(spec)
    rows = []
    for name, value in json.loads(spec.to_json()).items():
        if name == "guesses":
            continue
        note = "guessed" if name in spec.guesses else ""
        if name in ("image", "embedding", "pre_dropout", "features"):
            note = " × ".join("N" if size is None else str(size) for size in shapes.get(value, ()))
        lines = sentences.get(name) or {"": _shown(value)}
        rows += [(f"{name} {of}".strip(), line, note) for of, line in lines.items()]
    entry = known(model)
    rows += [] if entry is None else known_facts(entry)
    table("", ("field", "value", "shape or note"), rows)
    tell(f"file: {path or 'none: it is kept in memory alone'}")
    if spec.guesses and path is not None:
        why = f" ({spec.scaling})" if spec.scaling else ""
        sidecar = path.with_suffix(".json").name
        say(
            f"Guessed: {', '.join(spec.guesses)}{why}. State them with `fiqx-trt model set`, or in {sidecar} beside the file."
        )


def _sentences(spec: ModelSpec) -> dict[str, dict[str, str]]:
    """Return what was measured of methods and maps, by field, as the lines that runs and pages say of it."""
    from fiqx_trt.experiments.map_worth import worth_line
    from fiqx_trt.models.validity import validity_line

    return {
        "validity": {name: validity_line(spec, name, one.settings) for name, one in spec.validity.items()},
        "map_worth": {name: worth_line(spec, name, one.settings) for name, one in spec.map_worth.items()},
    }


def _shown(value: Any) -> str:
    """Write a field of a sidecar in a cell."""
    if value in (None, "", [], {}):
        return "–"
    if isinstance(value, dict):
        return "; ".join(f"{name}: {_shown(part)}" for name, part in value.items())
    if isinstance(value, list):
        return ", ".join(map(_shown, value)) if len(value) <= MOST_NUMBERS else f"{len(value)} numbers"
    return f"{value:g}" if isinstance(value, float) else str(value)


def export(
    architecture: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="A known model, or an architecture (iresnet100, inception-resnet-v1 …)."
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE.onnx", help="ONNX file to write.", show_default=False)
    ],
    weights: Annotated[
        Path | None,
        typer.Option(metavar="FILE.pt", help="State dict with the weights (PyTorch).", show_default=False),
    ] = None,
    random: Annotated[
        int | None,
        typer.Option("--random-weights", metavar="SEED", help="Random weights instead, for tests of speed."),
    ] = None,
    overwrite: o.Overwrite = False,
) -> None:
    """Write a recogniser as ONNX, with its sidecar."""
    from fiqx_trt.files import require_absent
    from fiqx_trt.models.export import export_model

    require_absent(out, overwrite=overwrite)
    if weights is not None and random is not None:
        raise InvalidInputError("--weights and --random-weights contradict each other; give one of them")
    spec = export_model(architecture, out, weights=weights, seed=random)
    say(
        f"wrote {out} and {out.with_suffix('.json').name}: {spec.name}, {'×'.join(map(str, spec.input_size))} {spec.color}"
    )
