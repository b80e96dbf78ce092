"""Pairs files, generated pairs, similarities from embeddings."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fiqx_trt.errors import InvalidInputError, SourceError
from fiqx_trt.evaluate import (
    Comparisons,
    _fast_pairs,
    cosine_similarity,
    folder_identities,
    generate_pairs,
    genuine_pairs,
    impostor_pairs,
    pair_file,
    read_pairs,
)


def write(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "pairs.csv"
    path.write_bytes(text.encode(encoding))
    return path


def rows(pairs):
    names = pairs.paths
    return [
        (names[a], names[b], bool(g))
        for a, b, g in zip(pairs.first, pairs.second, pairs.genuine, strict=True)
    ]


@pytest.mark.parametrize("header", ["", "a,b,label\n", "A, B ,Label\n", "\ufeffa,b,label\r\n"])
def test_reads_with_and_without_header(tmp_path, header):
    pairs = read_pairs(write(tmp_path, header + "x.jpg,y.jpg,1\n\nx.jpg,z.jpg,0\n"))
    assert rows(pairs) == [("x.jpg", "y.jpg", True), ("x.jpg", "z.jpg", False)]
    assert pairs.similarity is None
    assert pairs.duplicates == 0


def test_reads_similarities_in_double_precision(tmp_path):
    pairs = read_pairs(write(tmp_path, "x,y,genuine,0.1\nx,z,Impostor,-2e-3\n"))
    assert pairs.similarity.tolist() == [0.1, -0.002]
    assert pairs.genuine.tolist() == [True, False]


def test_a_header_may_name_columns_in_any_order_among_others(tmp_path):
    pairs = read_pairs(
        write(tmp_path, "score,note,label,img2,img1\n0.5,hello,mated,y,x\n0.25,,nonmated,z,x\n")
    )
    assert rows(pairs) == [("x", "y", True), ("x", "z", False)]
    assert pairs.similarity.tolist() == [0.5, 0.25]


def test_names_with_commas_quotes_newlines_and_unicode(tmp_path):
    pairs = read_pairs(write(tmp_path, '"a,\n""b"".jpg","Łódź ø.jpg",1\nc d,"a,\n""b"".jpg",0\n'))
    assert rows(pairs) == [('a,\n"b".jpg', "Łódź ø.jpg", True), ("c d", 'a,\n"b".jpg', False)]


def test_repeated_pairs_are_kept_once(tmp_path):
    pairs = read_pairs(write(tmp_path, "a,b,1,0.5\nb,a,1,0.5\na,c,0,0.1\na,b,1,0.5\n"))
    assert rows(pairs) == [("a", "b", True), ("a", "c", False)]
    assert pairs.duplicates == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a,b,1\nb,a,0\n",
            r"line 2: the pair 'b', 'a' stands on line 1 already, with another label or similarity",
        ),
        ("a,b,1,0.5\nc,d,0,0\n\na,b,1,0.25\n", "line 4: the pair 'a', 'b' stands on line 1 already"),
        ("a,b,1\nc,c,0\n", "line 2: 'c' is compared with itself"),
        ("a,b,1\na,c,2\n", "line 2: the label is '2'; write 1 \\(genuine\\) or 0"),
        ("a,b,1\na,c\n", "line 2: 2 fields instead of 3"),
        ("a,b,1,0.5\na,c,0\n", "line 2: 3 fields instead of 4"),
        ("a,b,1,nan\n", "line 1: the similarity is 'nan'; write a finite number"),
        ("a,b,1,1_0\n", "line 1: the similarity is '1_0'"),
        ("a,,1\n", "line 1: a path is empty"),
        ("a,b,maybe\n", r"line 1: 'a,b,maybe' is neither a row a,b,label\[,similarity\] nor a header"),
        ("a,b,quality\nx,y,1\n", r"nor a header with these names \(missing: label\)"),
        ("a,first,label,b\n", "line 1: two columns are called 'a' or mean the same"),
        ('a,b,1\n"a"x,b,0\n', "line 2: malformed CSV"),
        ('a,b,1\n"a,b,0\n', "malformed CSV"),
        ("", "holds no pairs; give rows of a,b,label"),
        ("a,b,label\n", "holds no pairs"),
    ],
)
def test_bad_files_name_the_line(tmp_path, text, message):
    with pytest.raises(SourceError, match=message):
        read_pairs(write(tmp_path, text))


def test_pair_files_of_other_programs(tmp_path):
    pairs = read_pairs(
        write(tmp_path, "000 001 1 0.5\n\n000\t002 0 -0.25\n001 000 1 0.5\n"), separator="blank"
    )
    assert rows(pairs) == [("000", "001", True), ("000", "002", False)]
    assert pairs.similarity.tolist() == [0.5, -0.25]
    assert pairs.duplicates == 1
    with pytest.raises(SourceError, match="line 3: the label is 'x'"):
        read_pairs(write(tmp_path, "a b 1\n\na c x\n"), separator="blank")
    with pytest.raises(InvalidInputError, match="separator is 'tab'; choose auto, comma or blank"):
        read_pairs(write(tmp_path, "a,b,1\n"), separator="tab")


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(SourceError, match=r"cannot read the pairs file .*nothing.csv: No such file"):
        read_pairs(tmp_path / "nothing.csv")
    with pytest.raises(SourceError, match="is not UTF-8 text"):
        read_pairs(write(tmp_path, "ä,b,1\n", "latin1"))


def test_progress_is_told(tmp_path):
    told = []
    read_pairs(write(tmp_path, "".join(f"a{i},b{i},1\n" for i in range(1000))), progress=told.append)
    assert told[-1] == 1000
    told.clear()
    quoted = "".join(f'"a{i}",b{i},1\n' for i in range(100_001))
    read_pairs(write(tmp_path, quoted), progress=told.append)
    assert told == [100_000]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from("abcdefgh"), st.sampled_from("ABCDEFGH"), st.sampled_from(["1", "0", " Mated "])
        ),
        min_size=1,
        max_size=40,
        unique_by=lambda row: row[:2],
    ),
    scores=st.booleans(),
    header=st.booleans(),
    end=st.sampled_from(["\n", "\r\n", "\n\n"]),
    block=st.sampled_from([64, 1 << 20]),
    between=st.sampled_from([",", " ", "\t"]),
)
def test_both_readers_agree(tmp_path, monkeypatch, rows, scores, header, end, block, between):
    monkeypatch.setattr(_fast_pairs, "BLOCK_BYTES", block)
    lines = [",".join([*row, f"{i / 7!r}"] if scores else row) for i, row in enumerate(rows)]
    if header:
        lines.insert(0, "a,b,label,similarity" if scores else "a,b,label")
    if between != ",":
        lines = [line.replace(" ", "").replace(",", between) for line in lines]
    path = write(tmp_path, end.join(lines) + end)
    fast = read_pairs(path)
    monkeypatch.setattr(pair_file, "read_plain", lambda *_, **__: None)
    careful = read_pairs(path)
    monkeypatch.undo()
    assert fast.paths == careful.paths
    for name in ("first", "second", "genuine"):
        np.testing.assert_array_equal(getattr(fast, name), getattr(careful, name))
    np.testing.assert_array_equal(fast.similarity, careful.similarity)


def test_plain_files_are_read_the_fast_way_and_only_they(tmp_path):
    def fast(text, columns=(0, 1, 2), width=3):
        return _fast_pairs.read_plain(write(tmp_path, text), columns, width, header=False, progress=None)

    assert fast("x,y,1\nx,z,0\n").images == ("x", "y", "z")
    assert fast("y,x,1,0.5\n", (0, 1, 2, 3), 4).similarity.tolist() == [0.5]
    for text in ('"x",y,1\n', "x,y,2\n", "x,x,1\n", "x,y\n", ",y,1\n", "x,y,1\nx,z,0,0\n"):
        assert fast(text) is None
    for number in ("nan", "inf", "", "1_0", "high"):
        assert fast(f"x,y,1,{number}\n", (0, 1, 2, 3), 4) is None


def test_genuine_pairs_are_all_pairs_of_one_person():
    identity = np.array([2, 0, 2, 1, 0, 2, 3])
    first, second = genuine_pairs(identity)
    expected = [(a, b) for a, b in itertools.combinations(range(7), 2) if identity[a] == identity[b]]
    assert list(zip(first.tolist(), second.tolist(), strict=True)) == expected


@pytest.mark.parametrize("count", [0, 1, 5, 15, 16])
def test_impostor_pairs_are_distinct_and_of_two_people(count):
    identity = np.array([0, 0, 0, 1, 1, 2, 2])
    first, second = impostor_pairs(identity, count, seed=4)
    drawn = set(zip(first.tolist(), second.tolist(), strict=True))
    assert len(drawn) == count
    assert all(a < b and identity[a] != identity[b] for a, b in drawn)
    again = impostor_pairs(identity, count, seed=4)
    np.testing.assert_array_equal(first, again[0])


@pytest.mark.parametrize("count", [3, 12])
def test_impostor_pairs_are_uniform(count):
    # 16 pairs exist; each must be drawn with probability count/16, within five standard errors.
    identity, seeds = np.array([0, 0, 0, 1, 1, 2, 2]), 2000
    seen = Counter()
    for seed in range(seeds):
        seen.update(zip(*(side.tolist() for side in impostor_pairs(identity, count, seed=seed)), strict=True))
    share = count / 16
    assert len(seen) == 16
    error = np.sqrt(share * (1 - share) / seeds)
    assert all(abs(times / seeds - share) < 5 * error for times in seen.values())


def test_more_impostors_than_exist():
    with pytest.raises(
        InvalidInputError, match="17 impostor pairs are wanted, but 7 images of 3 people make 16; ask for 0"
    ):
        impostor_pairs(np.array([0, 0, 0, 1, 1, 2, 2]), 17)


def test_generated_pairs_do_not_depend_on_the_order_of_the_input():
    paths = [f"{person}/{i}.jpg" for person in "abcde" for i in range(4)]
    one = generate_pairs(paths, folder_identities(paths), impostors=30, seed=3)
    shuffled = [paths[i] for i in np.random.default_rng(0).permutation(len(paths))]
    two = generate_pairs(shuffled, folder_identities(shuffled), impostors=30, seed=3)
    assert rows(one) == rows(two)
    assert (one.genuine_count, one.impostor_count) == (30, 30)
    assert set(rows(one)) != set(rows(generate_pairs(paths, folder_identities(paths), impostors=30, seed=4)))
    assert generate_pairs(paths, folder_identities(paths)).impostor_count == 160  # all there are
    assert one.identity is not None


def test_sets_no_pairs_can_be_made_of():
    with pytest.raises(InvalidInputError, match="none of the 2 images shares a person with another"):
        generate_pairs(["a/1", "b/1"], ["a", "b"])
    with pytest.raises(InvalidInputError, match="all 2 images show 'a'; add another person"):
        generate_pairs(["a/1", "a/2"], ["a", "a"])
    with pytest.raises(InvalidInputError, match="2 paths, 1 of them distinct, and 2 identities were given"):
        generate_pairs(["a/1", "a/1"], ["a", "a"])


@pytest.mark.law
def test_cosine_similarity_equals_the_formula_for_any_block(monkeypatch):
    rng = np.random.default_rng(5)
    embeddings = (rng.normal(size=(20, 33)) * rng.uniform(0.01, 1e25, (20, 1))).astype(np.float32)
    first, second = np.triu_indices(20, 1)
    pairs = Comparisons(tuple(map(str, range(20))), first, second, np.zeros(190, bool))
    wide = embeddings.astype(np.float64)
    unit = wide / np.linalg.norm(wide, axis=1, keepdims=True)
    expected = (unit @ unit.T)[first, second]
    whole = cosine_similarity(pairs, embeddings).similarity
    assert whole.dtype == np.float32
    np.testing.assert_allclose(whole, expected, atol=1e-6)
    monkeypatch.setattr("fiqx_trt.evaluate.similarity.GATHERED_BYTES", 1000)
    np.testing.assert_array_equal(cosine_similarity(pairs, embeddings).similarity, whole)


def test_embeddings_that_have_no_direction():
    pairs = Comparisons(("a", "b", "c"), np.array([0]), np.array([1]), np.array([True]))
    embeddings = np.ones((3, 2))
    embeddings[2] = np.nan  # not compared
    assert cosine_similarity(pairs, embeddings).similarity.tolist() == pytest.approx([1.0])
    embeddings[1] = 0.0
    with pytest.raises(
        InvalidInputError, match=r"1 compared images have an embedding that is zero or not finite \('b'\)"
    ):
        cosine_similarity(pairs, embeddings)
    with pytest.raises(
        InvalidInputError, match=r"embeddings is float64 of shape \(2, 2\); give floating-point numbers"
    ):
        cosine_similarity(pairs, embeddings[:2])
