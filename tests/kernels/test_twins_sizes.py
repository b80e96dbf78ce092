"""The same bits from CPU and CUDA at the sizes where a CUDA loop takes another path.

Rows that are whole packs of 16 bytes and rows that are not, more rows than a tile or a launch holds, grids too large
for shared memory, memory that begins between packs.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from fiqx_trt import kernels

pytestmark = pytest.mark.cuda

BOTH = ("float32", "float16")


def random(*shape):
    return np.random.default_rng(shape).standard_normal(shape, dtype=np.float32)


def assert_same(cuda, kernel, *arrays):
    wanted, got = kernel(*arrays), kernel(*map(cuda, arrays))
    if not isinstance(wanted, tuple):
        wanted, got = (wanted,), (got,)
    for there, here in zip(got, wanted, strict=True):
        np.testing.assert_array_equal(there.to_host(), here)


class Shifted:
    """A device array that begins one element behind the memory's start, so that no pack of it is aligned."""

    def __init__(self, cuda, array):
        self.memory = cuda(np.concatenate([array.ravel()[:1], array.ravel()]))
        interface = self.memory.__cuda_array_interface__
        at = interface["data"][0] + array.itemsize
        self.__cuda_array_interface__ = {**interface, "data": (at, False), "shape": array.shape}
        self.shape = array.shape


@pytest.mark.parametrize("dtype", BOTH)
@pytest.mark.parametrize("color", ["rgb", "bgr", "gray"])
@pytest.mark.parametrize("shape", [(2, 16, 16), (3, 5, 7), (1, 112, 112), (2, 2, 2), (1, 1, 1)])
def test_face_input(cuda, shape, color, dtype):
    faces = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    call = partial(kernels.face_input, mean=(127.5, 104, 91.5), std=(128, 1, 57.1), color=color, dtype=dtype)
    assert_same(cuda, call, faces)


@pytest.mark.parametrize(
    ("n", "features", "passes"), [(3, 64, 4), (2, 1028, 5), (1, 7, 1), (2, 4, 13), (2, 1, 3), (0, 8, 2)]
)
def test_dropout_expand(cuda, n, features, passes):
    assert_same(cuda, partial(kernels.dropout_expand, passes=passes, seed=2**63 + 5), random(n, features))


@pytest.mark.parametrize("width", [1, 16, 100])
@pytest.mark.parametrize("m", [2, 7, 8, 9, 16, 17, 24, 33, 40])
def test_pair_spread(cuda, m, width):
    assert_same(cuda, kernels.pair_spread, random(3, m, width))


def test_pair_spread_of_more_rows_than_a_block_has_threads(cuda):
    assert_same(cuda, kernels.pair_spread, random(1, 260, 3))


RULES = [{}, {"minmax": "before"}, {"align_corners": True, "relu": True}]


#: Grids whose rows at full width take nearly, exactly and more than the 48 KB of shared memory that a block has.
NEARLY_FULL = [((93, 2), (128, 128)), ((92, 2), (128, 128)), ((94, 2), (128, 128))]


@pytest.mark.parametrize(("grid", "size"), NEARLY_FULL)
def test_grids_that_nearly_fill_the_shared_memory(cuda, grid, size):
    """What a kernel declares comes out of the same 48 KB; beyond them CUDA refuses the launch."""
    assert_same(cuda, kernels.cam_masks, random(1, *grid), random(3, *size))
    assert_same(cuda, partial(kernels.cam_combine, size=size), random(1, 2, *grid), random(1, 2))


@pytest.mark.parametrize("dtype", BOTH)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(
    ("grid", "size"), [((7, 7), (40, 32)), ((14, 13), (31, 260)), ((1, 1), (5, 4)), ((60, 4), (9, 260))]
)
def test_cam_masks(cuda, grid, size, rule, dtype):
    activations, face = random(5, *grid), random(3, *size)
    activations[1], activations[3, 0, 0] = 2, np.inf
    assert_same(cuda, partial(kernels.cam_masks, dtype=dtype, **rule), activations, face)


def test_more_masks_than_a_launch_takes(cuda):
    activations, channels = random(9, 3, 3), np.arange(769) % 9
    assert_same(cuda, partial(kernels.cam_masks, channels=channels), activations, random(3, 4, 4))


def test_masks_into_some_rows_of_a_batch(cuda):
    activations, face = random(3, 4, 4), random(3, 8, 8)
    batch = cuda(np.zeros((5, 3, 8, 8), np.float16))
    interface = {**batch.__cuda_array_interface__, "shape": (3, 3, 8, 8)}
    interface["data"] = (interface["data"][0] + 3 * 64 * 2, False)
    out = Shifted(cuda, np.zeros(1, np.float16))
    out.__cuda_array_interface__ = interface
    kernels.cam_masks(cuda(activations), cuda(face), dtype="float16", out=out)
    wanted = np.zeros((5, 3, 8, 8), np.float16)
    kernels.cam_masks(activations, face, dtype="float16", out=wanted[1:4])
    np.testing.assert_array_equal(batch.to_host(), wanted)


@pytest.mark.parametrize("cells", [1, 31, 49, 200])
def test_cam_constant(cuda, cells):
    features = random(2, 70, 1, cells)
    features[0, 3:9], features[1, 5, 0, -1], features[1, 6, 0, 0] = 1.5, np.nan, -np.inf
    features[1, 60:] = -np.abs(features[1, 60:])
    for relu in (False, True):
        assert_same(cuda, partial(kernels.cam_constant, relu=relu), features)


@pytest.mark.parametrize(
    "rule", [{}, {"minmax_twice": True}, {"upsample_first": True, "align_corners": True}]
)
@pytest.mark.parametrize(
    ("channels", "grid", "size"),
    [
        (64, (8, 8), (16, 20)),
        (130, (14, 14), (20, 31)),
        (1, (1, 1), (3, 4)),
        (0, (2, 2), (4, 4)),
        (3, (60, 4), (9, 260)),
    ],
)
def test_cam_combine(cuda, channels, grid, size, rule):
    activations, weights = random(3, channels, *grid), random(3, channels)
    if channels > 1:
        weights[1, 1], activations[1, 1], activations[2, 0, 0, 0] = 0, np.nan, np.nan
    assert_same(cuda, partial(kernels.cam_combine, size=size, **rule), activations, weights)


@pytest.mark.parametrize("clip", [None, 5.0])
@pytest.mark.parametrize("size", [(16, 16), (13, 7), (1, 1), (40, 30)])
def test_pixel_quality(cuda, size, clip):
    gradient, scale = random(3, 3, *size), np.array([0.5, 2.0, -1.0])
    gradient[1] = 0
    call = partial(kernels.pixel_quality, gamma=2.0, clip=clip)
    assert_same(cuda, call, gradient, scale)
    assert_same(cuda, call, gradient, scale, random(3, *size))


@pytest.mark.parametrize(
    "shape", [(2, 32, 32), (1, 112, 112), (3, 33, 65), (2, 5, 100), (1, 1, 1), (2, 4, 31)]
)
def test_local_contrast(cuda, shape):
    faces = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    assert_same(cuda, kernels.local_contrast, faces)


def pushed(before, maps):
    device = not isinstance(maps, np.ndarray)
    mean, m2 = (np.full(maps.shape[1:], value) for value in (0.25, 1.5))
    if device:
        mean, m2 = map(kernels.DeviceArray.from_host, (mean, m2))
    kernels.pixel_moments(maps, mean, m2, count=before)
    return mean, m2


@pytest.mark.parametrize("before", [0, 7])
@pytest.mark.parametrize("shape", [(200, 9, 9), (64, 8, 8), (65, 8, 4), (1, 5, 7), (3, 1, 1)])
def test_pixel_moments(cuda, shape, before):
    assert_same(cuda, partial(pushed, before), random(*shape))


@pytest.mark.parametrize("count", [0, 5])
@pytest.mark.parametrize("size", [(8, 8), (5, 7)])
def test_pixel_moments_merge(cuda, size, count):
    def merged(*states):
        kernels.pixel_moments_merge(*states[:2], count, *states[2:], 3)
        return states[:2]

    states = [np.random.default_rng(k).random(size) for k in range(4)]
    wanted = merged(*(state.copy() for state in states))
    for there, here in zip(merged(*map(cuda, states)), wanted, strict=True):
        np.testing.assert_array_equal(there.to_host(), here)


@pytest.mark.parametrize("shape", [(3, 16, 16), (1, 1, 5), (40, 33, 1), (1, 1, 1)])
def test_pixel_range(cuda, shape):
    assert_same(cuda, kernels.pixel_range, random(*shape))


# From 64 maps on, up to 256 bins are counted in shared memory.
@pytest.mark.parametrize(
    ("shape", "bins"),
    [
        ((10, 8, 8), 12),
        ((3, 5, 7), 12),
        ((64, 5, 7), 256),
        ((200, 8, 8), 13),
        ((65, 1, 2), 1),
        ((64, 3, 5), 257),
    ],
)
def test_pixel_histogram(cuda, shape, bins):
    maps = random(*shape)
    maps[0, 0, :2] = np.nan, np.inf
    before = np.random.default_rng(1).integers(0, 9, (*shape[1:], bins), dtype=np.uint32)
    wanted, got = before.copy(), cuda(before)
    kernels.pixel_histogram(maps, wanted)
    kernels.pixel_histogram(cuda(maps), got)
    kernels.pixel_histogram_merge(got, cuda(wanted))
    kernels.pixel_histogram_merge(wanted, wanted.copy())
    np.testing.assert_array_equal(got.to_host(), wanted)
    for q in (0.0, 0.5, 0.77, 1.0):
        assert_same(cuda, partial(kernels.pixel_histogram_quantile, q=q), wanted)


def spread_over_all_floats(rng, shape):
    bits = rng.integers(0, 2**32, shape, dtype=np.uint32)
    floats = bits.view(np.float32)
    return np.where(np.isnan(floats), np.float32(0), floats)


VALUES = {
    "even": lambda rng, shape: rng.random(shape, dtype=np.float32),
    "few": lambda rng, shape: rng.integers(0, 3, shape).astype(np.float32),
    "all": spread_over_all_floats,
    # The two middle values part at the last digit, at the third, at the first.
    "last digit": lambda rng, shape: np.float32(1) + rng.integers(0, 99, shape) * np.float32(2**-23),
    "third digit": lambda rng, shape: np.float32(1) + rng.integers(0, 99, shape) * np.float32(2**-14),
    "first digit": lambda rng, shape: np.exp(20 * rng.standard_normal(shape)).astype(np.float32),
    "signs": lambda rng, shape: rng.choice(np.array([-0.0, 0.0, -1, 1, -np.inf, np.inf], np.float32), shape),
}


@pytest.mark.filterwarnings("ignore:invalid value encountered")
@pytest.mark.parametrize("values", VALUES)
@pytest.mark.parametrize("count", [1, 2, 3, 4, 33, 256, 257, 600])
def test_pixel_median(cuda, count, values):
    maps = VALUES[values](np.random.default_rng(count), (count, 5, 7)).astype(np.float32)
    assert_same(cuda, kernels.pixel_median, maps)
    maps[count // 2, 2, 3] = -np.float32(np.nan)
    assert_same(cuda, kernels.pixel_median, maps)


@pytest.mark.parametrize("width", [128, 516, 3, 0])
def test_row_products(cuda, width):
    x, weights = random(20, width), np.random.default_rng(0).random(width)
    references, index = random(4, width).astype(np.float64), np.arange(20) % 4
    assert_same(cuda, kernels.row_power, x)
    assert_same(cuda, kernels.row_power, x, weights)
    for dtype in (np.float32, np.float64):
        assert_same(cuda, kernels.row_cosine, x, references.astype(dtype), index)


def test_memory_that_begins_between_packs(cuda):
    faces = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), dtype=np.uint8)
    maps, features, face, weights = random(6, 8, 8), random(2, 3, 4, 4), random(3, 8, 8), random(2, 3)
    calls = [
        (partial(kernels.face_input, mean=1, std=2), faces),
        (partial(kernels.dropout_expand, passes=5), random(3, 64)),
        (kernels.pair_spread, random(2, 9, 16)),
        (kernels.pixel_median, maps),
        (kernels.pixel_range, maps),
        (partial(pushed, 0), maps),
        (kernels.cam_masks, features[0], face),
        (partial(kernels.cam_combine, size=(8, 8)), features, weights),
        (partial(kernels.pixel_quality, gamma=1.0), random(2, 3, 8, 8), np.ones(2)),
        (partial(kernels.pixel_quality, gamma=1.0), random(2, 3, 8, 8), np.ones(2), random(2, 8, 8)),
        (kernels.local_contrast, np.arange(2 * 8 * 8 * 3, dtype=np.uint8).reshape(2, 8, 8, 3)),
        (kernels.row_power, random(3, 64), np.ones(64)),
        (kernels.row_cosine, random(3, 64), random(3, 64)),
    ]
    for kernel, *arrays in calls:
        assert_same(partial(Shifted, cuda), kernel, *arrays)
