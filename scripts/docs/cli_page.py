"""The reference of the command line, made of the parsers that the program uses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from fiqx_trt.cli.examples import EXAMPLES
from fiqx_trt.cli.main import app

__all__ = ["cli_page"]

INTRODUCTION = """# Command line

This page is made of the program's own parsers: it says what `fiqx-trt COMMAND --help` says.

"""
WIDTH = 80
#: Names that other packages can add to, which the help of an installed program lists in full.
NAMES = {
    "{methods}": "serfiq, magface, flip, brisque, gradient",
    "{detectors}": "mtcnn, yunet",
    "{formats}": "see `fiqx-trt import --help`",
    "{backends}": "tensorrt, torch, openvino, onnxruntime",
}


def cli_page() -> str:
    """Return the page as Markdown."""
    return INTRODUCTION + "\n".join(_sections(get_command(app), ()))


def _sections(command: Any, words: tuple[str, ...]) -> Iterator[str]:
    children = getattr(command, "commands", {})
    if words:
        yield from _section(command, words)
    for name, child in children.items():
        yield from _sections(child, (*words, name))


def _section(command: Any, words: tuple[str, ...]) -> Iterator[str]:
    name = " ".join(words)
    yield f"{'#' * (len(words) + 1)} fiqx-trt {name}\n"
    yield f"{_text(command.help)}\n"
    if not getattr(command, "commands", {}):
        yield f"```text\n{_usage(command, name)}\n```\n"
    if examples := EXAMPLES.get(name, ()):
        lines = "\n".join(f"# {example.wish}\n{_wrapped(example.line)}" for example in examples)
        yield f"```bash\n{lines}\n```\n"
    for panel, parameters in _panels(command).items():
        yield f"**{panel}**\n"
        yield f"| {'argument' if panel == 'Arguments' else 'option'} | meaning |\n|---|---|"
        yield "".join(f"| {_names(one)} | {_cell(_meaning(one))} |\n" for one in parameters)


def _wrapped(line: str) -> str:
    """Return a command line in as many lines as the page has room for."""
    lines = [""]
    for part in re.split(r" (?=--)", line):
        longer = f"{lines[-1]} {part}".strip()
        if lines[-1] and len(longer) > WIDTH:
            lines.append(f"  {part}")
        else:
            lines[-1] = f"{lines[-1]} {part}" if lines[-1] else part
    return " \\\n".join(lines)


def _usage(command: Any, name: str) -> str:
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    words = [f"{one.metavar}{' …' if one.nargs != 1 else ''}" for one in arguments]
    shown = [word if one.required else f"[{word}]" for one, word in zip(arguments, words, strict=True)]
    return " ".join(["fiqx-trt", name, "[OPTIONS]", *shown])


def _panels(command: Any) -> dict[str, list[Any]]:
    panels: dict[str, list[Any]] = {}
    for one in sorted(command.params, key=lambda one: one.param_type_name != "argument"):
        panel = "Arguments" if one.param_type_name == "argument" else one.rich_help_panel or "Options"
        panels.setdefault(panel, []).append(one)
    return panels


def _names(one: Any) -> str:
    if one.param_type_name == "argument":
        return f"`{one.metavar}`"
    metavar = f" {one.metavar}" if one.metavar else ""
    names = [
        f"`{name}{metavar if name.startswith('--') else ''}`" for name in (*one.opts, *one.secondary_opts)
    ]
    return ", ".join(names).replace("|", "&#124;")


def _meaning(one: Any) -> str:
    text = one.help
    for mark, names in NAMES.items():
        text = text.replace(mark, names)
    required = " Required." if one.required and one.param_type_name != "argument" else ""
    plain = one.default is None or one.is_flag if one.param_type_name == "option" else True
    shown = not plain and one.show_default and one.default not in ("", None)
    default = f" Default: `{one.default}`." if shown else ""
    return f"{text}{required}{default}"


def _cell(text: str) -> str:
    return _text(text).replace("|", "&#124;").replace("\n", " ")


def _text(text: str) -> str:
    """Return a help text as Markdown: what looks like a name of an option or of a file is code."""
    parts = re.split(r"(`[^`]*`)", text.replace("``", "`"))
    plain = [
        re.sub(r"(?<![\w`-])(--?[a-z][\w-]*)", r"`\1`", part) if not part.startswith("`") else part
        for part in parts
    ]
    return "".join(
        part if part.startswith("`") else part.replace("<", "&lt;").replace("*", "\\*") for part in plain
    )
