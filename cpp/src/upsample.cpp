#include "fiqx/upsample.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "fiqx/hd.hpp"
#include "fiqx/vector.hpp"

namespace fiqx::cpu {
namespace {

std::vector<body::Sample> axis(std::int64_t from, std::int64_t to, bool align_corners) {
    std::vector<body::Sample> samples;
    for (std::int64_t x = 0; x < to; ++x) { samples.push_back(body::sample(x, from, to, align_corners)); }
    return samples;
}

FIQX_SIMD void blend(const float* __restrict a, const float* __restrict b, float t, float* __restrict out,
                     std::int64_t n) {
    for (std::int64_t i = 0; i < n; ++i) { out[i] = body::lerp(a[i], b[i], t); }
}

/// The limits of n / 16 vectors, a lane at a time.
FIQX_SIMD void widen_lanes(const float* x, std::int64_t n, float* low, float* high) {
    Floats least = *reinterpret_cast<const LooseFloats*>(x);
    Floats most = least;
    for (std::int64_t i = kLanes; i < n; i += kLanes) {
        const Floats value = *reinterpret_cast<const LooseFloats*>(x + i);
        least = value < least ? value : least;
        most = value > most ? value : most;
    }
    std::memcpy(low, &least, sizeof least);
    std::memcpy(high, &most, sizeof most);
}

FIQX_SIMD void scale(float* x, std::int64_t n, float low, float range) {
    for (std::int64_t i = 0; i < n; ++i) { x[i] = body::min_max(x[i], low, range); }
}

}  // namespace

Upsampler::Upsampler(std::int64_t h, std::int64_t w, std::int64_t H, std::int64_t W, bool align_corners)
    : h_(h), w_(w), height_(H), width_(W), rows_(axis(h, H, align_corners)), columns_(axis(w, W, align_corners)) {}

void Upsampler::operator()(const float* grid, float* out) const {
    thread_local std::vector<float> wide;  // the grid's rows at full width
    wide.resize(static_cast<std::size_t>(h_ * width_));
    for (std::int64_t y = 0; y < h_; ++y) {
        const float* row = grid + y * w_;
        for (std::int64_t x = 0; x < width_; ++x) {
            const body::Sample& s = columns_[static_cast<std::size_t>(x)];
            wide[static_cast<std::size_t>(y * width_ + x)] = body::lerp(row[s.low], row[s.high], s.t);
        }
    }
    for (std::int64_t y = 0; y < height_; ++y) {
        const body::Sample& s = rows_[static_cast<std::size_t>(y)];
        blend(&wide[static_cast<std::size_t>(s.low * width_)], &wide[static_cast<std::size_t>(s.high * width_)], s.t,
              out + y * width_, width_);
    }
}

body::Limits limits_of(const float* x, std::int64_t n) {
    body::Limits limits{x[0], x[0]};
    const std::int64_t whole = n / kLanes * kLanes;
    if (whole > 0) {
        float low[kLanes];
        float high[kLanes];
        widen_lanes(x, whole, low, high);
        for (int l = 0; l < kLanes; ++l) {
            body::widen(limits, low[l]);
            body::widen(limits, high[l]);
        }
    }
    for (std::int64_t i = whole; i < n; ++i) { body::widen(limits, x[i]); }
    return limits;
}

bool all_finite(const float* x, std::int64_t n) {
    return std::all_of(x, x + n, [](float v) { return std::isfinite(v); });
}

void scale_in_place(float* x, std::int64_t n, float low, float range) { scale(x, n, low, range); }

}  // namespace fiqx::cpu
