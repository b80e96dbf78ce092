"""Paths of two places that mean one file: the laws of joining by the end."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from fiqx_trt.importers.tails import common_tails, join_paths, normal

component = st.sampled_from(["a", "b", "c", "1.jpg", "2.jpg"])
path = st.lists(component, min_size=1, max_size=4).map("/".join)
paths = st.lists(path, unique=True, max_size=8)


def ends(one: str) -> list[str]:
    parts = one.split("/")
    return ["/".join(parts[-n:]) for n in range(1, len(parts) + 1)]


def slow_partner(one: str, ours: list[str], theirs: list[str]) -> str | None:
    """The definition: an end that belongs to this path alone, and to one path alone on the other side."""
    for end in ends(one):
        mine = [other for other in ours if end in ends(other)]
        yours = [other for other in theirs if end in ends(other)]
        if mine == [one] and len(yours) == 1:
            return yours[0]
    return None


def slow_refusal(one: str, other: str, ours: list[str], theirs: list[str]) -> bool:
    """The folders where two paths part stand on both sides at that place."""
    a, b = one.split("/")[::-1], other.split("/")[::-1]
    shared = 0
    while shared < min(len(a), len(b)) and a[shared] == b[shared]:
        shared += 1
    if shared == min(len(a), len(b)):
        return False
    at = {
        side: {p.split("/")[::-1][shared] for p in side_paths if p.count("/") >= shared}
        for side, side_paths in (("ours", ours), ("theirs", theirs))
    }
    return a[shared] in at["theirs"] or b[shared] in at["ours"]


@given(paths, paths)
def test_the_join_is_its_definition(ours: list[str], theirs: list[str]) -> None:
    expected = {}
    for one in ours:
        partner = slow_partner(one, ours, theirs)
        if partner is not None and not slow_refusal(one, partner, ours, theirs):
            expected[one] = partner
    assert common_tails({p: p for p in ours}, {p: p for p in theirs}).found == expected


@given(paths, paths)
def test_partners_are_mutual(ours: list[str], theirs: list[str]) -> None:
    there = common_tails({p: p for p in ours}, {p: p for p in theirs}).found
    back = common_tails({p: p for p in theirs}, {p: p for p in ours}).found
    assert back == {right: left for left, right in there.items()}


@given(
    st.lists(st.tuples(component, component).map("/".join), unique=True, max_size=12),
    st.sampled_from(["mine/", "/mine/deep/", ""]),
    st.sampled_from(["theirs/", "/theirs/of/old/", ""]),
)
def test_other_folders_in_front_change_nothing(names: list[str], mine: str, theirs: str) -> None:
    found = join_paths([mine + name for name in names], [theirs + name for name in names])
    assert found == {mine + name: theirs + name for name in names}


def test_folders_that_both_sides_know_are_two() -> None:
    assert join_paths(["p1/7.jpg", "p2/8.jpg"], ["p2/7.jpg", "p1/8.jpg"]) == {}
    assert join_paths(["p1/7.jpg"], ["crops/7.jpg"]) == {"p1/7.jpg": "crops/7.jpg"}


def test_a_missing_suffix_fits_where_nothing_else_does() -> None:
    known = ["lfw/A/A_1.png", "lfw/A/A_2.jpg", "lfw/A/A_2.png"]
    assert join_paths(["A/A_1.jpg", "A/A_2.jpg"], known) == {"A/A_2.jpg": "lfw/A/A_2.jpg"}
    assert join_paths(["A/A_1.jpg", "A/A_2.jpg"], known, stems=True) == {
        "A/A_1.jpg": "lfw/A/A_1.png",
        "A/A_2.jpg": "lfw/A/A_2.jpg",
    }


def test_many_files_of_one_name_take_no_quadratic_time() -> None:
    names = [f"{person}/0.png" for person in range(40_000)]
    start = time.process_time()  # a busy machine does not slow it down
    found = join_paths([f"x/{name}" for name in names], [f"y/{name}" for name in names])
    assert len(found) == len(names)
    assert time.process_time() - start < 30  # comparing every two takes hours


def test_normal_paths() -> None:
    assert normal("./a//b/./c.jpg") == "a/b/c.jpg"
    assert normal("C:\\faces\\a.jpg") == "C:/faces/a.jpg"
