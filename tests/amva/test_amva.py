"""The maps of Fu & Damer, Eq. 1 to 7, against their definitions, and the identities between them."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from fiqx_trt.amva import (
    Amva,
    VariationMaps,
    ad_mam,
    analyse,
    bootstrap_maps,
    deviations,
    group_statistics,
    members,
    method_differences,
    quality_groups,
)
from fiqx_trt.errors import InvalidInputError
from fiqx_trt.statistics import CompactMaps, MapStatistics
from support.amva import COUNT, DIRECTIONS, PATHS

# --- groups -----------------------------------------------------------------------------------------------------------


def by_hand(values: np.ndarray, higher: bool, size: int) -> tuple[list[str], list[str]]:
    order = sorted(range(len(values)), key=lambda i: (values[i] if higher else -values[i], PATHS[i]))
    named = [PATHS[i] for i in order]
    return named[::-1][:size], named[:size]


def test_groups_are_the_best_and_the_worst_in_the_methods_direction(scores: dict[str, np.ndarray]) -> None:
    groups = quality_groups(PATHS, scores, higher_is_better=DIRECTIONS, fraction=0.1)
    for name, group in groups.items():
        high, low = by_hand(scores[name], DIRECTIONS[name], 6)
        assert [PATHS[i] for i in group.high] == high
        assert [PATHS[i] for i in group.low] == low
        assert not set(group.high) & set(group.low)


def test_equal_qualities_are_split_by_path_whatever_the_order_of_the_rows() -> None:
    quality = np.zeros(COUNT)
    first = quality_groups(PATHS, {"q": quality}, higher_is_better={"q": True}, fraction=0.25)["q"]
    order = np.random.default_rng(0).permutation(COUNT)
    shuffled = [PATHS[i] for i in order]
    second = quality_groups(shuffled, {"q": quality}, higher_is_better={"q": True}, fraction=0.25)["q"]
    assert [PATHS[i] for i in first.high] == [shuffled[i] for i in second.high]
    assert [PATHS[i] for i in first.low] == [shuffled[i] for i in second.low]
    assert not set(first.high) & set(first.low)


def test_images_without_a_score_of_every_method_belong_to_no_group(scores: dict[str, np.ndarray]) -> None:
    broken = {**scores, "c": np.where(np.arange(COUNT) < 10, np.nan, scores["c"])}
    groups = quality_groups(PATHS, broken, higher_is_better=DIRECTIONS, fraction=0.5)
    assert members(groups).min() == 10
    assert {group.considered for group in groups.values()} == {50}
    assert {len(group.high) for group in groups.values()} == {25}


# --- the maps ---------------------------------------------------------------------------------------------------------


def test_all_maps_agree_with_the_papers_equations(
    result: Amva, maps: CompactMaps, scores: dict[str, np.ndarray]
) -> None:
    pixels = dict(zip(PATHS, maps.pixels().astype(np.float64), strict=True))
    for name, one in result.maps.items():
        names = dict(zip(("high", "low"), by_hand(scores[name], DIRECTIONS[name], 12), strict=True))
        for group, paths in names.items():
            a = np.stack([pixels[path] for path in paths])
            mean, median = a.mean(axis=0), np.median(a, axis=0)
            want = {
                "mam": mean,
                "am_v": np.sqrt(np.square(a - mean).sum(axis=0) / 12),
                "mdam": median,
                "am_mv": np.sqrt(np.square(a - median).sum(axis=0) / 12),
            }
            for stem, values in want.items():
                got = getattr(one, f"{stem}_{group}")
                np.testing.assert_allclose(got, values, rtol=0, atol=1e-6, err_msg=f"{stem}_{group}")
        np.testing.assert_array_equal(one.d_am_v, np.abs(one.am_v_high - one.am_v_low))
        np.testing.assert_array_equal(one.d_am_mv, np.abs(one.am_mv_high - one.am_mv_low))
        assert (one.count_high, one.count_low, one.median_error) == (12, 12, 0.0)


@pytest.mark.law
def test_compact_maps_and_pixels_give_one_analysis(result: Amva, maps: CompactMaps) -> None:
    groups = {name: one.groups for name, one in result.methods.items()}
    plain = analyse(PATHS, groups, maps.pixels(), replicates=40, examples=2)
    for name, one in plain.methods.items():
        for key, values in one.maps.arrays().items():
            np.testing.assert_allclose(
                result.maps[name].arrays()[key], values, rtol=0, atol=1e-6, err_msg=key
            )
        for stem in ("mdam_high", "mdam_low"):
            np.testing.assert_array_equal(getattr(result.maps[name], stem), getattr(one.maps, stem))
        assert one.bands is not None
        compact = result.methods[name].bands
        assert compact is not None
        for key, values in one.bands.lower.items():
            np.testing.assert_array_equal(compact.lower[key], values, err_msg=key)
            np.testing.assert_array_equal(compact.upper[key], one.bands.upper[key], err_msg=key)


@pytest.mark.law
def test_only_the_maps_of_members_are_needed(result: Amva, maps: CompactMaps) -> None:
    groups = {name: one.groups for name, one in result.methods.items()}
    needed = members(groups)
    some = analyse(PATHS, groups, maps.take(needed[::-1]), rows=needed[::-1])
    for name, one in some.maps.items():
        for key, values in one.arrays().items():
            np.testing.assert_array_equal(result.maps[name].arrays()[key], values)


def test_root_mean_square_of_ad_mam_over_h_is_am_v_of_h(result: Amva, maps: CompactMaps) -> None:
    for one in result.methods.values():
        high = maps.take(one.groups.high).pixels()
        deviation = ad_mam(high, one.maps.mam_high).astype(np.float64)
        rms = np.sqrt(np.square(deviation).mean(axis=0))
        np.testing.assert_allclose(rms, one.maps.am_v_high, rtol=0, atol=1e-6)


@pytest.mark.law
def test_am_mv_squared_is_am_v_squared_plus_the_squared_gap_of_mean_and_median(result: Amva) -> None:
    for one in result.maps.values():
        for group in ("high", "low"):
            mean, std, median, around = (
                getattr(one, f"{s}_{group}") for s in ("mam", "am_v", "mdam", "am_mv")
            )
            np.testing.assert_allclose(around**2, std**2 + (mean - median) ** 2, rtol=0, atol=1e-12)


@pytest.mark.law
def test_methods_with_equal_groups_do_not_differ_at_all(
    maps: CompactMaps, scores: dict[str, np.ndarray]
) -> None:
    # The same groups, ranked differently within.
    twin = {"a": scores["a"], "again": np.round(scores["a"], 12) ** 3}
    groups = quality_groups(PATHS, twin, higher_is_better={"a": True, "again": True}, fraction=0.2)
    (only,) = analyse(PATHS, groups, maps).differences()
    for values in only.arrays().values():
        np.testing.assert_array_equal(values, 0.0)


@pytest.mark.law
def test_variation_of_one_map_is_zero(maps: CompactMaps) -> None:
    one = VariationMaps.of(group_statistics(maps.take(slice(0, 1))), group_statistics(maps.take(slice(1, 2))))
    for values in (one.am_v_high, one.am_v_low, one.am_mv_high, one.am_mv_low):
        np.testing.assert_allclose(values, 0.0, atol=1e-7)
    np.testing.assert_allclose(one.mam_high, maps.pixels()[0], atol=1e-7)


@pytest.mark.law
def test_groups_may_be_gathered_in_parts(maps: CompactMaps) -> None:
    parts = [group_statistics(maps.take(slice(i, i + 7))) for i in range(0, 28, 7)]
    total = parts[3] + parts[1] + parts[0] + parts[2]
    low = group_statistics(maps.take(slice(28, 40)))
    merged = VariationMaps.of(total, low)
    whole = VariationMaps.of(group_statistics(maps.take(slice(0, 28))), low)
    for key, values in whole.arrays().items():
        np.testing.assert_allclose(merged.arrays()[key], values, rtol=0, atol=1e-12, err_msg=key)


def test_differences_between_methods_keep_their_sign(result: Amva) -> None:
    signed, absolute = result.differences(), result.differences(signed=False)
    assert [(d.first, d.second) for d in signed] == list(combinations(result.methods, 2))
    for one, other in zip(signed, absolute, strict=True):
        first, second = result.maps[one.first], result.maps[one.second]
        np.testing.assert_array_equal(one.d_am_v_high, first.am_v_high - second.am_v_high)
        np.testing.assert_array_equal(one.d_am_mv_low, first.am_mv_low - second.am_mv_low)
        for key, values in one.arrays().items():
            np.testing.assert_array_equal(other.arrays()[key], np.abs(values))


def test_overlap_is_the_share_of_common_images(result: Amva) -> None:
    names = list(result.methods)
    for i, j in combinations(range(3), 2):
        for matrix, group in ((result.overlap_high, "high"), (result.overlap_low, "low")):
            a, b = (set(getattr(result.methods[names[k]].groups, group).tolist()) for k in (i, j))
            assert matrix[i, j] == matrix[j, i] == len(a & b) / 12
    np.testing.assert_array_equal(np.diag(result.overlap_high), 1.0)


# --- deviation of one image -------------------------------------------------------------------------------------------


def test_deviations_in_numbers(maps: CompactMaps, result: Amva) -> None:
    mean = result.maps["a"].mam_high
    d = np.abs(maps.pixels().astype(np.float64) - mean)
    for form in (maps, maps.pixels()):
        got = deviations(form, mean)
        np.testing.assert_allclose(got.mean, d.mean(axis=(1, 2)), atol=1e-7)
        np.testing.assert_allclose(got.rms, np.sqrt(np.square(d).mean(axis=(1, 2))), atol=1e-7)
        np.testing.assert_allclose(got.peak, d.max(axis=(1, 2)), atol=1e-7)
        inside = d[:, 6:18, 5:15].sum(axis=(1, 2))
        np.testing.assert_allclose(got.outside, 1 - inside / d.sum(axis=(1, 2)), atol=1e-6)


def test_the_share_outside_tells_edge_from_centre() -> None:
    mean = np.zeros((8, 8))
    edge, centre, even = (np.zeros((8, 8), np.float32) for _ in range(3))
    edge[0], centre[3:5, 3:5], even[:] = 0.5, 0.5, 0.5
    got = deviations(np.stack([edge, centre, even, np.zeros((8, 8), np.float32)]), mean)
    np.testing.assert_allclose(got.outside, [1.0, 0.0, 0.75, 0.0])


def test_examples_are_the_best_of_h_and_the_worst_of_l(result: Amva, maps: CompactMaps) -> None:
    for one in result.methods.values():
        np.testing.assert_array_equal(one.ad_mam_members, [*one.groups.high[:2], *one.groups.low[:2]])
        want = np.abs(maps.take(one.ad_mam_members).pixels() - one.maps.mam_high)
        np.testing.assert_allclose(one.ad_mam, want, atol=1e-7)
        assert len(one.deviations.mean) == len(one.members) == 24


# --- bootstrap --------------------------------------------------------------------------------------------------------


def test_bands_are_those_of_resampled_groups(maps: CompactMaps) -> None:
    high, low = maps.take(slice(0, 9)), maps.take(slice(9, 30))
    bands = bootstrap_maps(high, low, replicates=30, level=0.8, seed=5)
    rng = np.random.default_rng(5)
    means, spreads = {}, {}
    for name, group in (("high", high), ("low", low)):
        n = len(group)
        counts = rng.multinomial(n, np.full(n, 1 / n), size=30)
        samples = [np.repeat(group.pixels().astype(np.float64), count, axis=0) for count in counts]
        means[name] = np.stack([sample.mean(axis=0) for sample in samples])
        spreads[name] = np.stack([sample.std(axis=0) for sample in samples])
    want = {
        "mam_high": means["high"],
        "mam_low": means["low"],
        "am_v_high": spreads["high"],
        "am_v_low": spreads["low"],
        "am_v_difference": spreads["high"] - spreads["low"],
    }
    for key, values in want.items():
        np.testing.assert_allclose(bands.lower[key], np.quantile(values, 0.1, axis=0), atol=1e-6, err_msg=key)
        np.testing.assert_allclose(bands.upper[key], np.quantile(values, 0.9, axis=0), atol=1e-6, err_msg=key)
        ends = np.quantile(values.mean(axis=(1, 2)), [0.1, 0.9])
        np.testing.assert_allclose(bands.means[key], ends, atol=1e-6, err_msg=key)


def test_bands_find_a_difference_where_there_is_one() -> None:
    rng = np.random.default_rng(0)
    high, low = (np.full((80, 4, 4), 0.5, np.float32) for _ in range(2))
    high += (0.1 * rng.standard_normal(high.shape)).astype(np.float32).clip(-0.5, 0.5)
    low += (0.1 * rng.standard_normal(low.shape)).astype(np.float32).clip(-0.5, 0.5)
    low[:, 0] = rng.random((80, 4), dtype=np.float32)
    bands = bootstrap_maps(high, low, replicates=200)
    assert bands.distinct()[0].all()
    assert bands.distinct()[1:].mean() < 0.5


# --- errors -----------------------------------------------------------------------------------------------------------


def groups_of(scores: dict[str, np.ndarray], **options: object) -> object:
    return quality_groups(PATHS, scores, **{"higher_is_better": DIRECTIONS, **options})  # type: ignore[arg-type]


QUALITY = np.arange(COUNT, dtype=np.float64)
PIXELS = np.zeros((COUNT, 4, 4), np.float32)
ERRORS = [
    (lambda: groups_of({}), "no scores were given; give the scores of at least one quality method"),
    (
        lambda: groups_of({"a": QUALITY[:3]}),
        "the scores of 'a' have shape (3,); give one for each of the 60 images",
    ),
    (
        lambda: groups_of({"x": QUALITY}),
        "the direction of 'x' is unknown; say whether higher or lower is better",
    ),
    (
        lambda: groups_of({"a": QUALITY * np.nan}),
        "0 of 60 images have a score of every method (a); groups need at least 2",
    ),
    (lambda: groups_of({"a": QUALITY}, fraction=0.6), "fraction is 0.6; give more than 0 and at most 0.5"),
    (
        lambda: analyse(PATHS, groups_of({"a": QUALITY}), PIXELS[:5]),
        "5 maps were given for 60 images; give one map",
    ),
    (
        lambda: analyse(PATHS, groups_of({"a": QUALITY}), PIXELS[:5], rows=np.arange(5)),
        "no map, the first is 'set/023.png'; make the maps of all members of the groups",
    ),
    (lambda: group_statistics(np.zeros((2, 2), np.float32)), "the maps have shape (2, 2); give (N, H, W)"),
    (
        lambda: ad_mam(PIXELS, np.zeros((2, 2))),
        "the maps have shape (60, 4, 4) and the mean map (2, 2); give",
    ),
    (
        lambda: bootstrap_maps(PIXELS, PIXELS, replicates=3),
        "replicates (--replicates) is 3; choose at least 20",
    ),
    (lambda: bootstrap_maps(PIXELS[:0], PIXELS), "H has 0 maps and L 60; bands need at least one of each"),
    (
        lambda: VariationMaps.of(MapStatistics((2, 2)), MapStatistics((3, 3))),
        "H has maps of size (2, 2) and L of size (3, 3); give maps of one size",
    ),
    (lambda: VariationMaps.of(MapStatistics((2, 2)), MapStatistics((2, 2))), "there is no mean of 0 maps"),
]


@pytest.mark.parametrize(("act", "text"), ERRORS, ids=[text[:40] for _, text in ERRORS])
def test_errors_say_what_to_do(act: object, text: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        act()  # type: ignore[operator]
    assert text in str(caught.value)


def test_maps_of_different_sizes_have_no_difference(maps: CompactMaps) -> None:
    def variation(size: tuple[int, int]) -> VariationMaps:
        one = group_statistics(CompactMaps(maps.grids, size))
        return VariationMaps.of(one, one)

    with pytest.raises(InvalidInputError, match="maps of different sizes"):
        method_differences({"a": variation((8, 8)), "b": variation((9, 9))})
