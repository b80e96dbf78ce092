"""Statistics of maps against NumPy in float64, and the laws of merging."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.statistics import CompactMaps, GridStatistics, MapStatistics
from fiqx_trt.statistics.upsampling import axis_weights, pixel_tiles, upsample
from support.map_statistics import SIZE, check, pushed, some_maps

GRID, LARGE = (7, 7), (112, 112)


def some_grids(
    count: int, seed: int = 0, grid: tuple[int, int] = GRID, size: tuple[int, int] = LARGE
) -> CompactMaps:
    """Scaled as finished maps are: the pixels of each reach from 0 to 1."""
    grids = np.random.default_rng(seed).standard_normal((count, *grid))
    pixels = upsample(grids, size)
    low, high = pixels.min(axis=(1, 2), keepdims=True), pixels.max(axis=(1, 2), keepdims=True)
    return CompactMaps(((grids - low) / (high - low)).astype(np.float32), size)


@pytest.mark.parametrize("count", [1, 2, 3, 10, 101])
@pytest.mark.parametrize("budget", [0, 1 << 20])
def test_agrees_with_the_definitions(count: int, budget: int) -> None:
    maps = some_maps(count)
    stats = pushed([maps], memory_budget=budget, bins=512)
    check(stats, maps)
    assert stats.median_exact == (budget > 0)
    assert stats.median_error == (0.0 if budget else 1 / 1024)


def test_the_exact_median_of_an_even_count_is_the_mean_of_the_middle_two() -> None:
    stats = pushed([np.array([[[0.1]], [[0.2]], [[0.6]], [[0.9]]], np.float32)])
    assert stats.median[0, 0] == pytest.approx(0.4, abs=1e-7)


@pytest.mark.law
@given(
    sizes=st.lists(st.integers(0, 4), min_size=1, max_size=6),
    budget=st.sampled_from([0, 60 * 5, 60 * 9, 1 << 20]),
    data=st.data(),
)
@settings(max_examples=60, deadline=None)
def test_any_split_in_any_order_is_one_pass(sizes: list[int], budget: int, data: st.DataObject) -> None:
    maps = some_maps(sum(sizes), seed=sum(sizes))
    parts = np.split(maps, np.cumsum(sizes)[:-1])
    states = [MapStatistics(SIZE, memory_budget=budget, bins=64) for _ in parts]
    for state, part in zip(states, parts, strict=True):
        state.push(part)
    while len(states) > 1:  # any binary tree of merges
        i = data.draw(st.integers(0, len(states) - 2))
        a, b = states.pop(i), states.pop(data.draw(st.integers(0, len(states) - 1)))
        a.merge(b)
        states.append(a)
    whole = pushed([maps], memory_budget=budget, bins=64)
    merged = states[0]
    assert (merged.count, merged.nbytes) == (whole.count, whole.nbytes)
    if len(maps) == 0:
        return
    check(merged, maps)
    assert merged.median_exact == whole.median_exact
    np.testing.assert_array_equal(merged.median, whole.median)


@pytest.mark.law
def test_the_empty_state_is_the_identity() -> None:
    full, empty = pushed([some_maps(5)]), MapStatistics(SIZE)
    for total in (full + empty, empty + full):
        assert total.count == 5
        np.testing.assert_array_equal(total.mean, full.mean)
        np.testing.assert_array_equal(total.std, full.std)
        np.testing.assert_array_equal(total.median, full.median)
    assert empty.count == 0


def test_addition_leaves_both_operands_as_they_are() -> None:
    for budget in (0, 1 << 20):
        a, b = (
            pushed([some_maps(4)], memory_budget=budget),
            pushed([some_maps(3, seed=1)], memory_budget=budget),
        )
        before = [(s.count, s.mean, s.std, s.median) for s in (a, b)]
        total = a + b
        total.push(some_maps(2, seed=2))
        assert total.count == 9
        for state, (count, *arrays) in zip((a, b), before, strict=True):
            assert state.count == count
            for now, then in zip((state.mean, state.std, state.median), arrays, strict=True):
                np.testing.assert_array_equal(now, then)


def test_later_changes_of_pushed_arrays_change_nothing() -> None:
    maps = some_maps(3)
    stats = pushed([maps])
    median = stats.median
    maps[:] = 0
    np.testing.assert_array_equal(stats.median, median)


@pytest.mark.parametrize("budget", [0, 1 << 20])
def test_pickles(budget: int) -> None:
    stats = pushed([some_maps(6)], memory_budget=budget)
    again = pickle.loads(pickle.dumps(stats))
    for name in ("count", "mean", "std", "median", "median_std", "median_error", "nbytes"):
        np.testing.assert_array_equal(getattr(again, name), getattr(stats, name))
    again.push(some_maps(1))
    assert (again.count, stats.count) == (7, 6)


def test_deviation_survives_a_large_offset() -> None:
    maps = (0.9 + 1e-4 * some_maps(1000)).astype(np.float32)
    stats = pushed(list(np.array_split(maps, 7)))
    np.testing.assert_allclose(stats.std, maps.astype(np.float64).std(axis=0), rtol=1e-9)


def test_one_map_has_no_deviation() -> None:
    stats = pushed([some_maps(1)])
    assert not stats.std.any()
    assert not stats.median_std.any()


def test_states_of_ten_and_of_a_hundred_thousand_maps_take_the_same_memory() -> None:
    maps = some_maps(10, (4, 4))
    few, many = (MapStatistics((4, 4), memory_budget=0) for _ in range(2))
    few.push(maps)
    thousand = np.tile(maps, (100, 1, 1))
    for _ in range(100):
        many.push(thousand)
    assert many.count == 100_000
    assert many.nbytes == few.nbytes
    assert len(pickle.dumps(many)) <= len(pickle.dumps(few)) + 16
    np.testing.assert_allclose(many.mean, few.mean, rtol=1e-12)
    np.testing.assert_allclose(many.std, few.std, rtol=1e-9)
    np.testing.assert_array_equal(many.median, few.median)
    grids, crowd = (GridStatistics(LARGE, GRID, bins=None) for _ in range(2))
    grids.push(some_grids(10))
    crowd.push(CompactMaps(np.tile(some_grids(10).grids, (10_000, 1, 1)), LARGE))
    assert crowd.count == 100_000
    assert crowd.nbytes == grids.nbytes < 25_000


def test_the_state_never_outgrows_its_bound() -> None:
    bound = 2 * 8 * 15 + max(60 * 5, 4 * 15 * 16)
    stats = MapStatistics(SIZE, memory_budget=60 * 5, bins=16)
    for _ in range(30):
        stats.push(some_maps(1))
        assert stats.nbytes <= bound


@pytest.mark.parametrize("budget", [0, 1 << 22])
def test_the_compact_form_equals_the_pixelwise_one(budget: int) -> None:
    maps = some_grids(60)
    compact = GridStatistics(LARGE, GRID, memory_budget=budget)
    for start in range(0, 60, 13):
        compact.push(maps.take(slice(start, start + 13)))
    plain = pushed([maps.pixels()], memory_budget=budget)
    assert compact.median_exact == plain.median_exact
    for name in ("mean", "std", "median", "median_std"):
        np.testing.assert_allclose(
            getattr(compact, name), getattr(plain, name), rtol=0, atol=1e-6, err_msg=name
        )
    assert compact.nbytes < plain.nbytes


@pytest.mark.law
@given(
    sizes=st.lists(st.integers(0, 3), min_size=1, max_size=5), budget=st.sampled_from([0, 24 * 4, 1 << 20])
)
@settings(max_examples=30, deadline=None)
def test_any_split_of_compact_maps_is_one_pass(sizes: list[int], budget: int) -> None:
    maps = some_grids(sum(sizes), grid=(2, 3), size=(6, 6))
    total = GridStatistics((6, 6), (2, 3), memory_budget=budget, bins=64)
    start = 0
    for size in sizes:
        part = GridStatistics((6, 6), (2, 3), memory_budget=budget, bins=64)
        part.push(maps.take(slice(start, start + size)))
        total = part + total if size % 2 else total + part
        start += size
    assert total.count == len(maps)
    if len(maps):
        check(total, maps.pixels(), tolerance=2e-7)


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize(
    ("grid", "size"), [((7, 7), (112, 112)), ((4, 3), (9, 17)), ((1, 1), (3, 3)), ((5, 5), (1, 2))]
)
def test_upsampling_is_that_of_torch(
    grid: tuple[int, int], size: tuple[int, int], align_corners: bool
) -> None:
    values = np.random.default_rng(0).standard_normal((3, *grid))
    theirs = torch.nn.functional.interpolate(
        torch.from_numpy(values)[None], size=size, mode="bilinear", align_corners=align_corners
    )[0].numpy()
    np.testing.assert_allclose(
        upsample(values, size, align_corners=align_corners), theirs, rtol=0, atol=1e-12
    )
    dense = np.kron(*(axis_weights(*axis, align_corners) for axis in zip(grid, size, strict=True)))
    np.testing.assert_allclose(
        (values.reshape(3, -1) @ dense.T).reshape(theirs.shape), theirs, rtol=0, atol=1e-12
    )
    np.testing.assert_allclose(axis_weights(grid[0], size[0], align_corners).sum(axis=1), 1.0, rtol=1e-15)


@pytest.mark.law
def test_upsampling_does_not_depend_on_the_other_grids() -> None:
    grids = np.random.default_rng(0).standard_normal((9, 7, 7))
    together = upsample(grids, LARGE)
    for i in (0, 4, 8):
        np.testing.assert_array_equal(upsample(grids[i : i + 1], LARGE)[0], together[i])


@pytest.mark.law
@pytest.mark.parametrize("pixels", [1, 5, 17, 40, 153, 1000])
def test_a_pixel_does_not_depend_on_its_tile_or_on_the_other_maps(
    pixels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    maps = some_grids(9, grid=(4, 5), size=(9, 17))
    whole, seen = maps.pixels(), np.full((9, 9, 17), np.nan, np.float32)
    monkeypatch.setattr("fiqx_trt.statistics.upsampling.CACHED_BYTES", 8 * pixels * 2)  # two maps at a time
    places = []
    for tile in pixel_tiles(maps.size, pixels):
        seen[:, tile[0], tile[1]] = maps.pixels(tile)
        places.extend(np.arange(9 * 17).reshape(9, 17)[tile].ravel().tolist())
        assert maps.pixels(tile)[0].size <= pixels
    np.testing.assert_array_equal(seen, whole)
    assert places == list(range(9 * 17))
    for i in (0, 4, 8):
        np.testing.assert_array_equal(maps.take(slice(i, i + 1)).pixels()[0], whole[i])


@pytest.mark.law
@pytest.mark.parametrize("count", [1, 2, 11, 40])
def test_the_exact_median_of_grids_is_that_of_their_pixels_to_the_last_bit(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    maps = some_grids(count)
    want = pushed([maps.pixels()]).median
    order = np.random.default_rng(1).permutation(count)
    for rows in (np.arange(count), order, order[::-1]):
        stats = GridStatistics(LARGE, GRID)
        for part in np.array_split(rows, 3):
            stats.push(maps.take(part))
        np.testing.assert_array_equal(stats.median, want)
    monkeypatch.setattr("fiqx_trt.statistics.grids.BLOCK_BYTES", 4 * count * 50)
    np.testing.assert_array_equal(stats.median, want)


@pytest.mark.law
def test_compact_maps_come_in_blocks_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    maps = some_grids(5)
    monkeypatch.setattr("fiqx_trt.statistics.upsampling.BLOCK_BYTES", 8 * 112 * 112 * 2)
    blocks = list(maps.blocks())
    assert [len(block) for block in blocks] == [2, 2, 1]
    np.testing.assert_array_equal(np.concatenate(blocks), maps.pixels())
    assert maps.pixels().flags.c_contiguous


ERRORS = [
    (lambda: MapStatistics((0, 3)), "size is (0, 3); give the height and width of the maps, both at least 1"),
    (lambda: MapStatistics(SIZE, memory_budget=-1), "memory_budget is -1; give a number of bytes, 0 or more"),
    (lambda: MapStatistics(SIZE, bins=1), "bins is 1; give 2 to 65536, or None to keep no median"),
    (lambda: GridStatistics(SIZE, (0, 2)), "grid is (0, 2); give the height and width of the grids"),
    (lambda: MapStatistics(SIZE).mean, "there is no mean of 0 maps; push some first"),
    (lambda: MapStatistics(SIZE).std, "there is no standard deviation of 0 maps; push some first"),
    (lambda: MapStatistics(SIZE).median, "there is no median of 0 maps; push some first"),
    (lambda: GridStatistics(SIZE, (2, 2)).mean, "there is no mean of 0 maps; push some first"),
    (lambda: MapStatistics(SIZE, bins=None).median, "this state keeps no median (bins=None)"),
    (
        lambda: MapStatistics(SIZE).push(some_maps(2, (3, 4))),
        "the maps are float32 of shape (2, 3, 4); this state expects",
    ),
    (
        lambda: MapStatistics(SIZE).push(np.zeros((1, *SIZE))),
        "the maps are float64 of shape (1, 3, 5); this state expects",
    ),
    (
        lambda: MapStatistics(SIZE).push(np.full((1, *SIZE), 1.5, np.float32)),
        "the maps reach from 1.5 to 1.5; statistics are",
    ),
    (
        lambda: MapStatistics(SIZE).push(np.full((1, *SIZE), np.nan, np.float32)),
        "the maps reach from nan to nan",
    ),
    (
        lambda: MapStatistics(SIZE).merge(MapStatistics((3, 4))),
        "make both with the same size, memory_budget and bins",
    ),
    (
        lambda: MapStatistics(SIZE).merge(GridStatistics(SIZE, (2, 2))),
        "cannot merge <GridStatistics of 0 maps, 3×5",
    ),
    (
        lambda: GridStatistics(LARGE, (4, 4)).push(some_grids(1)),
        "the maps have size (112, 112) from grids (7, 7); this state",
    ),
    (
        lambda: GridStatistics((2, 2), (1, 1)).push(
            CompactMaps(np.full((1, 1, 1), np.nan, np.float32), (2, 2))
        ),
        "a grid holds a value that is not finite; drop it first",
    ),
    (
        lambda: CompactMaps(np.zeros((2, 2), np.float32), SIZE),
        "the grids are float32 of shape (2, 2); give float32 of shape",
    ),
]


@pytest.mark.parametrize(("act", "text"), ERRORS, ids=[text[:40] for _, text in ERRORS])
def test_errors_say_what_to_do(act: object, text: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        act()  # type: ignore[operator]
    assert text in str(caught.value)


def test_a_refused_push_adds_nothing() -> None:
    stats = pushed([some_maps(2)])
    with pytest.raises(InvalidInputError):
        stats.push(np.full((1, *SIZE), 2.0, np.float32))
    check(stats, some_maps(2))


def test_adding_something_else_is_a_type_error() -> None:
    with pytest.raises(TypeError):
        MapStatistics(SIZE) + 1  # type: ignore[operator]
