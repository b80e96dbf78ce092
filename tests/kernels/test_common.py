"""What holds for every kernel: how arrays come in, where results go, and what refusals say."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from fiqx_trt import _core, kernels
from fiqx_trt.errors import CudaError, CudaUnavailableError, DeviceMismatchError, InvalidInputError

H = np.arange(12, dtype=np.float32).reshape(3, 4)


def expand(h, **options):
    return kernels.dropout_expand(h, passes=2, **options)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ([[1.0]], r"dropout_expand: h is a list, wanted a NumPy array or .*np\.asarray\(x\)"),
        (None, "h is a NoneType"),
        (
            H.astype(np.float64),
            r'h has dtype float64, wanted float32 \(N, F\); convert it with \.astype\("float32"\)',
        ),
        (H.astype(np.complex64), r"h has dtype complex64, which no kernel reads"),
        (H[0], r"h has shape \(4,\), wanted float32 \(N, F\); give a single one as h\[None\]"),
        (H[None], r"h has shape \(1, 3, 4\), wanted float32 \(N, F\); reshape or transpose it"),
    ],
)
def test_a_wrong_array_is_refused_with_the_cure(given, text):
    with pytest.raises(InvalidInputError, match=text):
        expand(given)


@pytest.mark.parametrize(
    "strange",
    [
        H[::-1, ::-1][::-1, ::-1],
        np.asfortranarray(H),
        np.repeat(H, 2, axis=1)[:, ::2],
        H.astype(">f4"),
        np.frombuffer(b"\0" + H.tobytes(), np.uint8)[1:].view(np.float32).reshape(3, 4),
    ],
    ids=["reversed", "fortran", "strided", "big-endian", "misaligned"],
)
def test_numpy_inputs_may_lie_in_memory_as_they_like(strange):
    np.testing.assert_array_equal(expand(strange), expand(H))


def test_read_only_inputs_are_fine():
    frozen = H.copy()
    frozen.flags.writeable = False
    np.testing.assert_array_equal(expand(frozen), expand(H))


def test_out_receives_the_result_and_is_returned():
    out = np.full((6, 4), np.nan, np.float32)
    assert expand(H, out=out) is out
    np.testing.assert_array_equal(out, expand(H))


def test_out_may_be_whole_rows_of_a_larger_array():
    batch = np.full((10, 4), -1, np.float32)
    expand(H, out=batch[2:8])
    np.testing.assert_array_equal(batch[2:8], expand(H))
    assert (batch[:2] == -1).all()
    assert (batch[8:] == -1).all()


@pytest.mark.parametrize(
    ("out", "text"),
    [
        (np.empty((5, 4), np.float32), r"out is float32 \(5, 4\), wanted float32 \(6, 4\); leave it out"),
        (np.empty((6, 4), np.float64), r"out is float64 \(6, 4\), wanted float32 \(6, 4\)"),
        (np.empty((4, 6), np.float32).T, "out is not C-contiguous; give np.empty"),
        (np.broadcast_to(np.float32(0), (6, 4)), "out is read-only; give an array of your own"),
        ([0.0], "out is a list"),
    ],
)
def test_a_wrong_out_is_refused(out, text):
    with pytest.raises(InvalidInputError, match=text):
        expand(H, out=out)


def test_the_kernel_releases_the_gil():
    """Two threads in one kernel at the same time both finish, and agree."""
    results: list[np.ndarray] = []
    threads = [threading.Thread(target=lambda: results.append(expand(H))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=600)
    assert len(results) == 4
    assert all((r == results[0]).all() for r in results)


# --- devices -----------------------------------------------------------------------------------------------------

no_device = pytest.mark.skipif(_core.cuda_device_count() > 0, reason="says what happens without a device")


@no_device
def test_a_device_array_without_cuda_is_an_error_that_names_the_cure(fake_device):
    why = "no CUDA device can be used here" if _core.cuda_built else "this build of fiqx_trt has no CUDA"
    with pytest.raises(
        CudaUnavailableError, match=rf"dropout_expand: h is a device array: {why}.*give NumPy arrays"
    ):
        expand(fake_device(H))


@no_device
def test_a_device_out_without_cuda_is_refused_too(fake_device):
    with pytest.raises(CudaUnavailableError, match="out is a device array"):
        expand(H, out=fake_device(np.empty((6, 4), np.float32)))


@no_device
def test_device_memory_without_cuda():
    assert _core.cuda_reason()
    with pytest.raises(CudaError, match="CUDA"):
        kernels.DeviceArray((2, 3), np.float32)


def test_device_arrays_know_the_kernels_dtypes_only():
    with pytest.raises(InvalidInputError, match="DeviceArray: dtype complex128 is known to no kernel"):
        kernels.DeviceArray((2,), np.complex128)
    with pytest.raises(InvalidInputError, match=r"shape is \(-1,\), wanted axes of 0 or more"):
        kernels.DeviceArray((-1,), np.float32)


def test_errors_are_the_builtins_too():
    assert issubclass(InvalidInputError, ValueError)
    assert issubclass(DeviceMismatchError, InvalidInputError)
    assert issubclass(CudaUnavailableError, CudaError)
    assert issubclass(CudaError, RuntimeError)
