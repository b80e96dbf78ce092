#pragma once
/// Sums along an axis, in an order that both machines can keep.

#include "fiqx/hd.hpp"

namespace fiqx::body {

/// A sum of n terms runs in a fixed number of lanes: lane l adds the terms l, l + Lanes, l + 2 Lanes, … in that order,
/// and then the lanes are added in halves (l and l + Lanes / 2, l and l + Lanes / 4, …). The sum is in lanes[0].
template <int Lanes, class T>
FIQX_HD T lane_sum(T* lanes) {
    for (int half = Lanes / 2; half > 0; half /= 2) {
        for (int l = 0; l < half; ++l) { lanes[l] = lanes[l] + lanes[l + half]; }
    }
    return lanes[0];
}

/// One term of a product of rows, in float64: products of float32 values are exact there.
template <class T, class U>
FIQX_HD double add_product(double sum, T x, U y) {
    return sum + static_cast<double>(x) * static_cast<double>(y);
}

/// One term of a squared norm.
template <class T>
FIQX_HD double add_square(double sum, T x) {
    return add_product(sum, x, x);
}

}  // namespace fiqx::body
