#pragma once
/// Formulas of `pixel_quality` (T Eq. 5 and 6).

#include <cmath>

#include "fiqx/body/lanes.hpp"
#include "fiqx/hd.hpp"

namespace fiqx::body {

/// Lanes of the gradient's norm (lanes.hpp): a block of CUDA threads.
constexpr int kNormLanes = 256;

/// The factor of an image's gradient: its scale, reduced where the norm of the scaled gradient exceeds `clip`.
FIQX_HD double clip_factor(double norm, double clip) { return norm > clip ? clip / norm : 1.0; }

/// Ŝ = (|r| + |g| + |b|) · factor, with factor = |scale| / 3.
FIQX_HD float saliency(float r, float g, float b, float factor) {
    return ((std::fabs(r) + std::fabs(g)) + std::fabs(b)) * factor;
}

/// The same by the contrast of its pixel: the effect of changing the pixel by as much as its surroundings vary.
FIQX_HD float saliency(float r, float g, float b, float factor, float contrast) {
    return saliency(r, g, b, factor) * contrast;
}

/// P = 1 - 1 / (1 + y) with y = 10^γ Ŝ², written so that a small P keeps its digits and no y, not even 0 or infinity,
/// gives NaN.
FIQX_HD float quality(float s, float ten_to_gamma) {
    const float y = (ten_to_gamma * s) * s;
    return 1.0F / (1.0F + 1.0F / y);
}

}  // namespace fiqx::body
