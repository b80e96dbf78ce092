"""Paths of other programs and paths of images."""

from __future__ import annotations

from fiqx_trt.importers import ImportedScores, match_paths


def scores(*names, faces=None):
    return ImportedScores({name: {"q": 1.0} for name in names}, {"q": True}, faces or {})


def test_equal_paths_come_first():
    found = match_paths(["x/a.jpg", "y/a.jpg"], scores("y/a.jpg", "x/a.jpg", ".\\z\\a.jpg"))
    assert found.found == {"x/a.jpg": "x/a.jpg", "y/a.jpg": "y/a.jpg"}
    assert found.unmatched_imports == (".\\z\\a.jpg",)
    assert found.unmatched_images == ()


def test_whole_components_at_the_end():
    found = match_paths(
        ["faces/ada/1.jpg", "faces/bob/1.jpg", "2.jpg", "xy.jpg"],
        scores("/data/faces/ada/1.jpg", "bob\\1.jpg", "/data/2.jpg", "y.jpg"),
    )
    assert found.found == {
        "faces/ada/1.jpg": "/data/faces/ada/1.jpg",
        "faces/bob/1.jpg": "bob\\1.jpg",
        "2.jpg": "/data/2.jpg",
    }
    assert found.unmatched_images == ("xy.jpg",)
    assert found.unmatched_imports == ("y.jpg",)


def test_nothing_is_guessed_when_several_fit():
    found = match_paths(["a.jpg"], scores("x/a.jpg", "y/a.jpg"))
    assert found.found == {}
    assert found.ambiguous == {"a.jpg": ("x/a.jpg", "y/a.jpg")}
    assert found.unmatched_imports == ("x/a.jpg", "y/a.jpg")
    both = match_paths(["x/a.jpg", "y/a.jpg"], scores("a.jpg"))
    assert both.found == {}
    assert both.unmatched_images == ("x/a.jpg", "y/a.jpg")
    assert set(both.ambiguous) == {"x/a.jpg", "y/a.jpg"}


def test_two_spellings_of_one_path():
    found = match_paths(["a/b.jpg"], scores("a/b.jpg", "a\\b.jpg"))
    assert found.found == {}
    assert found.ambiguous == {"a/b.jpg": ("a/b.jpg", "a\\b.jpg")}


def test_an_equal_path_leaves_the_rest_unambiguous():
    found = match_paths(["x/a.jpg", "a.jpg"], scores("a.jpg", "x/a.jpg"))
    assert found.found == {"x/a.jpg": "x/a.jpg", "a.jpg": "a.jpg"}
    assert found.ambiguous == {}


def test_crops_stand_for_their_picture_only_when_nothing_else_fits():
    faces = {"crops/g_1.jpg": ("crops/g.jpg", 1), "crops/g_2.jpg": ("crops/g.jpg", 2)}
    whole = match_paths(["g.jpg"], scores("crops/g_2.jpg", "crops/g_1.jpg", faces=faces))
    assert whole.found == {"g.jpg": "crops/g_1.jpg"}
    assert whole.unmatched_imports == ("crops/g_2.jpg",)
    named = match_paths(["g.jpg", "g_1.jpg"], scores("crops/g_2.jpg", "crops/g_1.jpg", faces=faces))
    assert named.found["g_1.jpg"] == "crops/g_1.jpg"


def test_both_sides_may_have_a_folder_of_their_own_in_front():
    people = [f"{person}/{person}_{i:04d}.jpg" for person in ("Ada_L", "Bob_M") for i in (1, 2)]
    found = match_paths(
        [f"/mine/lfw/{p}" for p in people], scores(*(f"other\\lfw-aligned\\{p}" for p in people))
    )
    assert found.found == {f"/mine/lfw/{p}": f"other\\lfw-aligned\\{p}" for p in people}
    assert found.unmatched_images == found.unmatched_imports == ()
