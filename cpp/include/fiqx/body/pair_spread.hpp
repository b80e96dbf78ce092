#pragma once
/// Formulas of `pair_spread`, on numbers or on vectors of them.

#include "fiqx/hd.hpp"

namespace fiqx::body {

/// Sums along D run in this many lanes: lane l adds the terms l, l + 16, l + 32, … in that order, and the lanes are
/// then added in halves (l and l + 8, l and l + 4, l and l + 2, l and l + 1). The CPU keeps a lane per vector element,
/// CUDA one per thread.
constexpr int kLanes = 16;

/// Adds the halves of the lanes together; the sum is in lanes[0]. The only order in which lanes are ever added.
template <class T>
FIQX_HD T lane_sum(T* lanes) {
    for (int half = kLanes / 2; half > 0; half /= 2) {
        for (int l = 0; l < half; ++l) { lanes[l] = lanes[l] + lanes[l + half]; }
    }
    return lanes[0];
}

/// One term of a squared norm, in float64: exact for a float32 value.
FIQX_HD double add_square(double sum, float x) { return sum + static_cast<double>(x) * static_cast<double>(x); }

/// A normalised component: rounded once to float32.
FIQX_HD float scaled(float x, double inverse_norm) { return static_cast<float>(static_cast<double>(x) * inverse_norm); }

/// One term of a squared distance. The difference form: two equal rows are at distance 0 exactly, and close rows keep
/// their relative accuracy, which 2 - 2 a·b loses.
template <class T>
FIQX_HD void add_squared_difference(T& sum, const T& a, const T& b) {
    const T difference = a - b;
    sum = sum + difference * difference;
}

}  // namespace fiqx::body
