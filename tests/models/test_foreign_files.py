"""Every spelling of `support.foreign` on every backend: the oracle's numbers, or one clear refusal."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from onnx.reference import ReferenceEvaluator

import fiqx_trt as fx
from fiqx_trt.errors import FiqxError, ModelError
from fiqx_trt.runtime import available_backends
from support.foreign import FOREIGN, ORACLE, Foreign
from support.foreign_contract import CONTRACT
from support.nets import noise_faces, save

FACES = noise_faces(3)
GAMMA = 10.0
PASSES = 20
BACKENDS = [name for name, here, _ in available_backends() if here and name != "tensorrt"]


class Numbers(NamedTuple):
    embedding: np.ndarray
    pre_dropout: np.ndarray
    serfiq: np.ndarray


@contextmanager
def opened(path: Path, backend: str, row: Foreign) -> Iterator[fx.Model]:
    pixels: dict[str, Any] = {"mean": 127.5, "std": 127.5, "color": "gray" if row.gray else "rgb"}
    settings = {"template": "arcface", "gamma": GAMMA, "max_batch": 2, "precision": "fp32"}
    with fx.load_model(path, backend=backend, **{**pixels, **settings, **row.keywords}) as model:
        yield model


def numbers(model: fx.Model) -> Numbers:
    extracted = model.extract(FACES)
    return Numbers(
        model.embed(FACES),
        extracted.pre_dropout.copy(),
        fx.serfiq(model, FACES, estimator="sampled", passes=PASSES).raw,
    )


def pixel_quality(model: fx.Model) -> np.ndarray:
    return np.asarray(fx.plq(model, FACES, quality=np.ones(len(FACES))).maps)


@functools.cache
def oracle(gray: bool) -> tuple[Numbers, np.ndarray]:
    """The oracle's numbers: its vectors by ONNX's own evaluator, quality and pixel quality by this package on the plain file."""
    network = ORACLE(channels=1) if gray else ORACLE()
    pixels = (FACES.astype(np.float32).transpose(0, 3, 1, 2) - 127.5) / 127.5
    if gray:
        pixels = ((FACES @ np.array([0.299, 0.587, 0.114]))[:, None] - 127.5) / 127.5
    names = ["embedding", "pre_dropout"]
    raw, h = ReferenceEvaluator(network).run(names, {"image": pixels.astype(np.float32)})
    row = Foreign("oracle", lambda folder: folder, gray=gray)
    with tempfile.TemporaryDirectory() as folder:
        path = save(network, Path(folder) / "oracle.onnx")
        with opened(path, "onnxruntime", row) as model:
            quality = fx.serfiq(model, FACES, estimator="sampled", passes=PASSES).raw
            maps = pixel_quality(model)
    return Numbers(raw / np.linalg.norm(raw, axis=1, keepdims=True), h, quality), maps


def agree(row: Foreign, model: fx.Model) -> None:
    wanted, maps = oracle(row.gray)
    for name, got, want in zip(Numbers._fields, numbers(model), wanted, strict=True):
        scale = float(np.abs(want).max())
        np.testing.assert_allclose(got, want, atol=row.tolerance * scale, rtol=0, err_msg=name)
    if row.no_gradient:
        with pytest.raises(FiqxError, match=row.no_gradient) as caught:
            pixel_quality(model)
        assert "\n" not in str(caught.value)
    else:
        np.testing.assert_allclose(pixel_quality(model), maps, atol=20 * row.tolerance)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("row", [*FOREIGN, *CONTRACT], ids=lambda row: row.name)
def test_a_foreign_file_gives_the_oracles_numbers_or_one_refusal(
    row: Foreign, backend: str, tmp_path: Path
) -> None:
    path = row.build(tmp_path)
    refused = row.refused or row.refused_by.get(backend, "")
    if not refused:
        with opened(path, backend, row) as model:
            agree(row, model)
        return
    with pytest.raises(ModelError, match=refused) as caught, opened(path, backend, row) as model:
        numbers(model)
    assert "\n" not in str(caught.value)


def test_no_name_stands_twice() -> None:
    names = [row.name for row in [*FOREIGN, *CONTRACT]]
    assert len(set(names)) == len(names)


def test_the_oracle_has_something_to_tell() -> None:
    wanted, maps = oracle(False)
    assert np.ptp(wanted.serfiq) > 1e-3
    assert 0.05 < maps.mean() < 0.95
