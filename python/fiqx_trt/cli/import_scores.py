"""``import``: other programs' score files as score tables of this package."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fiqx_trt.cli import groups as g
from fiqx_trt.cli.command_line import command_line
from fiqx_trt.cli.console import say
from fiqx_trt.errors import InvalidInputError
from fiqx_trt.files import read_regular, require_absent

if TYPE_CHECKING:
    from fiqx_trt.importers import ImportedScores, Match
    from fiqx_trt.rows import Row, RunMeta

__all__ = ["PAIRS", "import_scores"]

#: The format that gives a pairs file instead of a score table.
PAIRS = "pairs"
EXIT_SOME_FAILED = 3
#: Rows handed to the table at one time.
BATCH = 10_000
UNMATCHED_COLUMNS = ("kind", "path", "candidates")


def import_scores(
    *,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Score file of another program.", show_default=False)
    ],
    form: Annotated[
        str,
        typer.Option(
            "--format",
            "-f",
            metavar="F",
            help="{formats}. Never guessed. Or pairs: any list that edc --pairs reads.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help="Table to write: .csv, .jsonl or .parquet.",
            show_default=False,
        ),
    ],
    images: Annotated[
        list[str] | None,
        typer.Option(
            metavar="IN",
            help="Pictures the scores belong to (files, folders, globs, @lists); may be repeated. The table then has one row "
            "per picture, under its own name.",
            show_default=False,
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Call the column so, where there is one only.", show_default=False),
    ] = None,
    direction: Annotated[
        list[str] | None,
        typer.Option(
            "--direction",
            metavar="NAME=WORD",
            help="Direction of a column the format does not settle: NAME=higher or NAME=lower is better.",
            show_default=False,
        ),
    ] = None,
    output: g.ResultGroup,
) -> None:
    """Write another program's scores as a table; what finds no partner is listed, never dropped.

    Exit status: 0 every row ok, 3 finished but some rows have no score, 2 wrong usage, 1 could not run,
    130 interrupted, 143 terminated.
    """
    from fiqx_trt.evaluate.score_tables import parse_directions
    from fiqx_trt.importers import match_paths, read_scores
    from fiqx_trt.rows import Column, open_table, score_columns

    if form == PAIRS:
        _import_pairs(file, out, [images, name, direction], output)
        return
    scores = _named(read_scores(file, format=form), name, parse_directions(direction or ()))
    unmatched = out.with_name(f"{out.name}.unmatched.csv")
    require_absent(unmatched, overwrite=output.overwrite)
    pictures = None if images is None else _pictures(images)
    match = None if pictures is None else match_paths(pictures, scores)
    columns = score_columns([Column(column, "float") for column in scores.columns])
    rows = list(_rows(scores, pictures or (), match, file.name))
    with open_table(
        out, columns, meta=_record(file, form, scores, match), mode="overwrite" if output.overwrite else "new"
    ) as table:
        for start in range(0, len(rows), BATCH):
            table.append(rows[start : start + BATCH])
    unmatched.unlink(missing_ok=True)
    listed = _write_unmatched(unmatched, match)
    failed = sum(row["status"] != "ok" for row in rows)
    _summarise(out, scores, match, unmatched if listed else None, len(rows), failed, quiet=output.quiet)
    raise typer.Exit(EXIT_SOME_FAILED if failed else 0)


def _named(scores: ImportedScores, name: str | None, directions: Mapping[str, bool]) -> ImportedScores:
    """Return the scores under another name and with the directions that were given."""
    if name is not None:
        if len(scores.columns) != 1:
            raise InvalidInputError(f"--name renames one column, but there are {len(scores.columns)}")
        old = scores.columns[0]
        rows = {path: {name: values[old]} for path, values in scores.rows.items()}
        scores = replace(scores, rows=rows, higher_is_better={name: scores.higher_is_better[old]})
    directions_of = dict(scores.higher_is_better)
    for column, higher in directions.items():
        if column not in directions_of:
            raise InvalidInputError(
                f"--direction names {column!r}; the columns are {', '.join(directions_of)}"
            )
        if directions_of[column] is not None and directions_of[column] != higher:
            word = "higher" if directions_of[column] else "lower"
            raise InvalidInputError(
                f"{column!r} is better when {word}: the format says so; leave --direction out"
            )
        directions_of[column] = higher
    return replace(scores, higher_is_better=directions_of)


def _pictures(images: Sequence[str]) -> list[str]:
    from fiqx_trt.faces.sources import iter_sources

    return list(dict.fromkeys(source.path for source in iter_sources(images)))


def _rows(scores: ImportedScores, pictures: Sequence[str], match: Match | None, source: str) -> Iterator[Row]:
    """Yield one row per imported path, or per picture where pictures were given."""
    if match is None:
        for path, values in scores.rows.items():
            yield _row(path, values, f"{source} gives no number")
        return
    for path in pictures:
        row = match.found.get(path)
        if row is not None:
            yield _row(path, scores.rows[row], f"{source} gives no number")
        elif path in match.ambiguous:
            fitting = ", ".join(dict.fromkeys(match.ambiguous[path]))
            yield _row(path, {}, f"{source} has no row for it alone; these fit: {fitting}")
        else:
            yield _row(path, {}, f"{source} has no row for it")


def _row(path: str, values: Mapping[str, float], why: str) -> Row:
    numbers = {column: None if value != value else value for column, value in values.items()}
    ok = any(value is not None for value in numbers.values())
    row: dict[str, str | int | float | None] = {"path": path, "status": "ok" if ok else "not_finite"}
    return {**row, "error": None if ok else why, **numbers}


def _record(file: Path, form: str, scores: ImportedScores, match: Match | None) -> RunMeta:
    from fiqx_trt import __version__
    from fiqx_trt.importers import FORMATS
    from fiqx_trt.rows import RunMeta

    directions = {
        f"{column}.higher_is_better": higher
        for column, higher in scores.higher_is_better.items()
        if higher is not None
    }
    return RunMeta(
        command_line=command_line(),
        version=__version__,
        model=f"{form} {scores.version or ''}".rstrip() + f" (imported from {file.name})",
        model_sha256=hashlib.sha256(read_regular(file)).hexdigest(),
        backend="import",
        device="none",
        precision="none",
        parameters={
            "import.format": form,
            **({"import.package": origin} if (origin := FORMATS.origin(form)) else {}),
            **({"import.program_version": scores.version} if scores.version else {}),
            "import.repeated_rows": scores.duplicates,
            "import.matched": match is not None,
            **directions,
        },
    )


def _write_unmatched(path: Path, match: Match | None) -> bool:
    """List what found no partner; say whether there is anything."""
    from fiqx_trt.files import write_csv

    if match is None or not (match.unmatched_images or match.unmatched_imports):
        return False
    rows = [
        *(("score", name, "") for name in match.unmatched_imports),
        *(
            ("picture", name, " | ".join(dict.fromkeys(match.ambiguous.get(name, ()))))
            for name in match.unmatched_images
        ),
    ]
    write_csv(path, UNMATCHED_COLUMNS, rows)
    return True


def _summarise(
    out: Path,
    scores: ImportedScores,
    match: Match | None,
    unmatched: Path | None,
    rows: int,
    failed: int,
    *,
    quiet: bool,
) -> None:
    if unmatched is not None and match is not None:
        say(
            f"{len(match.unmatched_images)} pictures without a score and {len(match.unmatched_imports)} scores without a "
            f"picture are listed in {unmatched}"
        )
    if quiet:
        return
    say(f"{out}: {rows} rows, {failed} without a score; columns {', '.join(scores.columns)}")
    if scores.version:
        say(f"written by version {scores.version} of the program, as the file says")
    if scores.duplicates:
        say(f"{scores.duplicates} repeated rows count once")
    open_ended = [column for column, higher in scores.higher_is_better.items() if higher is None]
    if open_ended:
        shown = ", ".join(open_ended[:3]) + (", …" if len(open_ended) > 3 else "")
        say(
            f"the direction of {shown} is not known; edc and overlap want --direction NAME=higher or NAME=lower"
        )


def _import_pairs(file: Path, out: Path, score_options: Sequence[object], output: g.ResultGroup) -> None:
    """Write a pair list as the CSV that ``edc --pairs`` reads."""
    from fiqx_trt.evaluate import read_pairs
    from fiqx_trt.files import write_csv

    if any(option is not None for option in score_options):
        raise InvalidInputError(
            "--images, --name and --direction belong to scores; leave them out with --format pairs"
        )
    if out.suffix.lower() != ".csv":
        raise InvalidInputError(f"{out} has the suffix {out.suffix!r}; pairs are written as .csv")
    require_absent(out, overwrite=output.overwrite)
    pairs = read_pairs(file)
    columns = [
        [pairs.paths[i] for i in pairs.first.tolist()],
        [pairs.paths[i] for i in pairs.second.tolist()],
    ]
    labels = pairs.genuine.astype(int).tolist()
    names = ["a", "b", "label"]
    rows: Iterator[tuple[object, ...]] = zip(*columns, labels, strict=True)
    if pairs.similarity is not None:
        names.append("similarity")
        rows = zip(*columns, labels, pairs.similarity.tolist(), strict=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_csv(out, names, rows)
    if not output.quiet:
        say(f"{out}: {pairs.genuine_count} genuine and {pairs.impostor_count} impostor pairs")
