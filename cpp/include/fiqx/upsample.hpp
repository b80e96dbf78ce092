#pragma once
/// CPU loops for bilinear upsampling, shared by the kernels that make maps.

#include <cstdint>
#include <vector>

#include "fiqx/body/upsample.hpp"

namespace fiqx::cpu {

/// Upsamples grids of one size to maps of one size. Immutable after construction: threads share it.
class Upsampler {
public:
    Upsampler(std::int64_t h, std::int64_t w, std::int64_t H, std::int64_t W, bool align_corners);
    /// `grid` (h, w) to `out` (H, W).
    void operator()(const float* grid, float* out) const;

private:
    std::int64_t h_, w_, height_, width_;
    std::vector<body::Sample> rows_, columns_;
};

/// Smallest and largest of n finite values, n of 1 or more.
body::Limits limits_of(const float* x, std::int64_t n);
bool all_finite(const float* x, std::int64_t n);
/// x = (x - low) / range, in place.
void scale_in_place(float* x, std::int64_t n, float low, float range);

}  // namespace fiqx::cpu
