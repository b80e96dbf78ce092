"""The reference of the known models, made of the table that ``--model`` reads."""

from __future__ import annotations

from collections.abc import Iterator

from fiqx_trt.models.validity import Validity
from fiqx_trt.zoo import KnownModel, models

__all__ = ["models_page"]

INTRODUCTION = """# Known models and their licences

This page is made of the table that `--model NAME` and `fiqx-trt model list` read. Weights are no part of this package: a file is
fetched when its name is given, and its SHA-256 is compared. Weights with a licence that allows some uses only need
`fiqx-trt model fetch NAME --accept-licence` first. Whether a licence allows your use is for you to judge.
"""
TITLES = {"recogniser": "Recognisers", "quality": "Quality networks", "detector": "Detectors"}


def models_page() -> str:
    """Return the page as Markdown."""
    return "\n".join([INTRODUCTION, *(line for kind in TITLES for line in _kind(kind))])


def _kind(kind: str) -> Iterator[str]:
    yield f"## {TITLES[kind]}\n"
    for model in models().values():
        if model.kind == kind:
            yield from _entry(model)


def _entry(model: KnownModel) -> Iterator[str]:
    yield f"### {model.name}\n"
    yield f"{_sentence(model.about)}\n" if model.about else ""
    facts = {
        "size": "" if model.bytes is None else model.size,
        "input": _input(model),
        "training data": model.data,
        "licence of the code": model.licence_code,
        "licence of the weights": model.licence_weights,
        "to be accepted": model.consent,
        "from": ", ".join(dict.fromkeys(origin.place for origin in model.origins)),
        "SHA-256": f"`{model.sha256}`" if model.sha256 else "",
        **{one.what: f"{one.value:g} ({one.source})" for one in model.figures},
        **{f"what {name} foresees": _validity(fields) for name, fields in model.validity.items()},
    }
    yield "| fact | value |\n|---|---|"
    yield "".join(f"| {name} | {value.replace('|', '&#124;')} |\n" for name, value in facts.items() if value)


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _input(model: KnownModel) -> str:
    size = model.contract.get("input_size")
    shown = [f"{size[0]} × {size[1]}" if size else "", model.contract.get("color", "")]
    template = model.contract.get("template")
    return ", ".join([*filter(None, shown), *([f"template `{template}`"] if template else [])])


def _validity(fields: object) -> str:
    one = Validity.from_fields(fields)
    return (
        f"Spearman {one.spearman:.2f} [{one.low:.2f}, {one.high:.2f}], degraded copies of {one.faces} faces"
    )
