"""CPU and CUDA from one formula: the same bits, for every kernel."""

from __future__ import annotations

from functools import partial
from itertools import product

import numpy as np
import pytest

from fiqx_trt import kernels
from fiqx_trt.errors import DeviceMismatchError, InvalidInputError

pytestmark = pytest.mark.cuda

RNG = np.random.default_rng(0)
FACES = RNG.integers(0, 256, (5, 30, 41, 3), dtype=np.uint8)
VECTORS = RNG.standard_normal((5, 1031), dtype=np.float32)
EMBEDDINGS = RNG.standard_normal((7, 37, 130), dtype=np.float32)
CHANNELS = RNG.standard_normal((6, 7, 5), dtype=np.float32)
CHANNELS[2], CHANNELS[3, 1, 1] = 0.1, np.nan
FACE = RNG.standard_normal((3, 50, 41), dtype=np.float32)
FEATURES = RNG.standard_normal((3, 6, 7, 5), dtype=np.float32)
FEATURES[1], FEATURES[2, 0, 0, 0] = 0.1, np.nan
WEIGHTS = RNG.random((3, 6), dtype=np.float32)
GRADIENT, SCALE = RNG.standard_normal((4, 3, 23, 29), dtype=np.float32), RNG.random(4)
CONTRAST = RNG.random((4, 23, 29), dtype=np.float32)
MAPS, MORE = RNG.random((9, 23, 29), dtype=np.float32), RNG.random((4, 23, 29), dtype=np.float32)
BROKEN = np.where(np.arange(4)[:, None, None] == 1, -np.float32(np.nan), MORE)
OWN, INDEX = RNG.standard_normal((3, 1031)), np.array([2, 0, 0, 1, 2])
DEGENERATE = np.where(np.arange(7)[:, None, None] == 3, np.float32(0), EMBEDDINGS)

RULES = ({}, {"align_corners": True}, {"relu": True})


def moments(first, second):
    """Two pushed states and their merge, on the device of the arrays."""
    states = []
    for maps in (first, second):
        mean, m2 = (like(maps, np.zeros(maps.shape[1:])) for _ in range(2))
        states.append((mean, m2, kernels.pixel_moments(maps, mean, m2, count=0)))
    kernels.pixel_moments_merge(*states[0], *states[1])
    return states[0][:2]


def histogram(first, second):
    counts, other = (like(first, np.zeros((*first.shape[1:], 32), np.uint32)) for _ in range(2))
    kernels.pixel_histogram(first, counts)
    kernels.pixel_histogram(second, other)
    kernels.pixel_histogram_merge(counts, other)
    return counts, kernels.pixel_histogram_quantile(counts, 0.3)


def like(array, values):
    return values if isinstance(array, np.ndarray) else kernels.DeviceArray.from_host(values)


CASES = {
    "dropout_expand": ((VECTORS,), lambda h: kernels.dropout_expand(h, passes=9, dropout=0.3, seed=7)),
    "pair_spread": ((EMBEDDINGS,), kernels.pair_spread),
    "pair_spread-degenerate": ((DEGENERATE,), kernels.pair_spread),
    "cam_constant": ((FEATURES,), kernels.cam_constant),
    "pixel_quality": ((GRADIENT, SCALE), partial(kernels.pixel_quality, gamma=1.0)),
    "pixel_quality-clipped": ((GRADIENT, SCALE), partial(kernels.pixel_quality, gamma=1.0, clip=10.0)),
    "pixel_quality-contrast": (
        (GRADIENT, SCALE, CONTRAST),
        partial(kernels.pixel_quality, gamma=1.0, clip=10.0),
    ),
    "local_contrast": ((FACES,), kernels.local_contrast),
    "local_contrast-empty": ((FACES[:0],), kernels.local_contrast),
    "pixel_moments": ((MAPS, MORE), moments),
    "pixel_histogram": ((MAPS, MORE), histogram),
    "pixel_range": ((MAPS - np.float32(0.5),), kernels.pixel_range),
    "pixel_range-nan": ((BROKEN,), kernels.pixel_range),
    "pixel_range-empty": ((MAPS[:0],), kernels.pixel_range),
    "pixel_range-signed-zeros": ((np.where(MAPS > 0.5, np.float32(0), -np.float32(0)),), kernels.pixel_range),
    "row_power": ((VECTORS,), kernels.row_power),
    "row_power-weighted": ((VECTORS, OWN[0]), kernels.row_power),
    "row_power-aligned": ((EMBEDDINGS[0, :, :128].copy(), OWN[0, :128].copy()), kernels.row_power),
    "row_cosine": ((VECTORS, VECTORS[::-1].copy()), kernels.row_cosine),
    "row_cosine-wide": ((VECTORS, OWN, INDEX), kernels.row_cosine),
    "row_cosine-aligned": ((VECTORS[:, :1028].copy(), OWN[:, :1028].copy(), INDEX), kernels.row_cosine),
    "row_cosine-degenerate": ((DEGENERATE[3], EMBEDDINGS[3]), kernels.row_cosine),
    "pixel_median-odd": ((MAPS,), kernels.pixel_median),
    "pixel_median-even": ((MORE,), kernels.pixel_median),
}
for color, dtype in product(("rgb", "bgr", "gray"), ("float32", "float16")):
    options = {"mean": 127.5, "std": (128, 127.5, 58.4), "color": color, "dtype": dtype}
    CASES[f"face_input-{color}-{dtype}"] = ((FACES,), partial(kernels.face_input, **options))
for rule, dtype in product((*RULES, {"minmax": "before"}, {"subtract_min": False}), ("float32", "float16")):
    call = partial(kernels.cam_masks, channels=[0, 2, 3, 5], dtype=dtype, **rule)
    CASES[f"cam_masks-{rule}-{dtype}"] = ((CHANNELS, FACE), call)
for rule in (*RULES, {"upsample_first": True}, {"minmax_twice": True}, {"relu_activations": True}):
    CASES[f"cam_combine-{rule}"] = ((FEATURES, WEIGHTS), partial(kernels.cam_combine, size=(50, 41), **rule))


@pytest.mark.parametrize("case", CASES)
def test_the_same_bits(cuda, case):
    arrays, kernel = CASES[case]
    wanted, got = kernel(*arrays), kernel(*map(cuda, arrays))
    if not isinstance(wanted, tuple):
        wanted, got = (wanted,), (got,)
    for there, here in zip(got, wanted, strict=True):
        np.testing.assert_array_equal(there.to_host(), here)


def test_empty_batches(cuda):
    assert kernels.pair_spread(cuda(EMBEDDINGS[:0])).to_host().shape == (0,)


def test_an_index_that_the_host_cannot_see_gives_nan(cuda):
    got = kernels.row_cosine(cuda(VECTORS), cuda(OWN), cuda(np.array([2, 3, 0, -1, 1]))).to_host()
    np.testing.assert_array_equal(np.isnan(got), [False, True, False, True, False])


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
