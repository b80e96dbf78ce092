"""``sample``: a seeded choice of images of every person, as a list that every command reads."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from fiqx_trt.cli import groups as g
from fiqx_trt.cli.console import say
from fiqx_trt.errors import InvalidInputError
from fiqx_trt.text import shown

__all__ = ["sample"]


def sample(
    *,
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o", metavar="LIST.txt", help="List to write, one path a line.", show_default=False
        ),
    ],
    per_identity: Annotated[
        int, typer.Option("--per-identity", "-k", help="Images of each person, at most.")
    ] = 30,
    at_least: Annotated[int, typer.Option(help="Leave out people with fewer images than this.")] = 1,
    seed: Annotated[int, typer.Option(help="Seed of the choice.")] = 0,
    identities: Annotated[
        str,
        typer.Option(
            metavar="folder|FILE",
            help="Who is on each image: the name of its folder, or a table path,identity.",
        ),
    ] = "folder",
    pictures: g.InputGroup,
    output: g.ResultGroup,
) -> None:
    """Choose up to k images of every person; give the list to other commands as @LIST.txt.

    The choice depends on the seed, the person and the path alone: not on the order of the inputs or on other people.

    Exit status: 0 done, 2 wrong usage, 1 could not run, 130 interrupted, 143 terminated.
    """
    from fiqx_trt.evaluate import per_identity as choose
    from fiqx_trt.evaluate.identities import identities_of
    from fiqx_trt.files import require_absent, write_whole

    require_absent(out, overwrite=output.overwrite)
    if at_least < 1:
        raise InvalidInputError(f"--at-least is {at_least}; give 1 or more images")
    named = [source.path for source in pictures.sources()]
    paths = list(dict.fromkeys(named))
    people = identities_of(paths, identities)
    counts = Counter(people)
    kept = [i for i, person in enumerate(people) if counts[person] >= at_least]
    if not kept:
        raise InvalidInputError(f"nobody has {at_least} images; the most is {max(counts.values())}")
    paths, people = [paths[i] for i in kept], [people[i] for i in kept]
    chosen = choose(paths, people, per_identity, seed=seed)
    title = (
        f"# fiqx-trt sample: up to {per_identity} images of each of {len(set(people))} people, seed {seed}\n"
    )
    lines = "".join(f"{_line(paths[i])}\n" for i in chosen)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(out, title.encode() + os.fsencode(lines))
    if not output.quiet:
        _summarise(
            out, [people[i] for i in chosen], per_identity, len(named) - len(set(named)), counts, at_least
        )


def _line(path: str) -> str:
    """Return a path as a line of a list; one that would read as a comment gets ``./`` before it."""
    if "\n" in path or path.endswith("\r") or not path.strip():
        raise InvalidInputError(f"the name {shown(path)} cannot stand on a line of a list; rename the file")
    return f"./{path}" if path.startswith("#") else path


def _summarise(
    out: Path, people: Sequence[str], k: int, repeated: int, counts: Counter[str], at_least: int
) -> None:
    chosen = Counter(people)
    short = sum(count < k for count in chosen.values())
    say(f"{out}: {len(people)} images of {len(chosen)} people; {short} people have fewer than {k}")
    if len(counts) > len(chosen):
        say(f"{len(counts) - len(chosen)} people with fewer than {at_least} images are left out")
    if repeated:
        say(f"{repeated} repeated inputs count once")
