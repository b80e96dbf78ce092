"""Every spelling of `support.foreign` on every backend: the oracle's numbers, or one clear refusal."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

import fiqx_trt as fx
from fiqx_trt.errors import FiqxError, ModelError
from fiqx_trt.runtime import available_backends
from support.foreign import FOREIGN, Foreign, gray_oracle
from support.foreign_contract import CONTRACT
from support.nets import noise_faces, save, small_recogniser

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
    color = "gray" if row.oracle is gray_oracle else "rgb"
    pixels: dict[str, Any] = {"mean": 127.5, "std": 127.5, "color": color}
    settings = {"template": "arcface", "gamma": GAMMA, "max_batch": 2, "threads": 1, "precision": "fp32"}
    with fx.load_model(path, backend=backend, **{**pixels, **settings, **row.keywords}) as model:
        yield model


def numbers(model: fx.Model) -> Numbers:
    extracted = model.extract(FACES)
    return Numbers(model.embed(FACES), extracted.pre_dropout.copy(), sampled(model))


def sampled(model: fx.Model) -> np.ndarray:
    return fx.serfiq(model, FACES, passes=PASSES, estimator="sampled").raw


def pixel_quality(model: fx.Model) -> np.ndarray:
    return np.asarray(fx.plq(model, FACES, quality=np.ones(len(FACES))).maps)


@functools.cache
def stated(oracle: Callable[[], onnx.ModelProto]) -> tuple[Numbers, np.ndarray]:
    """An oracle's numbers: vectors by ONNX's own evaluator, quality and pixel quality by this package on the plain file."""
    network = oracle()
    pixels = (FACES.astype(np.float64).transpose(0, 3, 1, 2) - 127.5) / 127.5
    if oracle is gray_oracle:
        pixels = np.tensordot(pixels, [0.299, 0.587, 0.114], axes=(1, 0))[:, None]
    names = ["embedding", "pre_dropout"]
    raw, h = ReferenceEvaluator(network).run(names, {"image": pixels.astype(np.float32)})
    row = Foreign("oracle", lambda folder: folder, oracle=oracle)
    with tempfile.TemporaryDirectory() as folder:
        path = save(network, Path(folder) / "oracle.onnx")
        with opened(path, "onnxruntime", row) as model:
            quality = sampled(model)
            maps = pixel_quality(model)
    return Numbers(raw / np.linalg.norm(raw, axis=1, keepdims=True), h, quality), maps


def agree(row: Foreign, model: fx.Model) -> None:
    wanted, maps = stated(row.oracle)
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
    wanted, maps = stated(small_recogniser)
    assert np.ptp(wanted.serfiq) > 1e-3
    assert 0.05 < maps.mean() < 0.95
