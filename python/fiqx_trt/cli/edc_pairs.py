"""The comparisons of ``edc``, from a pairs file or from identities, with their similarities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fiqx_trt.cli.console import open_progress, say
from fiqx_trt.errors import InvalidInputError

if TYPE_CHECKING:
    from fiqx_trt.cli import groups as g
    from fiqx_trt.evaluate import Comparisons, PairsFile
    from fiqx_trt.evaluate.score_tables import ScoreTables
    from fiqx_trt.evaluate.templates import Templates
    from fiqx_trt.runs.options import FaceOptions, RuntimeOptions

__all__ = ["Compared", "PairGroup", "comparisons_of", "similarities_of"]


PAIRS_PANEL = "Comparisons"


@dataclass(frozen=True)
class PairGroup:
    """The source of the comparisons."""

    pairs: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Pairs: a,b,label[,similarity or distance], lines 'a b label', or the list of LFW, CPLFW or InsightFace "
            "(lfw.bin); told from the file.",
            rich_help_panel=PAIRS_PANEL,
            show_default=False,
        ),
    ] = None
    templates: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The pairs compare templates; this lists their images: name, template, medium (ijbc_face_tid_mid.txt).",
            rich_help_panel=PAIRS_PANEL,
            show_default=False,
        ),
    ] = None
    separator: Annotated[
        str,
        typer.Option(
            help="What separates the columns of the pairs file: comma or blank; auto looks at it.",
            rich_help_panel=PAIRS_PANEL,
        ),
    ] = "auto"
    similarity: Annotated[
        str | None,
        typer.Option(
            metavar="NAME=WORD",
            help="Column of the pairs file with the comparison scores: NAME=higher (means more alike) or NAME=lower "
            "(distances), where its name does not say.",
            rich_help_panel=PAIRS_PANEL,
            show_default=False,
        ),
    ] = None
    identities: Annotated[
        str | None,
        typer.Option(
            metavar="folder|FILE",
            help="Who is on each image: the name of its folder, or a table path,identity. Makes pairs where no file is given, "
            "and bands.",
            rich_help_panel=PAIRS_PANEL,
            show_default=False,
        ),
    ] = None
    impostors: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Impostor pairs to draw; default: ten per genuine pair.",
            rich_help_panel=PAIRS_PANEL,
        ),
    ] = None
    embeddings: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.npz",
            help="Where embeddings are kept; default: embeddings.npz in the output folder.",
            rich_help_panel=PAIRS_PANEL,
            show_default=False,
        ),
    ] = None


@dataclass(frozen=True)
class Compared:
    """Comparisons with their origin and notes.

    Parameters
    ----------
    comparisons
        Under the names of the score tables.
    tables
        The scores; of templates where those are compared.
    origin
        Origin of the similarities, for ``summary.json`` and the page.
    notes
        What a reader should know of the pairs.
    distances
        Whether the similarities are distances, turned around.
    templates
        What is compared, where it is not images.
    """

    comparisons: Comparisons
    tables: ScoreTables
    origin: Mapping[str, Any]
    notes: tuple[str, ...] = ()
    distances: bool = False
    templates: Templates | None = None


def comparisons_of(source: PairGroup, tables: ScoreTables, *, seed: int, quiet: bool) -> Compared:
    """Read the comparisons of a file, or make them of the images whose identities are known."""
    from fiqx_trt.evaluate import generate_pairs
    from fiqx_trt.evaluate.identities import identities_of

    if source.pairs is not None:
        return _of_file(source, source.pairs, tables, quiet=quiet)
    if source.identities is None:
        raise InvalidInputError(
            "there are no comparisons: give --pairs FILE, or --identities folder where every person has a folder"
        )
    for option, value in (("--similarity", source.similarity), ("--templates", source.templates)):
        if value is not None:
            raise InvalidInputError(f"{option} belongs to a pairs file; give --pairs, or leave it out")
    images = tables.listed
    people = identities_of(images, source.identities)
    generated = generate_pairs(images, people, impostors=source.impostors, seed=seed)
    if not quiet:
        say(
            f"made {generated.genuine_count} genuine and {generated.impostor_count} impostor pairs of {len(images)} images"
        )
    return Compared(generated, tables, {})


def _of_file(source: PairGroup, file: Path, tables: ScoreTables, *, quiet: bool) -> Compared:
    from fiqx_trt.evaluate import identity_codes, read_pairs_file
    from fiqx_trt.evaluate.identities import identities_of
    from fiqx_trt.evaluate.joining import join_comparisons
    from fiqx_trt.evaluate.pair_columns import parse_number_column
    from fiqx_trt.evaluate.pair_lists import GRAMMARS

    listed = read_pairs_file(
        file,
        separator=source.separator,
        similarity=None if source.similarity is None else parse_number_column(source.similarity),
        progress=None if quiet else lambda rows: say(f"{rows} pairs read") if rows % 5_000_000 == 0 else None,
    )
    templates: Templates | None = None
    if source.templates is not None:
        pairs = listed.comparisons
        templates, tables, notes = _of_templates(source, source.templates, pairs, tables)
    else:
        pairs, notes = join_comparisons(listed.comparisons, tables.listed, stems=listed.stems)
        _refuse_templates(listed, file, tables)
    if source.identities is not None:
        pairs = pairs.with_identity(identity_codes(identities_of(pairs.paths, source.identities)))
    notes += _unused(listed, file)
    for note in notes:
        say(note)
    origin: dict[str, Any] = {"pairs": str(file), "grammar": GRAMMARS[listed.grammar]}
    if pairs.similarity is not None:
        origin |= {"source": _column(listed, file), "column": listed.number, "distances": not listed.higher}
        if not quiet:
            say(f"similarities: {origin['source']}")
    return Compared(pairs, tables, origin, tuple(notes), not listed.higher, templates)


def _of_templates(
    source: PairGroup, file: Path, pairs: Comparisons, tables: ScoreTables
) -> tuple[Templates, ScoreTables, list[str]]:
    """Return the compared templates, the scores of each, and what to say about them."""
    from fiqx_trt.evaluate.templates import read_templates, template_scores

    if source.identities is not None:
        raise InvalidInputError(
            "--identities says who is on an image, but templates are compared; leave it out"
        )
    templates, without = read_templates(file).only(pairs.paths).joined(tables.listed)
    images = len(set(templates.images))
    notes = [
        f"{len(templates.names)} templates of {images} images; a template's quality is the mean of its images'"
    ]
    if without:
        notes.append(f"{without} of {images} images of templates have no score row")
    return templates, template_scores(tables, templates), notes


def _refuse_templates(listed: PairsFile, file: Path, tables: ScoreTables) -> None:
    """Raise where pairs name templates, by number, and nobody says which images they are."""
    names = listed.comparisons.paths
    if all(name.isdecimal() for name in names) and not set(names).intersection(tables.listed):
        raise InvalidInputError(
            f"{file} compares {names[0]!r} with others: templates, it seems, and no images; give --templates FILE with lines "
            "'name template medium', such as ijbc_face_tid_mid.txt"
        )


def _unused(listed: PairsFile, file: Path) -> list[str]:
    """Name columns of numbers that are not used; most of all where similarities are wanted."""
    if not listed.unused:
        return []
    names = ", ".join(listed.unused)
    cure = (
        ""
        if listed.number
        else f"; if it holds comparison scores, give --similarity {listed.unused[-1]}=higher or =lower"
    )
    return [f"not used in {file}: the column{'s' * (len(listed.unused) > 1)} of numbers {names}{cure}"]


def _column(listed: PairsFile, file: Path) -> str:
    name = listed.number if listed.number == "the fourth field" else f"the column {listed.number}"
    return (
        f"{name} of {file}"
        if listed.higher
        else f"{name} of {file}, distances turned around: similarity = −{listed.number}"
    )


def similarities_of(
    compared: Compared,
    named: g.ModelGroup,
    runtime: RuntimeOptions,
    faces: FaceOptions,
    cache: Path,
    *,
    batch: int,
    output: g.ResultGroup,
) -> Compared:
    """Return the comparisons with cosine similarities of a model, and their origin."""
    from fiqx_trt.evaluate.embeddings import EmbeddingCache, compare_embeddings, embed_images
    from fiqx_trt.evaluate.templates import template_embeddings

    templates = compared.templates
    images = compared.comparisons.paths if templates is None else tuple(dict.fromkeys(templates.images))
    with named.open(runtime) as model:
        spec = model.spec
        contract = {
            key: getattr(spec, key)
            for key in ("input_size", "mean", "std", "color", "template", "embedding", "sha256")
        }
        ran = {"backend": model.backend, "device": model.device, "precision": model.precision}
        configuration = {
            **{f"model.{key}": value for key, value in contract.items()},
            **faces.parameters,
            **ran,
        }
        with open_progress(len(images), quiet=output.quiet) as progress:
            embedded = embed_images(
                images,
                model,
                faces.preparer(spec, runtime),
                cache=EmbeddingCache(cache, configuration),
                overwrite=output.overwrite,
                batch=batch,
                threads=runtime.threads or 2,
                report=lambda done, failed: progress(done=done, failed=failed),
            )
    vectors = embedded if templates is None else template_embeddings(templates, embedded)
    judged, without = compare_embeddings(compared.comparisons, vectors)
    if without:
        say(
            f"{len(embedded.errors)} images have no embedding, and {without} comparisons are left out for it; summary.json "
            "lists the images"
        )
    origin = {
        **compared.origin,
        "source": f"cosine of {'' if templates is None else 'template '}embeddings of {spec.name}",
        "configuration": configuration,
        "embeddings": str(cache),
        "images_without_embedding": dict(embedded.errors),
        "comparisons_without_embedding": without,
    }
    if not output.quiet:
        say(f"similarities: {origin['source']}, computed here")
    return replace(compared, comparisons=judged, origin=origin)
