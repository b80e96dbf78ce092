"""Choosing images per person."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.evaluate import folder_identities, identity_codes, per_identity

PATHS = [f"{person}/{i}.jpg" for person, count in (("ada", 9), ("bob", 2), ("cyd", 5)) for i in range(count)]


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(-(10**9), 10**9), k=st.integers(1, 10), order=st.permutations(range(len(PATHS))))
def test_the_choice_does_not_depend_on_the_order(seed, k, order):
    identities = folder_identities(PATHS)
    chosen = {PATHS[i] for i in per_identity(PATHS, identities, k, seed=seed)}
    shuffled = [PATHS[i] for i in order]
    other = per_identity(shuffled, folder_identities(shuffled), k, seed=seed)
    assert other == sorted(other)
    assert {shuffled[i] for i in other} == chosen
    assert Counter(folder_identities(sorted(chosen))) == {
        "ada": min(k, 9),
        "bob": min(k, 2),
        "cyd": min(k, 5),
    }
    if k > 1:
        assert {PATHS[i] for i in per_identity(PATHS, identities, k - 1, seed=seed)} <= chosen


def test_other_people_do_not_matter_and_the_seed_does():
    identities = folder_identities(PATHS)
    ada = [path for path in PATHS if path.startswith("ada")]
    alone = {ada[i] for i in per_identity(ada, folder_identities(ada), 3)}
    assert alone == {PATHS[i] for i in per_identity(PATHS, identities, 3)} & set(ada)
    assert len({tuple(per_identity(PATHS, identities, 3, seed=seed)) for seed in range(20)}) > 5


def test_the_choice_is_uniform():
    times = Counter(i for seed in range(3000) for i in per_identity(PATHS[:9], ["ada"] * 9, 3, seed=seed))
    error = np.sqrt(1 / 3 * 2 / 3 / 3000)
    assert all(abs(times[i] / 3000 - 1 / 3) < 5 * error for i in range(9))


def test_identities():
    assert folder_identities(["x/ada/1.jpg", "y\\bob\\1.jpg"]) == ["ada", "bob"]
    assert identity_codes(["b", "a", "b"]).tolist() == [1, 0, 1]
    with pytest.raises(
        InvalidInputError, match=r"'1.jpg' lies in no folder, so it names no person; give a CSV"
    ):
        folder_identities(["1.jpg"])


def test_bad_arguments_name_the_cure():
    with pytest.raises(InvalidInputError, match="there are 2 paths and 1 identities; give one per image"):
        per_identity(["a", "b"], ["x"], 1)
    with pytest.raises(InvalidInputError, match="k is 0; choose at least 1 image per person"):
        per_identity(["a"], ["x"], 0)
    with pytest.raises(InvalidInputError, match="'a' is listed twice; list each image once"):
        per_identity(["a", "a"], ["x", "x"], 1)
