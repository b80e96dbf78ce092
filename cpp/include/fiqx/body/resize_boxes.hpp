#pragma once
/// The share of a line's pixels in a pixel of a shorter one.

#include <cstdint>

#include "fiqx/hd.hpp"

namespace fiqx::body {

/// Measured in units of which a pixel of the line of `from` pixels has `to`, and one of the line of `to` pixels `from`,
/// pixel i of the first and pixel x of the second have so many in common.
FIQX_HD std::int64_t common_units(std::int64_t x, std::int64_t i, std::int64_t from, std::int64_t to) {
    const std::int64_t begin = x * from > i * to ? x * from : i * to;
    const std::int64_t end = (x + 1) * from < (i + 1) * to ? (x + 1) * from : (i + 1) * to;
    return end > begin ? end - begin : 0;
}

/// What pixel i contributes to the mean over pixel x; the shares of a pixel sum to 1.
FIQX_HD float share(std::int64_t x, std::int64_t i, std::int64_t from, std::int64_t to) {
    return static_cast<float>(static_cast<double>(common_units(x, i, from, to)) / static_cast<double>(from));
}

/// From how many pixels pixel x is made, at least.
FIQX_HD std::int64_t covered(std::int64_t x, std::int64_t from, std::int64_t to) {
    return ((x + 1) * from + to - 1) / to - x * from / to;
}

}  // namespace fiqx::body
