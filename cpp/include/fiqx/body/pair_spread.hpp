#pragma once
/// Formulas of `pair_spread`, on numbers or on vectors of them.

#include "fiqx/body/lanes.hpp"
#include "fiqx/hd.hpp"

namespace fiqx::body {

/// Sums along D run in this many lanes (lanes.hpp). The CPU keeps a lane per vector element, CUDA one per thread.
constexpr int kLanes = 16;

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
