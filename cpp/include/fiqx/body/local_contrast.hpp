#pragma once
/// Formulas of `local_contrast`: whole numbers up to the one root, so that no order of additions matters.

#include <cmath>
#include <cstdint>

#include "fiqx/hd.hpp"

namespace fiqx::body {

/// Pixels of the window on each side of its middle: 9 x 9 in all.
constexpr int kReach = 4;
constexpr int kWindow = 2 * kReach + 1;
/// Units of `grey` in one intensity.
constexpr int kGreyUnits = 1000;

/// Luma of ITU-R BT.601 in thousandths of an intensity, exactly.
FIQX_HD std::int32_t grey(std::uint8_t red, std::uint8_t green, std::uint8_t blue) {
    return 299 * red + 587 * green + 114 * blue;
}

/// Number of an axis' pixels in the window around `at`.
FIQX_HD std::int32_t inside(std::int64_t at, std::int64_t size) {
    const std::int64_t first = at < kReach ? 0 : at - kReach;
    const std::int64_t last = at + kReach < size ? at + kReach : size - 1;
    return static_cast<std::int32_t>(last - first + 1);
}

/// sqrt(n Σx² - (Σx)²) / n in intensities. The numbers under the root are below 2^49: exact in float64.
FIQX_HD float deviation(std::int32_t count, std::int32_t sum, std::int64_t squares) {
    const std::int64_t spread = count * squares - std::int64_t{sum} * sum;
    return static_cast<float>(std::sqrt(static_cast<double>(spread)) / static_cast<double>(kGreyUnits * count));
}

}  // namespace fiqx::body
