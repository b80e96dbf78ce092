"""CPU and CUDA from one formula: the same bits, for every kernel."""

from __future__ import annotations

import numpy as np
import pytest

from fiqx_trt import kernels
from fiqx_trt.errors import DeviceMismatchError, InvalidInputError

pytestmark = pytest.mark.cuda

RNG = np.random.default_rng(0)
FACES = RNG.integers(0, 256, (5, 30, 41, 3), dtype=np.uint8)
VECTORS = RNG.standard_normal((5, 1031), dtype=np.float32)
EMBEDDINGS = RNG.standard_normal((7, 37, 130), dtype=np.float32)
DEGENERATE = np.where(np.arange(7)[:, None, None] == 3, np.float32(0), EMBEDDINGS)

CASES = {
    **{
        f"face_input-{color}-{dtype}": (
            FACES,
            lambda x, color=color, dtype=dtype: kernels.face_input(
                x, mean=127.5, std=(128, 127.5, 58.4), color=color, dtype=dtype
            ),
        )
        for color in ("rgb", "bgr", "gray")
        for dtype in ("float32", "float16")
    },
    "dropout_expand": (VECTORS, lambda h: kernels.dropout_expand(h, passes=9, dropout=0.3, seed=7)),
    "pair_spread": (EMBEDDINGS, kernels.pair_spread),
    "pair_spread-degenerate": (DEGENERATE, kernels.pair_spread),
}


@pytest.mark.parametrize("case", CASES)
def test_the_same_bits(cuda, case):
    array, kernel = CASES[case]
    np.testing.assert_array_equal(kernel(cuda(array)).to_host(), kernel(array))


def test_empty_batches(cuda):
    assert kernels.pair_spread(cuda(EMBEDDINGS[:0])).to_host().shape == (0,)


def test_a_device_array_survives_the_journey(cuda):
    array = cuda(VECTORS)
    assert array.shape == VECTORS.shape
    assert array.dtype == np.float32
    np.testing.assert_array_equal(array.to_host(), VECTORS)


def test_mixtures_name_the_cure(cuda):
    out = np.empty((5 * 9, 1031), np.float32)
    with pytest.raises(
        DeviceMismatchError, match=r"out is a NumPy array on the CPU; move one of them.*torch"
    ):
        kernels.dropout_expand(cuda(VECTORS), passes=9, out=out)


def test_host_memory_in_disguise_is_refused(cuda, fake_device):
    with pytest.raises(InvalidInputError, match="points to host memory"):
        kernels.pair_spread(fake_device(EMBEDDINGS))


def test_strided_device_arrays_are_refused(cuda, fake_device):
    array = cuda(EMBEDDINGS)
    entries = {**array.__cuda_array_interface__, "strides": (4, 8, 12)}
    with pytest.raises(InvalidInputError, match=r"embeddings is not C-contiguous; give x\.contiguous"):
        kernels.pair_spread(fake_device(EMBEDDINGS, **entries))


def test_torch_tensors_are_read_on_their_own_stream(cuda):
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("torch sees no device")
    with torch.cuda.stream(torch.cuda.Stream()):
        x = torch.as_tensor(EMBEDDINGS).cuda()
        got = torch.as_tensor(kernels.pair_spread(x), device="cuda").cpu().numpy()
    np.testing.assert_array_equal(got, kernels.pair_spread(EMBEDDINGS))
