#pragma once
/// Formulas of `pixel_moments`: Welford's update and Chan's merge, per pixel, in float64, and the range of all values.

#include <cmath>
#include <cstdint>

#include "fiqx/body/keys.hpp"
#include "fiqx/hd.hpp"

namespace fiqx::body {

/// Adds the n-th value; `inverse` is 1 / n. One value at a time, so that the state does not depend on how the values
/// were split into pushes.
FIQX_HD void push_moment(double& mean, double& m2, float x, double inverse) {
    const double before = static_cast<double>(x) - mean;
    mean = mean + before * inverse;
    m2 = m2 + before * (static_cast<double>(x) - mean);
}

/// The factors of a merge of `a` and `b` values, computed once for all pixels.
struct MergeShares {
    double b_of_all, product_of_all;
};

FIQX_HD MergeShares merge_shares(double a, double b) { return {b / (a + b), a * b / (a + b)}; }

FIQX_HD void merge_moment(double& mean, double& m2, double other_mean, double other_m2, const MergeShares& shares) {
    const double difference = other_mean - mean;
    mean = mean + difference * shares.b_of_all;
    m2 = (m2 + other_m2) + (difference * difference) * shares.product_of_all;
}

/// Keys of the smallest and the largest value so far.
struct KeyRange {
    std::int32_t least, most;
};

/// The range of no value: inf, -inf.
FIQX_HD KeyRange no_range() { return {kKeyOfInfinity, ~kKeyOfInfinity}; }

FIQX_HD void widen(KeyRange& range, std::int32_t key) {
    range.least = key < range.least ? key : range.least;
    range.most = key > range.most ? key : range.most;
}

/// Each end separately: the range of no value changes nothing.
FIQX_HD void widen(KeyRange& range, const KeyRange& other) {
    range.least = other.least < range.least ? other.least : range.least;
    range.most = other.most > range.most ? other.most : range.most;
}

/// A value that is NaN makes both ends NaN: its key is outside one of them.
FIQX_HD void write_range(const KeyRange& range, float* ends) {
    const bool nan = is_nan_key(range.least) || is_nan_key(range.most);
    ends[0] = nan ? NAN : value_of(range.least);
    ends[1] = nan ? NAN : value_of(range.most);
}

}  // namespace fiqx::body
