"""The file of embeddings: kept, refused, and made again where it is damaged."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from fiqx_trt.errors import OutputError
from fiqx_trt.evaluate.embeddings import EmbeddingCache, Embeddings

CONFIGURATION = {"model.sha256": "abc", "input": (112, 112)}
EMBEDDINGS = Embeddings(
    ("a.jpg", "caf\udce9.jpg", "b.jpg"),
    np.array([[1, 0], [0, 1], [np.nan, np.nan]], np.float32),
    {"b.jpg": "no_face: no face"},
)
STAMPS = [(10, 20), (30, 40), (-1, -1)]


@pytest.fixture
def cache(tmp_path: Path) -> EmbeddingCache:
    made = EmbeddingCache(tmp_path / "deep" / "embeddings.npz", CONFIGURATION)
    made.write(EMBEDDINGS, STAMPS)
    return made


def test_what_is_written_is_read(cache: EmbeddingCache) -> None:
    found = cache.read()
    assert list(found) == list(EMBEDDINGS.paths)
    for path, stamp, vector in zip(EMBEDDINGS.paths, STAMPS, EMBEDDINGS.vectors, strict=True):
        assert found[path][0] == stamp
        np.testing.assert_array_equal(found[path][1], vector)
        assert found[path][2] == EMBEDDINGS.errors.get(path, "")


@pytest.mark.parametrize("keep", [0, 100, 0.5, 0.9, -1])
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_cut_file_is_made_again(cache: EmbeddingCache, caplog, keep, overwrite) -> None:
    whole = cache.path.read_bytes()
    cache.path.write_bytes(whole[: int(keep * len(whole)) if isinstance(keep, float) else keep])
    with caplog.at_level(logging.WARNING):
        found = cache.read(overwrite=overwrite)
    assert found == {}
    assert "is damaged" in caplog.text
    assert "is made again" in caplog.text


def test_every_flipped_byte_is_survived(cache: EmbeddingCache) -> None:
    whole = cache.path.read_bytes()
    for at in range(60, len(whole), 7):
        broken = bytearray(whole)
        broken[at] ^= 0x55
        cache.path.write_bytes(broken)
        found = cache.read(overwrite=True)
        assert found == {} or list(found) == list(EMBEDDINGS.paths)


def test_files_of_others_are_not_replaced_unasked(cache: EmbeddingCache) -> None:
    whole = cache.path.read_bytes()  # 40 bytes of it do not tell whose file it was
    for content in (b"a letter", b"PK\3\4 another archive", whole[:40]):
        cache.path.write_bytes(content)
        with pytest.raises(OutputError, match=r"it is no file of embeddings .*; give --overwrite"):
            cache.read()
        assert cache.path.read_bytes() == content
        assert cache.read(overwrite=True) == {}
    np.savez(cache.path, maps=np.zeros(3))
    with pytest.raises(OutputError, match="it is no file of embeddings"):
        cache.read()
    cache.write(EMBEDDINGS, STAMPS)
    other = EmbeddingCache(cache.path, {**CONFIGURATION, "model.sha256": "def"})
    with pytest.raises(OutputError, match=r"its model.sha256 is another"):
        other.read()
