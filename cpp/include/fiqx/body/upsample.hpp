#pragma once
/// Bilinear upsampling and min-max scaling, shared by the kernels that make maps.

#include <cmath>
#include <cstdint>

#include "fiqx/hd.hpp"

namespace fiqx::body {

/// The two neighbours of an output coordinate on one axis, and its relative distance from the first.
struct Sample {
    std::int32_t low, high;
    float t;
};

/// Half-pixel centres: (x + 0.5) from / to - 0.5, clamped; with align_corners x (from - 1) / (to - 1).
FIQX_HD Sample sample(std::int64_t x, std::int64_t from, std::int64_t to, bool align_corners) {
    const double last = static_cast<double>(from - 1);
    const double step = to > 1 ? last / static_cast<double>(to - 1) : 0.0;
    const double half = (static_cast<double>(x) + 0.5) * static_cast<double>(from) / static_cast<double>(to) - 0.5;
    double at = align_corners ? static_cast<double>(x) * step : half;
    at = at < 0.0 ? 0.0 : at;
    at = at > last ? last : at;
    const auto low = static_cast<std::int32_t>(at);
    const std::int32_t high = low + 1 < from ? low + 1 : low;
    return {low, high, static_cast<float>(at - low)};
}

/// In this form a constant is preserved, bit for bit. Rows are interpolated first, then columns.
FIQX_HD float lerp(float a, float b, float t) { return a + (b - a) * t; }

/// Negative becomes 0; NaN is preserved.
FIQX_HD float relu(float x) { return x < 0.0F ? 0.0F : x; }

/// Smallest and largest value.
struct Limits {
    float low, high;
};

FIQX_HD void widen(Limits& limits, float x) {
    limits.low = x < limits.low ? x : limits.low;
    limits.high = x > limits.high ? x : limits.high;
}

/// Each end separately: the limits of no value, inf and -inf, change nothing.
FIQX_HD void widen(Limits& limits, const Limits& other) {
    limits.low = other.low < limits.low ? other.low : limits.low;
    limits.high = other.high > limits.high ? other.high : limits.high;
}

/// Whether the limits are finite and differ.
FIQX_HD bool has_range(const Limits& limits) {
    const float range = limits.high - limits.low;
    return range > 0.0F && range < INFINITY;
}

/// (x - low) / range, in [0, 1] between the limits.
FIQX_HD float min_max(float x, float low, float range) { return (x - low) / range; }

}  // namespace fiqx::body
