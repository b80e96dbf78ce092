"""Which paths name one file although each side has folders of its own in front: the end of a path decides.

Two paths are partners when some end of them, whole components at a time, belongs to no other path on either side.
Such a partner is the only one there can be: of two ends that are unique, the shorter one is an end of the longer one's
path too, and belongs to one path only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

__all__ = ["Tails", "common_tails", "join_paths", "normal"]

#: Candidates that an ambiguous path lists at most.
LISTED = 10


@dataclass
class Tails:
    """The partners of some paths.

    Parameters
    ----------
    found
        Left key → right key.
    ambiguous
        Left key → the first few right keys of which one path ends with the other, where several do.
    """

    found: dict[str, str] = field(default_factory=dict)
    ambiguous: dict[str, tuple[str, ...]] = field(default_factory=dict)


def normal(path: str) -> str:
    r"""Return a path with forward slashes and without empty or ``.`` components.

    Examples
    --------
    >>> normal(".\\faces\\ada.jpg")
    'faces/ada.jpg'
    """
    return "/".join(part for part in path.replace("\\", "/").split("/") if part not in ("", "."))


def common_tails(left: Mapping[str, str], right: Mapping[str, str]) -> Tails:
    """Match two sets of paths by the longest end they share and share with nobody else.

    A partner is refused where the folders in which the two paths part are known to be two: the folder of one stands
    at the same place in a path of the other side. ``p1/7.jpg`` is not ``p2/7.jpg`` where both sides have a ``p1``.

    Parameters
    ----------
    left, right
        Key → normal path (:func:`normal`). Keys of one side may have equal paths; they then have no partner.

    Examples
    --------
    >>> common_tails({"a": "mine/lfw/x/1.jpg"}, {"b": "theirs/data/lfw/x/1.jpg"}).found
    {'a': 'b'}
    """
    parts = tuple(
        {key: path.split("/")[::-1] for key, path in side.items() if path} for side in (left, right)
    )
    places = _Places(*parts)
    tails = Tails()
    open_groups = [(list(parts[0]), list(parts[1]), 0)]
    while open_groups:
        ours, theirs, depth = open_groups.pop()
        if depth and len(ours) == len(theirs) == 1:
            if places.may_be_one(ours[0], theirs[0], depth):
                tails.found[ours[0]] = theirs[0]
            continue
        left_groups, ended = _by_component(parts[0], ours, depth)
        right_groups, others_ended = _by_component(parts[1], theirs, depth)
        _note_ambiguous(tails, ours, theirs, ended, others_ended)
        open_groups += [
            (group, right_groups[name], depth + 1)
            for name, group in left_groups.items()
            if name in right_groups
        ]
    return tails


class _Places:
    """Which folders stand at which place, counted from the end, on each side."""

    def __init__(self, left: Mapping[str, list[str]], right: Mapping[str, list[str]]) -> None:
        self._sides = (left, right)
        self._known: dict[int, tuple[set[str], set[str]]] = {}

    def may_be_one(self, ours: str, theirs: str, depth: int) -> bool:
        """Tell whether nothing speaks against two paths that share a unique end."""
        a, b = self._sides[0][ours], self._sides[1][theirs]
        shorter = min(len(a), len(b))
        while depth < shorter and a[depth] == b[depth]:
            depth += 1
        if depth == shorter:
            return True
        mine, yours = self._at(depth)
        return a[depth] not in yours and b[depth] not in mine

    def _at(self, depth: int) -> tuple[set[str], set[str]]:
        if depth not in self._known:
            mine, yours = (
                {parts[depth] for parts in side.values() if len(parts) > depth} for side in self._sides
            )
            self._known[depth] = (mine, yours)
        return self._known[depth]


def _by_component(
    parts: Mapping[str, list[str]], keys: Iterable[str], depth: int
) -> tuple[dict[str, list[str]], list[str]]:
    """Group keys by the component at a depth from the end; list those that have none there."""
    groups: dict[str, list[str]] = {}
    ended = []
    for key in keys:
        if len(parts[key]) > depth:
            groups.setdefault(parts[key][depth], []).append(key)
        else:
            ended.append(key)
    return groups, ended


def _note_ambiguous(
    tails: Tails,
    ours: Sequence[str],
    theirs: Sequence[str],
    ended: Sequence[str],
    others_ended: Sequence[str],
) -> None:
    """Keep what fits but is not unique: one path ends with the other."""
    for key in ended:
        tails.ambiguous[key] = tuple(theirs[:LISTED])
    if others_ended:
        for key in ours:
            known = tails.ambiguous.get(key, ())
            tails.ambiguous[key] = tuple(dict.fromkeys([*known, *others_ended]))[:LISTED]


def join_paths(wanted: Sequence[str], known: Sequence[str], *, stems: bool = False) -> dict[str, str]:
    """Return which known path each wanted one means: an equal one, else the one with the unique common end.

    Parameters
    ----------
    wanted, known
        Paths, each once.
    stems
        The suffixes of the wanted files are not certain: ``a.jpg`` may mean ``a.png`` where nothing else fits.

    Examples
    --------
    >>> join_paths(["lfw/x/1.jpg", "y.jpg"], ["/data/lfw/x/1.jpg", "y.jpg"])
    {'lfw/x/1.jpg': '/data/lfw/x/1.jpg', 'y.jpg': 'y.jpg'}
    """
    names = set(known)
    found = {path: path for path in wanted if path in names}
    for respell in (normal, _stem) if stems else (normal,):
        if len(found) == len(wanted):
            break
        taken = set(found.values())
        tails = common_tails(
            {path: respell(path) for path in wanted}, {path: respell(path) for path in known}
        )
        for path, partner in tails.found.items():
            if path not in found and partner not in taken:
                found[path] = partner
    return {path: found[path] for path in wanted if path in found}


def _stem(path: str) -> str:
    """Return a normal path without its suffix."""
    folder, slash, name = normal(path).rpartition("/")
    stem, dot, _ = name.rpartition(".")
    return folder + slash + (stem if dot and stem else name)
