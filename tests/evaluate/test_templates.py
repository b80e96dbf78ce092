"""Templates against their definition: mean over media of the mean over images."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fiqx_trt.errors import InvalidInputError, SourceError
from fiqx_trt.evaluate.embeddings import Embeddings
from fiqx_trt.evaluate.score_tables import MethodScores, ScoreTables
from fiqx_trt.evaluate.templates import Templates, read_templates, template_embeddings, template_scores

TID_MID = "1.jpg 1 69544\n2.jpg 1 69544\n3.jpg 1 7\n3.jpg 11065 7\nmy pic.jpg 2 7\n"


def written(tmp_path, text):
    path = tmp_path / "ijbc_face_tid_mid.txt"
    path.write_text(text)
    return read_templates(path)


def test_reads_ijbs_list(tmp_path):
    found = written(tmp_path, TID_MID)
    assert found.names == ("1", "11065", "2")
    assert found.images == ("1.jpg", "2.jpg", "3.jpg", "3.jpg", "my pic.jpg")
    assert found.template.tolist() == [0, 0, 0, 1, 2]
    assert found.medium.tolist() == [69544, 69544, 7, 7, 7]
    some = found.only(["11065", "1"])
    assert (some.names, some.images) == (("11065", "1"), ("1.jpg", "2.jpg", "3.jpg", "3.jpg"))
    assert some.template.tolist() == [1, 1, 1, 0]
    joined, without = some.joined(["/ijb/loose_crop/1.jpg", "/ijb/loose_crop/3.jpg"])
    assert joined.images[0] == "/ijb/loose_crop/1.jpg"
    assert without == 1
    with pytest.raises(
        InvalidInputError,
        match=r"1 of 2 templates of the pairs are not listed, the first '9'; .* begins with '1'",
    ):
        found.only(["1", "9"])  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "lists no templates"),
        ("a.jpg 1 x\n", "line 1: 'a.jpg 1 x' is not 'name template medium'"),
        ("1.jpg 1 2\na.jpg 1\n", "line 2"),
    ],
)
def test_a_wrong_list_names_the_line(tmp_path, text, message):
    with pytest.raises(SourceError, match=message):
        written(tmp_path, text)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_embeddings_and_qualities_are_the_definition(data):
    count = data.draw(st.integers(1, 12))
    rng = np.random.default_rng(data.draw(st.integers(0, 999)))
    images = tuple(f"{i}.jpg" for i in range(count))
    rows = data.draw(
        st.lists(
            st.tuples(st.integers(0, count - 1), st.integers(0, 3), st.integers(0, 2)),
            min_size=1,
            max_size=20,
        )
    )
    templates = Templates(
        tuple("abcd"),
        tuple(images[i] for i, _, _ in rows),
        np.array([t for _, t, _ in rows]),
        np.array([m for _, _, m in rows]),
    )
    vectors = rng.normal(size=(count, 5)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    failed = set(data.draw(st.lists(st.sampled_from(images))))
    vectors[[images.index(path) for path in failed]] = np.nan
    found = template_embeddings(templates, Embeddings(images, vectors, dict.fromkeys(failed, "no_face")))
    values = {path: float(rng.random()) for path in images if path not in failed}
    tables = ScoreTables((MethodScores("q", "q", "s.csv", True, values, images),), (), 0)
    quality = template_scores(tables, templates).methods[0]
    assert quality.images == found.paths == templates.names
    for t, name in enumerate(templates.names):
        mine = [(i, m) for i, owner, m in rows if owner == t and images[i] not in failed]
        if not mine:
            assert name in found.errors
            assert name not in quality.values
            continue
        assert quality.values[name] == pytest.approx(np.mean([values[images[i]] for i, _ in mine]))
        media = [
            np.mean([vectors[i] for i, m in mine if m == medium], axis=0) for medium in {m for _, m in mine}
        ]
        mean = np.mean(media, axis=0, dtype=np.float64)
        np.testing.assert_allclose(found.vectors[t], mean / np.linalg.norm(mean), atol=1e-5)
