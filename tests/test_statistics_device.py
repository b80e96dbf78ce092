"""Statistics of maps on a device: the bits, the moves and the refusals of maps in memory."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fiqx_trt import _core, kernels
from fiqx_trt.errors import InvalidInputError
from fiqx_trt.statistics import MapStatistics
from support.map_statistics import SIZE, check, pushed, some_maps

NUMBERS = ("count", "mean", "std", "median", "median_std", "median_error", "nbytes")
BUDGETS = [0, 60 * 5, 1 << 20]


def equal(a: MapStatistics, b: MapStatistics) -> None:
    for name in NUMBERS:
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)


@pytest.mark.cuda
@pytest.mark.parametrize("budget", BUDGETS)
def test_maps_on_a_device_give_the_same_bits(cuda: Callable[..., Any], budget: int) -> None:
    maps = some_maps(9)
    here, there = (MapStatistics(SIZE, memory_budget=budget, bins=64) for _ in range(2))
    for start in (0, 2, 2, 3, 8):
        here.push(cuda(maps[start : start + 3]))
        there.push(maps[start : start + 3])
    here.push(cuda(maps[0]))  # one by itself
    there.push(maps[0])
    here.push(cuda(maps[:0]))
    assert isinstance(here._mean, kernels.DeviceArray)
    equal(here, there)


@pytest.mark.cuda
@pytest.mark.parametrize("budget", BUDGETS)
def test_the_state_moves_when_the_maps_do(cuda: Callable[..., Any], budget: int) -> None:
    maps = some_maps(12)
    moving, still = (MapStatistics(SIZE, memory_budget=budget, bins=64) for _ in range(2))
    for i, part in enumerate(np.split(maps, 6)):
        moving.push(cuda(part) if i % 4 < 2 else part)
        still.push(part)
        equal(moving, still)


@pytest.mark.cuda
@pytest.mark.parametrize("budget", BUDGETS)
def test_a_state_on_a_device_pickles_copies_and_merges(cuda: Callable[..., Any], budget: int) -> None:
    maps, more = some_maps(5), some_maps(4, seed=1)
    a, b = (MapStatistics(SIZE, memory_budget=budget, bins=64) for _ in range(2))
    a.push(cuda(maps))
    b.push(cuda(more))
    plain = pushed([maps], memory_budget=budget, bins=64)
    for again in (pickle.loads(pickle.dumps(a)), a.copy()):
        assert isinstance(again._mean, np.ndarray)
        equal(again, plain)
        again.push(maps)
    equal(a, plain)
    total = pushed([maps], memory_budget=budget, bins=64) + pushed([more], memory_budget=budget, bins=64)
    equal(a + b, total)
    equal(a, plain)
    assert isinstance(b._mean, kernels.DeviceArray)
    a.merge(b)
    equal(a, total)
    a.push(cuda(maps))
    total.push(maps)
    equal(a, total)


@pytest.mark.cuda
def test_maps_on_a_device_are_refused_by_the_same_words(cuda: Callable[..., Any]) -> None:
    stats = MapStatistics(SIZE)
    stats.push(cuda(some_maps(2)))
    for maps, text in (
        (np.full((1, *SIZE), 1.5, np.float32), "the maps reach from 1.5 to 1.5; statistics are"),
        (np.full((1, *SIZE), np.nan, np.float32), "the maps reach from nan to nan"),
        (np.zeros((1, *SIZE)), r"the maps are float64 of shape \(1, 3, 5\); this state expects"),
        (np.zeros((1, 4, 5), np.float32), r"the maps are float32 of shape \(1, 4, 5\); this state expects"),
    ):
        with pytest.raises(InvalidInputError, match=text):
            stats.push(cuda(maps))
    check(stats, some_maps(2))


@pytest.mark.cuda
def test_pushed_device_arrays_may_be_dropped_and_written_at_once(cuda: Callable[..., Any]) -> None:
    maps = some_maps(6)
    stats = MapStatistics(SIZE)
    for part in np.split(maps, 3):
        own = _core.Stream()
        given = kernels.DeviceArray.from_host(part, stream=own.handle)
        stats.push(given)
        kernels.copy(np.ones_like(part), given, stream=own.handle)
        del given
    check(stats, maps)
