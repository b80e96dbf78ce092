"""`face_input` beside a copy of as many bytes, and beside NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from fiqx_trt.kernels import face_input

FACES = np.random.default_rng(0).integers(0, 256, (128, 112, 112, 3), dtype=np.uint8)


def with_numpy(out, faces=FACES):
    np.divide(np.subtract(faces.transpose(0, 3, 1, 2), np.float32(127.5)), np.float32(128), out=out)


@pytest.fixture
def out():
    return np.zeros((128, 3, 112, 112), np.float32)


@pytest.mark.benchmark(group="face_input")
def bench_face_input(benchmark, out):
    benchmark(face_input, FACES, mean=127.5, std=128, out=out)
    wanted = np.empty_like(out)
    with_numpy(wanted)
    np.testing.assert_array_equal(out, wanted)


@pytest.mark.benchmark(group="face_input")
def bench_face_input_half(benchmark, out):
    half = out.astype(np.float16)
    benchmark(face_input, FACES, mean=127.5, std=128, dtype="float16", out=half)
    with_numpy(out)
    np.testing.assert_array_equal(half, out.astype(np.float16))


@pytest.mark.benchmark(group="face_input")
def bench_memcpy(benchmark):
    """Reads and writes together as many bytes as `face_input` does."""
    source = np.ones((FACES.nbytes + 4 * FACES.size) // 2, np.uint8)
    target = np.zeros_like(source)
    benchmark(np.copyto, target, source)
    assert target.all()


@pytest.mark.benchmark(group="face_input")
def bench_numpy(benchmark, out):
    benchmark(with_numpy, out)
    assert out.max() <= 1
