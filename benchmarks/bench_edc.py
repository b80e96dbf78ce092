"""Error-versus-discard curves of two million comparisons beside plain NumPy, which sorts the comparisons.

FIQX_BENCH_PAIRS takes another number of them.
"""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pytest

from fiqx_trt.evaluate import Comparisons, bootstrap_bands, discard_curve, operating_point, read_pairs

IMAGES, PEOPLE, FMR = 50_000, 5_000, 1e-3
PAIRS = int(os.environ.get("FIQX_BENCH_PAIRS", "2000000"))


def make_comparisons():
    rng = np.random.default_rng(0)
    identity = np.arange(IMAGES) % PEOPLE
    genuine = np.arange(PAIRS) < PAIRS // 10
    first = rng.integers(0, IMAGES, PAIRS)
    same = PEOPLE * rng.integers(1, IMAGES // PEOPLE, PAIRS)
    other = rng.integers(1, PEOPLE, PAIRS)  # less than PEOPLE away: never the same person
    second = (first + np.where(genuine, same, other)) % IMAGES
    quality = rng.random(IMAGES)
    ease = np.where(genuine, 3.0 * np.minimum(quality[first], quality[second]) + 1.5, 0.0)
    similarity = (ease + rng.normal(size=PAIRS)).astype(np.float32)
    paths = tuple(map(str, range(IMAGES)))
    pairs = Comparisons(paths, first.astype(np.int32), second.astype(np.int32), genuine, similarity, identity)
    return pairs, quality


@pytest.fixture(scope="module")
def data():
    return make_comparisons()


def ours(pairs, quality):
    curve = discard_curve(pairs, quality, operating_point(pairs, fmr=FMR), higher_is_better=True)
    return curve.discard, curve.fnmr


def plain_numpy(pairs, quality):
    """Sort the comparisons by quality and sum up from the end."""
    impostors = np.sort(pairs.similarity[~pairs.genuine])
    limit = impostors[len(impostors) - 1 - int(FMR * len(impostors))]
    worst = np.minimum(quality[pairs.first], quality[pairs.second])
    order = np.argsort(worst, kind="stable")
    ranked, genuine = worst[order], pairs.genuine[order]
    wrong = genuine & (pairs.similarity[order] <= limit)
    left = np.cumsum(genuine[::-1])[::-1]
    errors = np.cumsum(wrong[::-1])[::-1]
    steps = np.flatnonzero(np.diff(ranked, prepend=-1.0))
    steps = steps[left[steps] > 0]
    return steps / len(order), errors[steps] / left[steps]


@pytest.mark.benchmark(group="edc: threshold")
def bench_operating_point(benchmark, data):
    pairs, _ = data
    impostors = np.sort(pairs.similarity[~pairs.genuine])
    point = benchmark(operating_point, pairs, fmr=FMR)
    assert point.threshold >= impostors[len(impostors) - 1 - int(FMR * len(impostors))]


@pytest.mark.parametrize("method", [ours, plain_numpy])
@pytest.mark.benchmark(group="edc")
def bench_edc(benchmark, data, method):
    discard, fnmr = benchmark(method, *data)
    expected = plain_numpy(*data)
    np.testing.assert_array_equal(discard, expected[0])
    np.testing.assert_array_equal(fnmr, expected[1])
    benchmark.extra_info["pairs"] = PAIRS
    if benchmark.stats is not None:
        benchmark.extra_info["pairs_per_second"] = PAIRS / benchmark.stats.stats.median


@pytest.mark.benchmark(group="edc-recomputed")
def bench_edc_recomputed(benchmark, data):
    pairs, quality = data
    coarse = np.floor(quality * 100)
    point = operating_point(pairs, fmr=FMR)
    curve = benchmark(discard_curve, pairs, coarse, point, higher_is_better=True, recompute=True)
    worst = np.minimum(coarse[pairs.first], coarse[pairs.second])
    left = worst >= 50
    impostors = np.sort(pairs.similarity[left & ~pairs.genuine])
    limit = impostors[len(impostors) - 1 - int(FMR * len(impostors))]
    assert curve.fnmr[50] == np.mean(pairs.similarity[left & pairs.genuine] <= limit)


@pytest.mark.benchmark(group="edc-bands")
def bench_edc_bands(benchmark, data):
    pairs, quality = data
    point = operating_point(pairs, fmr=FMR)
    bands = benchmark(bootstrap_bands, pairs, quality, point, higher_is_better=True, replicates=10)
    assert bands.low[0] <= point.fnmr <= bands.high[0]


@pytest.fixture(scope="module")
def pairs_file(request, data, tmp_path_factory) -> tuple[Path, int]:
    """A CSV with a line per comparison, and how many it holds."""
    pairs, _ = data
    ends = np.sort(np.stack([pairs.first, pairs.second]).astype(np.int64), axis=0)
    rows = np.unique(ends[0] * IMAGES + ends[1], return_index=True)[1]  # a pair twice may not differ
    rows = rows if request.config.getoption("benchmark_enable") else rows[:10_000]
    path = tmp_path_factory.mktemp("pairs") / "pairs.csv"
    columns = (pairs.first, pairs.second, pairs.genuine.astype(int), pairs.similarity)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("a", "b", "label", "similarity"))
        writer.writerows(zip(*(column[rows].tolist() for column in columns), strict=True))
    return path, len(rows)


def read_and_draw(path):
    pairs = read_pairs(path)
    quality = np.random.default_rng(1).random(len(pairs.paths))
    discard_curve(pairs, quality, operating_point(pairs, fmr=FMR), higher_is_better=True)
    return len(pairs.first) + pairs.duplicates


def csv_module(path):
    """Read the rows alone."""
    with path.open(newline="") as file:
        return sum(1 for _ in csv.reader(file)) - 1


@pytest.mark.parametrize("method", [read_and_draw, csv_module])
@pytest.mark.benchmark(group="edc: a file of pairs")
def bench_pairs_file(benchmark, pairs_file, method):
    path, count = pairs_file
    assert benchmark.pedantic(method, args=(path,), rounds=3) == count
