#pragma once
/// Formulas of `pixel_histogram`: the bin of a value, and a quantile of counts.

#include <cmath>
#include <cstdint>

#include "fiqx/hd.hpp"

namespace fiqx::body {

/// Bin of x in [0, 1], of equal widths, the last one closed; values beyond the ends count in the end bins, NaN nowhere
/// (-1).
FIQX_HD std::int32_t bin_of(float x, std::int32_t bins) {
    const float at = x * static_cast<float>(bins);
    const auto last = static_cast<float>(bins - 1);
    const float inside = at < 0.0F ? 0.0F : (at > last ? last : at);
    return x == x ? static_cast<std::int32_t>(inside) : -1;
}

/// Centre of the bin that holds the value of this rank (0: the smallest); rank must be below the total.
FIQX_HD double ranked(const std::uint32_t* counts, std::int64_t bins, std::int64_t rank) {
    std::int64_t seen = 0;
    std::int64_t bin = 0;
    while (bin < bins - 1 && seen + counts[bin] <= rank) { seen += counts[bin++]; }
    return (static_cast<double>(bin) + 0.5) / static_cast<double>(bins);
}

/// Quantile q: between the values of ranks floor and ceil of q (n - 1), linearly. NaN of no values. Half a bin off at
/// most.
FIQX_HD double quantile(const std::uint32_t* counts, std::int64_t bins, double q) {
    std::int64_t total = 0;
    for (std::int64_t b = 0; b < bins; ++b) { total += counts[b]; }
    if (total == 0) { return NAN; }
    const double at = q * static_cast<double>(total - 1);
    const auto rank = static_cast<std::int64_t>(at);
    const double low = ranked(counts, bins, rank);
    if (static_cast<double>(rank) == at) { return low; }
    return low + (ranked(counts, bins, rank + 1) - low) * (at - static_cast<double>(rank));
}

}  // namespace fiqx::body
