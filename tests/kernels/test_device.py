"""Streams, page-locked memory, copies between places, and views of arrays."""

from __future__ import annotations

import gc
import pickle
import re
import subprocess
import sys

import numpy as np
import pytest

from fiqx_trt import _core, kernels
from fiqx_trt.errors import CudaUnavailableError, InvalidInputError

X = np.arange(24, dtype=np.float32).reshape(4, 3, 2)

no_device = pytest.mark.skipif(_core.cuda_device_count() > 0, reason="says what happens without a device")


# --- on any machine -----------------------------------------------------------------------------------------------------


def test_views_of_numpy_arrays_share_their_memory():
    x = X.copy()
    kernels.rows(x, 1, 3)[:] = 0
    kernels.reshape(x, (24,))[0] = 9
    assert not x[1:3].any()
    assert x[0, 0, 0] == 9


def test_a_copy_within_the_host():
    out = np.zeros_like(X)
    kernels.copy(X, out)
    np.testing.assert_array_equal(out, X)


@pytest.mark.parametrize(
    ("source", "out", "text"),
    [
        (X, np.zeros((4, 6), np.float32), r"copy: out is float32 \(4, 6\), and the source float32 \(4, 3, 2\); give two"),
        (X, np.zeros(X.shape), r"copy: out is float64 \(4, 3, 2\), and the source float32"),
        (X, X.T.copy().T, "copy: out is not C-contiguous"),
        ([1.0], X, "copy: source is a list, wanted a NumPy array"),
    ],
)  # fmt: skip
def test_a_copy_that_does_not_fit(source, out, text):
    with pytest.raises(InvalidInputError, match=text):
        kernels.copy(source, out)


@pytest.mark.parametrize("shape", [(3, 5), (0, 2), ()])
def test_page_locked_memory_is_an_ordinary_array(shape):
    array = _core.pinned(shape, np.float32)
    array[...] = 2
    assert array.shape == shape
    assert array.dtype == np.float32
    assert array.flags.writeable
    assert (pickle.loads(pickle.dumps(array)) == 2).all()


def test_page_locked_memory_outlives_its_array_in_views():
    view = _core.pinned((1000,), np.float64)[10:20]
    view[:] = 1
    gc.collect()
    assert view.sum() == 10


def test_page_locked_memory_of_a_strange_kind():
    with pytest.raises(InvalidInputError, match="pinned: dtype complex128 is known to no kernel"):
        _core.pinned((2,), np.complex128)
    with pytest.raises(InvalidInputError, match=r"pinned: shape is \(-1,\), wanted axes of 0 or more"):
        _core.pinned((-1,), np.float32)


def test_host_arrays_are_not_borrowed():
    with pytest.raises(InvalidInputError, match=r"array is a NumPy array; give an array on a device"):
        kernels.borrow(X)


@no_device
def test_a_stream_without_a_device():
    with pytest.raises(CudaUnavailableError, match="CUDA"):
        _core.Stream()


# --- on a device --------------------------------------------------------------------------------------------------------


@pytest.mark.cuda
def test_views_share_the_memory_and_keep_it(cuda):
    x = cuda(X)
    kernels.copy(np.zeros((2, 3, 2), np.float32), kernels.rows(x, 1, 3))
    flat = kernels.reshape(kernels.rows(x, 0, 2), (12,))
    del x
    gc.collect()
    np.testing.assert_array_equal(flat.to_host(), np.concatenate([X[0].ravel(), np.zeros(6)]))
    assert kernels.rows(flat, 12, 12).shape == (0,)


@pytest.mark.cuda
def test_views_that_do_not_exist(cuda):
    x = cuda(X)
    with pytest.raises(
        InvalidInputError, match=r"rows 3 to 5 of an array of shape \(4, 3, 2\); give 0 <= start"
    ):
        kernels.rows(x, 3, 5)
    with pytest.raises(InvalidInputError, match=r"shape is \(5, 5\), and the array has shape \(4, 3, 2\)"):
        kernels.reshape(x, (5, 5))


@pytest.mark.cuda
def test_copies_between_all_places(cuda):
    stream = _core.Stream()
    source, back = _core.pinned(X.shape, X.dtype), _core.pinned(X.shape, X.dtype)
    source[...] = X
    first = kernels.DeviceArray(X.shape, X.dtype, stream=stream.handle)
    second = kernels.DeviceArray.zeros(X.shape, X.dtype, stream=stream.handle)
    before = _core.traffic()
    kernels.copy(source, first, stream=stream.handle)
    kernels.copy(first, second, stream=stream.handle)
    kernels.copy(second, back, stream=stream.handle)
    stream.synchronize()
    np.testing.assert_array_equal(back, X)
    assert [b - a for a, b in zip(before, _core.traffic(), strict=True)] == [X.nbytes, X.nbytes]
    kernels.copy(kernels.rows(first, 0, 0), kernels.rows(second, 1, 1))  # nothing at all


@pytest.mark.cuda
def test_zeros(cuda):
    assert not kernels.DeviceArray.zeros((3, 4), np.float64).to_host().any()
    assert kernels.DeviceArray.zeros((0, 4), np.float64).to_host().shape == (0, 4)


@pytest.mark.cuda
def test_arrays_may_outlive_their_stream_and_their_use_on_another(cuda):
    """Dropped while another stream still reads them, and written again at once: the reader sees what it was given."""
    other = _core.Stream()
    for _ in range(20):
        own = _core.Stream()
        x = kernels.DeviceArray.from_host(X.reshape(4, 6), stream=own.handle)
        del own
        powers = kernels.row_power(x, stream=other.handle)
        del x
        kernels.DeviceArray.from_host(np.full((4, 6), 7, np.float32))
        np.testing.assert_array_equal(
            powers.to_host(), np.square(X.reshape(4, 6).astype(np.float64)).sum(axis=1)
        )


@pytest.mark.cuda
def test_a_state_written_on_another_stream(cuda):
    """Kernels that only write their arguments make the maps' stream wait too."""
    other = _core.Stream()
    mean, m2 = (kernels.DeviceArray.zeros((3, 2), np.float64, stream=other.handle) for _ in range(2))
    count = 0
    for _ in range(3):
        own = _core.Stream()
        x = kernels.DeviceArray.from_host(X, stream=own.handle)
        count = kernels.pixel_moments(x, mean, m2, count=count, stream=other.handle)
        del x
        kernels.DeviceArray.from_host(np.full(X.shape, 7, np.float32), stream=own.handle)
    np.testing.assert_allclose(mean.to_host(), X.mean(axis=0))
    np.testing.assert_allclose(m2.to_host() / count, X.var(axis=0))


@pytest.mark.cuda
def test_foreign_arrays_are_borrowed_without_a_copy_and_kept(cuda):
    class Foreign:
        alive = 0

        def __init__(self):
            self.array = cuda(X)
            self.__cuda_array_interface__ = self.array.__cuda_array_interface__
            Foreign.alive += 1

        def __del__(self):
            Foreign.alive -= 1

    foreign = Foreign()
    pointer = foreign.array.pointer
    view = kernels.rows(foreign, 2, 4)
    del foreign
    gc.collect()
    assert view.pointer == pointer + 2 * X[0].nbytes
    assert Foreign.alive == 1
    np.testing.assert_array_equal(view.to_host(), X[2:])
    del view
    gc.collect()
    assert Foreign.alive == 0


@pytest.mark.cuda
def test_memory_that_another_library_was_handed_goes_back_after_its_work(cuda):
    """As torch does: it reads the address, not the stream, and queues work that nobody here knows of."""

    class Handed:
        def __init__(self, array):
            told = array.__cuda_array_interface__
            self.__cuda_array_interface__ = {**told, "stream": None}

    other = _core.Stream()
    for _ in range(10):
        own = _core.Stream()
        x = kernels.DeviceArray.from_host(X.reshape(4, 6), stream=own.handle)
        handed = kernels.borrow(Handed(x), stream=other.handle)
        powers = kernels.row_power(handed, stream=other.handle)
        del x
        again = kernels.DeviceArray.from_host(np.full((4, 6), 7, np.float32), stream=own.handle)
        np.testing.assert_array_equal(
            powers.to_host(), np.square(X.reshape(4, 6).astype(np.float64)).sum(axis=1)
        )
        del again


# --- devices that cannot be used, on the emulated one ------------------------------------------------------------------

emulated = pytest.mark.skipif(not _core.cuda_emulated, reason="only an emulated device can be made so")


@emulated
@pytest.mark.cuda
@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        (
            "FIQX_EMULATED_CAPABILITY",
            "7.0",
            "CUDA device 0 has compute capability 7.0, and fiqx_trt is built for 75-real,.*; give NumPy arrays, or "
            "install it again with -C cmake.define.CMAKE_CUDA_ARCHITECTURES=70",
        ),
        ("FIQX_EMULATED_POOLS", "0", r"CUDA device 0 has no memory pools \(cudaMallocAsync\)"),
    ],
)
def test_a_device_without_code_or_pools_says_so_before_a_kernel_fails(cuda, monkeypatch, name, value, text):
    monkeypatch.setenv(name, value)
    assert _core.cuda_device_count() == 0
    assert re.match(text, _core.cuda_reason())
    for use in (lambda: cuda(X), _core.Stream):
        with pytest.raises(CudaUnavailableError, match=text):
            use()
    monkeypatch.delenv(name)
    assert _core.cuda_device_count() == 1
    assert _core.cuda_reason() == ""


@emulated
@pytest.mark.cuda
def test_a_device_that_is_not_there(cuda):
    assert _core.cuda_reason(1) == "there is no CUDA device 1; this machine has 1"
    with pytest.raises(CudaUnavailableError, match="there is no CUDA device 1; this machine has 1"):
        kernels.DeviceArray((2,), np.float32, device=1)


@emulated
@pytest.mark.cuda
def test_page_locked_memory_is_freed_as_it_was_got(cuda):
    """Also where the devices cannot be counted any more: in a forked child, or after a failed launch."""
    code = """
import os
from fiqx_trt import _core
locked = _core.pinned((1000,), "float32")
os.environ["FIQX_EMULATED_DEVICES"] = "lost"
assert _core.cuda_device_count() == 0
ordinary = _core.pinned((1000,), "float32")
locked[:] = ordinary[:] = 1
del locked
os.environ["FIQX_EMULATED_DEVICES"] = "1"
del ordinary
print("freed")
"""
    start = f"import importlib.util, sys\nspec = importlib.util.spec_from_file_location('fiqx_trt._core', {_core.__file__!r})\n"
    load = "import types\nmodule = importlib.util.module_from_spec(spec)\nsys.modules['fiqx_trt._core'] = module\n"
    done = subprocess.run(
        [sys.executable, "-c", start + load + "spec.loader.exec_module(module)\n" + code],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "freed\n"), done.stderr


# --- streams ------------------------------------------------------------------------------------------------------------


@pytest.mark.cuda
def test_streams_wait_for_each_other(cuda):
    first, second = _core.Stream(), _core.Stream()
    assert first.handle != second.handle
    second.wait(first.handle)
    second.synchronize()
    assert (first.device, second.device) == (0, 0)
