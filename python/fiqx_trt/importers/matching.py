"""Which imported row belongs to which image, when programs write the same path in different ways."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fiqx_trt.importers.base import ImportedScores
from fiqx_trt.importers.tails import common_tails, normal

__all__ = ["Match", "is_tail", "match_paths", "normal"]


@dataclass(frozen=True)
class Match:
    """Which imported path belongs to each image.

    Parameters
    ----------
    found
        Image → imported path.
    unmatched_images, unmatched_imports
        What found no partner, in input order.
    ambiguous
        Image → imported paths that fit equally well; none was taken, and they count as unmatched.
    """

    found: Mapping[str, str]
    unmatched_images: tuple[str, ...]
    unmatched_imports: tuple[str, ...]
    ambiguous: Mapping[str, tuple[str, ...]]


def match_paths(images: Sequence[str], scores: ImportedScores) -> Match:
    r"""Match images to imported rows.

    Three rules, one after the other, for what the rule before left over: equal paths (after ``\`` → ``/``
    and without ``./``); an end of both paths that no other path has (:mod:`fiqx_trt.importers.tails`); the same for the
    picture a crop's name points to (its first face in the file). A partner is taken only when it is the only one
    on both sides.

    Parameters
    ----------
    images
        Paths of images, each once.
    scores
        Imported rows.

    Returns
    -------
    Match
        Nothing is dropped: what did not match is listed.
    """
    paths = {image: normal(image) for image in images}
    targets = {name: normal(name) for name in scores.rows}
    found, ambiguous = _equal(paths, targets)
    for names in (targets, _first_faces(scores)):
        tails = common_tails(paths, names)
        taken = set(found.values())
        found |= {
            image: name for image, name in tails.found.items() if image not in found and name not in taken
        }
        ambiguous |= {image: fitting for image, fitting in tails.ambiguous.items() if image not in ambiguous}
    taken = set(found.values())
    return Match(
        found={image: found[image] for image in images if image in found},
        unmatched_images=tuple(image for image in images if image not in found),
        unmatched_imports=tuple(name for name in scores.rows if name not in taken),
        ambiguous={image: names for image, names in ambiguous.items() if image not in found},
    )


def _first_faces(scores: ImportedScores) -> dict[str, str]:
    """Return the crop with the smallest number of each picture → the picture."""
    best: dict[str, tuple[int, str]] = {}
    for name, (picture, k) in scores.faces.items():
        key = normal(picture)
        if key not in best or k < best[key][0]:
            best[key] = (k, name)
    return {name: picture for picture, (_, name) in best.items()}


def _equal(
    images: Mapping[str, str], names: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    """Return the images with one equal path, and those with several."""
    by_path: dict[str, list[str]] = {}
    for name, path in names.items():
        by_path.setdefault(path, []).append(name)
    equal = {image: by_path[path] for image, path in images.items() if path in by_path}
    return (
        {image: fitting[0] for image, fitting in equal.items() if len(fitting) == 1},
        {image: tuple(fitting) for image, fitting in equal.items() if len(fitting) > 1},
    )


def is_tail(a: str, b: str) -> bool:
    """Tell whether one normal path ends with the other, whole components at a time."""
    return a == b or a.endswith("/" + b) or b.endswith("/" + a)
