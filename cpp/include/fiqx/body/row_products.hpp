#pragma once
/// Formulas of `row_products`: weighted powers of rows, and cosines between rows.

#include <cmath>

#include "fiqx/body/lanes.hpp"
#include "fiqx/hd.hpp"

namespace fiqx::body {

/// Lanes of a sum along a row (lanes.hpp): four for each thread of a CUDA warp.
constexpr int kRowLanes = 128;

/// One term of Σ w x².
FIQX_HD double add_power(double sum, float x, double weight) {
    const double square = static_cast<double>(x) * static_cast<double>(x);
    return sum + square * weight;
}

/// The three sums of a cosine.
struct Products {
    double both, first, second;
};

/// x·y / (‖x‖ ‖y‖); 0 where a norm is zero or not finite. Where both are finite, so is x·y.
FIQX_HD double cosine(const Products& sums) {
    const double norms = sqrt(sums.first) * sqrt(sums.second);
    return norms > 0.0 && norms < INFINITY ? sums.both / norms : 0.0;
}

}  // namespace fiqx::body
