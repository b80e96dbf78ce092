"""Pair lists as people have them, each with a small file of its real form."""

from __future__ import annotations

import pickle

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fiqx_trt.errors import ImageError, InvalidInputError, SourceError
from fiqx_trt.evaluate import pair_file, read_pairs, read_pairs_file
from fiqx_trt.evaluate.joining import join_comparisons
from fiqx_trt.evaluate.pair_lists import recognise
from fiqx_trt.faces.bins import open_bin
from fiqx_trt.faces.sources import Source, iter_sources
from fiqx_trt.files import write_csv
from support.nets import noise_faces

LFW = """2\t2
Abel_Pacheco\t1\t4
Akhmed_Zakayev\t1\t3
Abdel_Madi_Shabneh\t1\tDean_Barker\t12
Abdullah\t2\tAbu_Bakar\t1
Alejandro_Toledo\t1\t2
Alejandro_Toledo\t3\t4
Ai_Sugiyama\t1\tAlexa_Vega\t1
Ai_Sugiyama\t2\tAlexa_Vega\t1
"""
CPLFW = """AJ_Cook_1.jpg 1
AJ_Cook_2.jpg 1
AJ_Lamas_1.jpg 1
AJ_Lamas_3.jpg 1
AJ_Cook_1.jpg 0
Marsha_Sharapova_2.jpg 0
"""


def write(folder, text, name="pairs.txt"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def rows(pairs):
    names = pairs.paths
    return [
        (names[a], names[b], int(g)) for a, b, g in zip(pairs.first, pairs.second, pairs.genuine, strict=True)
    ]


def test_lfw(tmp_path):
    found = read_pairs_file(write(tmp_path, LFW))
    assert (found.grammar, found.stems, found.comparisons.similarity) == ("lfw", True, None)
    assert rows(found.comparisons)[:3] == [
        ("Abel_Pacheco/Abel_Pacheco_0001.jpg", "Abel_Pacheco/Abel_Pacheco_0004.jpg", 1),
        ("Akhmed_Zakayev/Akhmed_Zakayev_0001.jpg", "Akhmed_Zakayev/Akhmed_Zakayev_0003.jpg", 1),
        ("Abdel_Madi_Shabneh/Abdel_Madi_Shabneh_0001.jpg", "Dean_Barker/Dean_Barker_0012.jpg", 0),
    ]
    assert (found.comparisons.genuine_count, found.comparisons.impostor_count) == (4, 4)


def test_lfw_development_lists_have_one_number(tmp_path):
    pairs = read_pairs(write(tmp_path, "1\nA_B\t1\t2\nA_B\t1\tC\t3\n"))
    assert rows(pairs) == [
        ("A_B/A_B_0001.jpg", "A_B/A_B_0002.jpg", 1),
        ("A_B/A_B_0001.jpg", "C/C_0003.jpg", 0),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("".join(LFW.splitlines(keepends=True)[:-1]), "line 1: 4 genuine and as many impostor pairs are announced, but 4 and 3"),
        (LFW.replace("Abel_Pacheco\t1\t4", "Abel_Pacheco\t1\tx"), "line 2: 'Abel_Pacheco\\\\t1\\\\tx' is neither 'name i j'"),
        (LFW.replace("Abel_Pacheco\t1\t4", "Abel_Pacheco\t1\t1"), "line 2: .* is compared with itself"),
    ],
)  # fmt: skip
def test_a_wrong_lfw_list_names_the_line(tmp_path, text, message):
    with pytest.raises(SourceError, match=message):
        read_pairs(write(tmp_path, text))


def test_cplfw(tmp_path):
    found = read_pairs_file(write(tmp_path, CPLFW))
    assert found.grammar == "cplfw"
    assert rows(found.comparisons) == [
        ("AJ_Cook_1.jpg", "AJ_Cook_2.jpg", 1),
        ("AJ_Lamas_1.jpg", "AJ_Lamas_3.jpg", 1),
        ("AJ_Cook_1.jpg", "Marsha_Sharapova_2.jpg", 0),
    ]
    with pytest.raises(SourceError, match="line 5: the last pair has only one line"):
        read_pairs(write(tmp_path, "".join(CPLFW.splitlines(keepends=True)[:5])))
    with pytest.raises(SourceError, match="line 2: the flags of a pair differ"):
        read_pairs(write(tmp_path, CPLFW.replace("AJ_Cook_2.jpg 1", "AJ_Cook_2.jpg 0")))


@pytest.mark.parametrize(
    "text", ["x/1.jpg x/2.jpg 1\nx/1.jpg y/1.jpg 0\n", "x/1.jpg\tx/2.jpg\t1\nx/1.jpg\ty/1.jpg\t0\n"]
)
def test_blanks_need_no_option(tmp_path, text):
    found = read_pairs_file(write(tmp_path, text))
    assert found.grammar == "blank"
    assert rows(found.comparisons) == [("x/1.jpg", "x/2.jpg", 1), ("x/1.jpg", "y/1.jpg", 0)]


def test_tabs_let_names_hold_blanks(tmp_path):
    found = read_pairs_file(write(tmp_path, "my 1.jpg\tmy 2.jpg\t1\t0.5\nmy 1.jpg\tb.jpg\t0\t0.25\n"))
    assert rows(found.comparisons) == [("my 1.jpg", "my 2.jpg", 1), ("my 1.jpg", "b.jpg", 0)]
    with pytest.raises(SourceError, match="Commas separate the fields"):
        read_pairs(write(tmp_path, "a.jpg;b.jpg;1\n"))


def test_commas_in_paths_of_a_list_with_blanks_want_the_option(tmp_path):
    path = write(tmp_path, "a,1.jpg b,2.jpg 1\n")
    with pytest.raises(SourceError, match="--separator blank"):
        read_pairs(path)
    assert rows(read_pairs(path, separator="blank")) == [("a,1.jpg", "b,2.jpg", 1)]


# The columns of a table


@pytest.mark.parametrize("name", ["distance", "Distance", "dist", "cosine_distance", "euclidean_distance"])
def test_a_distance_is_turned_around(tmp_path, name):
    found = read_pairs_file(write(tmp_path, f"a,b,label,{name}\nx,y,1,0.25\nx,z,0,1.5\n"))
    assert (found.number, found.higher) == (name, False)
    assert found.comparisons.similarity.tolist() == [-0.25, -1.5]


@pytest.mark.parametrize("name", ["similarity", "score", "cosine_similarity", "Cosine"])
def test_a_similarity_is_kept(tmp_path, name):
    found = read_pairs_file(write(tmp_path, f"a,b,label,{name}\nx,y,1,0.25\nx,z,0,0.125\n"))
    assert (found.number, found.higher) == (name, True)
    assert found.comparisons.similarity.tolist() == [0.25, 0.125]


def test_the_careful_reader_turns_distances_too(tmp_path, monkeypatch):
    monkeypatch.setattr(pair_file, "read_plain", lambda *_, **__: None)
    test_a_distance_is_turned_around(tmp_path, "distance")


def test_numbers_that_mean_nothing_are_named(tmp_path):
    found = read_pairs_file(write(tmp_path, "a,b,label,fold,note,l2\nx,y,1,3,good,0.25\nx,z,0,3,good,1.5\n"))
    assert (found.number, found.unused) == ("", ("fold", "l2"))
    told = read_pairs_file(found_path := tmp_path / "pairs.txt", similarity=("l2", False))
    assert (told.number, told.unused) == ("l2", ("fold",))
    assert told.comparisons.similarity.tolist() == [-0.25, -1.5]
    with pytest.raises(SourceError, match="--similarity names the column 'l3'; the columns are a, b, label"):
        read_pairs_file(found_path, similarity=("l3", True))


def test_two_columns_of_numbers_want_the_option(tmp_path):
    path = write(tmp_path, "a,b,label,score,distance\nx,y,1,0.5,0.25\n")
    with pytest.raises(
        SourceError, match=r"two columns .*'score' and 'distance'.* --similarity score=higher"
    ):
        read_pairs(path)
    assert read_pairs_file(path, similarity=("distance", False)).comparisons.similarity.tolist() == [-0.25]


@pytest.mark.parametrize(
    "text",
    [
        ",a,b,label,similarity\n0,x,y,1,0.5\n1,x,z,0,0.25\n",
        "0,x,y,1,0.5\n1,x,z,0,0.25\n",
        ",0,1,2,3\n0,x,y,1,0.5\n1,x,z,0,0.25\n",
        "0,1,2,3\nx,y,1,0.5\nx,z,0,0.25\n",
        "Unnamed: 0,a,b,label,similarity\n0,x,y,1,0.5\n1,x,z,0,0.25\n",
        "x, y, 1, 0.5\nx, z, 0, 0.25\n",
        'a, b, label, similarity\n"x", "y", 1, 0.5\nx, z, 0, 0.25\n',
    ],
)
def test_an_index_in_front_and_blanks_after_commas(tmp_path, text):
    found = read_pairs_file(write(tmp_path, text))
    assert rows(found.comparisons) == [("x", "y", 1), ("x", "z", 0)]
    assert found.comparisons.similarity.tolist() == [0.5, 0.25]
    assert found.unused == ()


def test_a_name_may_begin_with_a_blank_where_not_every_comma_has_one(tmp_path):
    assert rows(read_pairs(write(tmp_path, "x, y,1\n"))) == [("x", " y", 1)]


# InsightFace's verification sets


def jpegs(count):
    return [cv2.imencode(".jpg", face[:, :, ::-1])[1] for face in noise_faces(count)]


def python2(bins, same):
    """The pickle that Python 2 writes: protocol 2, byte strings as BINSTRING."""
    out = bytearray(b"\x80\x02](")
    for one in bins:
        out += b"T" + len(one).to_bytes(4, "little") + one
    out += b"e](" + b"".join(b"\x88" if flag else b"\x89" for flag in same) + b"e\x86."
    return bytes(out)


@pytest.mark.parametrize("form", ["bytes 4", "bytes 2", "arrays", "array flags", "python 2"])
def test_a_verification_set_feeds_score_and_edc(tmp_path, form):
    encoded = [one.tobytes() for one in jpegs(4)]
    same = [True, False]
    content = {
        "bytes 4": lambda: pickle.dumps((encoded, same), protocol=4),
        "bytes 2": lambda: pickle.dumps((encoded, same), protocol=2),
        "arrays": lambda: pickle.dumps((jpegs(4), same), protocol=4),
        "array flags": lambda: pickle.dumps((encoded, np.array(same)), protocol=4),
        "python 2": lambda: python2(encoded, same),
    }[form]()
    path = tmp_path / "lfw.bin"
    path.write_bytes(content)
    assert recognise(path) == "insightface"
    pairs = read_pairs(path)
    names = [f"{path}#{i:05d}" for i in range(4)]
    assert rows(pairs) == [(names[0], names[1], 1), (names[2], names[3], 0)]
    sources = list(iter_sources(path))
    assert [source.path for source in sources] == names
    assert [source.read() for source in sources] == encoded
    assert Source(names[3]).read() == encoded[3]  # the name alone suffices, as edc and @lists have it


def test_a_verification_set_cannot_run_code(tmp_path):
    path = tmp_path / "lfw.bin"
    path.write_bytes(pickle.dumps(([print], [True])))
    with pytest.raises(SourceError, match="the file is refused"):
        open_bin(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (([b"x", b"y"], [True, False]), "2 pictures and 2 flags"),
        (([b"x", 5], [True]), "picture 1 is a int"),
        (([b"x", b"y"], [2]), "the flag of pair 0 is 2"),
        ({"bins": [1.0]}, "no pair of pictures and flags"),
        ((3, 4), "its two parts are no lists"),
    ],
)
def test_other_pickles_are_refused(tmp_path, content, message):
    path = tmp_path / "lfw.bin"
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(SourceError, match=message):
        read_pairs(path)


def test_a_member_that_is_not_there_is_a_row(tmp_path):
    path = tmp_path / "lfw.bin"
    path.write_bytes(pickle.dumps(([b"x", b"y"], [True])))
    with pytest.raises(ImageError, match="has 2 pictures, so there is no #00002"):
        Source(f"{path}#00002").read()
    with pytest.raises(ImageError, match="cannot read"):
        Source(f"{tmp_path}/other.bin#00002").read()


def test_a_picture_called_bin_stays_a_picture(tmp_path):
    path = tmp_path / "photo.bin"
    path.write_bytes(jpegs(1)[0].tobytes())
    assert [source.path for source in iter_sources(path)] == [str(path)]


def test_refusals(tmp_path):
    with pytest.raises(InvalidInputError, match="separator is 'tab'; choose auto, comma or blank"):
        read_pairs(write(tmp_path, "a,b,1\n"), separator="tab")
    with pytest.raises(SourceError, match="not a regular file"):
        read_pairs(tmp_path)


def test_names_that_are_not_utf8_join_as_score_tables_write_them(tmp_path):
    path = tmp_path / "p.csv"
    write_csv(path, ("a", "b", "label"), [("caf\udce9.jpg", "b\\c.jpg", 1)])
    pairs, notes = join_comparisons(read_pairs(path), ["caf\udce9.jpg", "x/b/c.jpg"])
    assert rows(pairs) == [("caf\udce9.jpg", "x/b/c.jpg", 1)]
    assert notes[0].startswith("2 of 2 images of the pairs are joined")


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.one_of(
        st.binary(max_size=80),
        st.text(st.sampled_from('ab01 ,\t\n"=.#é'), max_size=60).map(str.encode),
        st.lists(
            st.sampled_from([*LFW.splitlines(), *CPLFW.splitlines(), "a,b,1", "a b 1", "", "2"]), max_size=8
        ).map(lambda lines: "\n".join(lines).encode()),
        st.tuples(st.just(b"\x80\x04"), st.binary(max_size=60)).map(b"".join),
    ),
    name=st.sampled_from(["p.csv", "p.txt", "p.bin"]),
)
def test_any_bytes_are_pairs_or_one_kind_of_error(tmp_path, data, name):
    path = tmp_path / name
    path.write_bytes(data)
    try:
        found = read_pairs_file(path)
    except (SourceError, InvalidInputError) as error:
        assert str(path) in str(error)  # noqa: PT017 -- either outcome is right
    else:
        assert len(found.comparisons) > 0
