"""Which imported row belongs to which image, when programs write the same path in different ways."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fiqx_trt.importers.base import ImportedScores

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
    and without ``./``); one path ends with the other, whole components at a time; the picture a crop's name
    points to is the image (its first face in the file). A partner is taken only when it is the only one on
    both sides.

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
    found: dict[str, str] = {}
    ambiguous: dict[str, tuple[str, ...]] = {}
    targets = {name: normal(name) for name in scores.rows}
    pictures = _first_faces(scores)
    for rule, names in ((_exact, targets), (_suffix, targets), (_suffix, pictures)):
        taken = set(found.values())
        open_images = {image: normal(image) for image in images if image not in found}
        open_names = {name: path for name, path in names.items() if name not in taken}
        for image, candidates in rule(open_images, open_names).items():
            if len(candidates) == 1:
                found[image] = candidates[0]
                ambiguous.pop(image, None)
            else:
                ambiguous[image] = tuple(candidates)
    taken = set(found.values())
    return Match(
        found={image: found[image] for image in images if image in found},
        unmatched_images=tuple(image for image in images if image not in found),
        unmatched_imports=tuple(name for name in scores.rows if name not in taken),
        ambiguous=ambiguous,
    )


def normal(path: str) -> str:
    r"""Return a path with forward slashes and without empty or ``.`` components.

    Examples
    --------
    >>> normal(".\\faces\\ada.jpg")
    'faces/ada.jpg'
    """
    parts = [part for part in re.split(r"[\\/]+", path) if part not in ("", ".")]
    return "/".join(parts)


def _first_faces(scores: ImportedScores) -> dict[str, str]:
    """Return the crop with the smallest number of each picture → the picture."""
    best: dict[str, tuple[int, str]] = {}
    for name, (picture, k) in scores.faces.items():
        key = normal(picture)
        if key not in best or k < best[key][0]:
            best[key] = (k, name)
    return {name: picture for picture, (_, name) in best.items()}


def _exact(images: Mapping[str, str], names: Mapping[str, str]) -> dict[str, list[str]]:
    by_path: dict[str, list[str]] = {}
    for name, path in names.items():
        by_path.setdefault(path, []).append(name)
    return {image: by_path[path] for image, path in images.items() if path in by_path}


def _suffix(images: Mapping[str, str], names: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the names of which one ends with the other, unless another image claims them too."""
    candidates: dict[str, list[str]] = {}
    claims: dict[str, int] = {}
    by_file: dict[str, list[tuple[str, str]]] = {}
    for name, path in names.items():
        by_file.setdefault(path.rpartition("/")[2], []).append((name, path))
    for image, path in images.items():
        fitting = [name for name, other in by_file.get(path.rpartition("/")[2], ()) if is_tail(path, other)]
        if fitting:
            candidates[image] = fitting
            for name in fitting:
                claims[name] = claims.get(name, 0) + 1
    return {
        image: fitting if len(fitting) > 1 or claims[fitting[0]] == 1 else [*fitting, *fitting]
        for image, fitting in candidates.items()
    }


def is_tail(a: str, b: str) -> bool:
    """Tell whether one normal path ends with the other, whole components at a time."""
    return a == b or a.endswith("/" + b) or b.endswith("/" + a)
