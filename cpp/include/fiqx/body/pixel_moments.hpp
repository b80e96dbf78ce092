#pragma once
/// Formulas of `pixel_moments`: Welford's update and Chan's merge, per pixel, in float64.

#include "fiqx/hd.hpp"

namespace fiqx::body {

/// Adds the n-th value; `inverse` is 1 / n. One value at a time, so that the state does not depend on how the values
/// were split into pushes.
FIQX_HD void push_moment(double& mean, double& m2, float x, double inverse) {
    const double before = static_cast<double>(x) - mean;
    mean = mean + before * inverse;
    m2 = m2 + before * (static_cast<double>(x) - mean);
}

/// What a merge of `a` and `b` values needs of their numbers, computed once for all pixels.
struct MergeShares {
    double b_of_all, product_of_all;
};

FIQX_HD MergeShares merge_shares(double a, double b) { return {b / (a + b), a * b / (a + b)}; }

FIQX_HD void merge_moment(double& mean, double& m2, double other_mean, double other_m2, const MergeShares& shares) {
    const double difference = other_mean - mean;
    mean = mean + difference * shares.b_of_all;
    m2 = (m2 + other_m2) + (difference * difference) * shares.product_of_all;
}

}  // namespace fiqx::body
