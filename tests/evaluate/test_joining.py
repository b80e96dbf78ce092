"""Score tables, pairs and identities of several places: one spelling for all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.evaluate import Comparisons, read_pairs
from fiqx_trt.evaluate.identities import identities_of
from fiqx_trt.evaluate.joining import join_comparisons, join_tables
from fiqx_trt.evaluate.score_tables import read_score_tables


def table(path: Path, column: str, rows: dict[str, float]) -> Path:
    path.write_text(
        "\n".join([f"path,{column}", *(f"{name},{value}" for name, value in rows.items())]) + "\n"
    )
    return path


def test_later_tables_take_the_spelling_of_the_first(tmp_path: Path) -> None:
    first = table(tmp_path / "a.csv", "serfiq", {"/data/lfw/A/1.jpg": 0.1, "/data/lfw/B/1.jpg": 0.2})
    second = table(
        tmp_path / "b.csv", "magface", {"lfw/B/1.jpg": 2.0, "lfw/A/1.jpg": 1.0, "lfw/C/9.jpg": 3.0}
    )
    third = table(tmp_path / "c.csv", "brisque", {"D/lfw/C/9.jpg": 4.0})
    joined = join_tables(read_score_tables([first, second, third]))
    values = [dict(one.values) for one in joined.methods]
    assert values[0] == {"/data/lfw/A/1.jpg": 0.1, "/data/lfw/B/1.jpg": 0.2}
    assert values[1] == {"/data/lfw/A/1.jpg": 1.0, "/data/lfw/B/1.jpg": 2.0, "lfw/C/9.jpg": 3.0}
    assert values[2] == {"lfw/C/9.jpg": 4.0}
    assert len(joined.joined) == 2
    assert joined.joined[0].startswith(
        f"2 of 3 rows of {second} are joined with score rows by the end of their path"
    )
    assert len(joined.listed) == 3


def test_equal_tables_are_left_alone(tmp_path: Path) -> None:
    tables = read_score_tables(
        [
            table(tmp_path / f"{name}.csv", name, {"x/1.jpg": 1.0, "y/1.jpg": 2.0})
            for name in ("serfiq", "magface")
        ]
    )
    assert join_tables(tables) == tables


def test_a_pair_keeps_its_name_where_no_score_has_it(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("A/1.jpg,A/2.jpg,1\nA/1.jpg,B/1.jpg,0\n")
    pairs = read_pairs(tmp_path / "p.csv")
    joined, notes = join_comparisons(pairs, ["/d/A/1.jpg", "/d/B/1.jpg", "/d/B/2.jpg"])
    assert joined.paths == ("/d/A/1.jpg", "A/2.jpg", "/d/B/1.jpg")
    np.testing.assert_array_equal(joined.first, pairs.first)
    assert notes[0].startswith("2 of 3 images of the pairs")
    same = Comparisons(("a", "b"), np.array([0]), np.array([1]), np.array([True]))
    assert join_comparisons(same, ["a", "b"]) == (same, [])


def test_identities_join_by_the_end_as_well(tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("path,identity\nlfw/A/1.jpg,Ada\nlfw/B/1.jpg,Bob\n")
    assert identities_of(["/data/lfw/B/1.jpg", "/data/lfw/A/1.jpg"], str(file)) == ["Bob", "Ada"]
    with pytest.raises(InvalidInputError, match=r"says nothing of 1 of 2 images, the first 'C/1.jpg'"):
        identities_of(["/data/lfw/B/1.jpg", "C/1.jpg"], str(file))


def test_another_folder_may_be_another_person(tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("path,identity\nA/1.jpg,Ada\n2.jpg,Bob\n")
    assert identities_of(["x/A/1.jpg", "B/2.jpg"], str(file)) == ["Ada", "Bob"]
    with pytest.raises(InvalidInputError, match="says nothing of 1 of 1 images"):
        identities_of(["C/1.jpg"], str(file))
