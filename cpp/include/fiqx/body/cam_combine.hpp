#pragma once
/// Formulas of `cam_combine`.

#include "fiqx/body/upsample.hpp"
#include "fiqx/hd.hpp"

namespace fiqx::body {

/// Order of the steps from the weighted sum to the map.
struct CombineRule {
    bool align_corners, relu_activations, relu, upsample_first, minmax_twice;
};

/// A channel of weight 0 adds nothing, even where it is not finite.
FIQX_HD bool counts(float weight) { return weight != 0.0F; }

/// One term of the weighted sum: exact in float64, added in the order of the channels.
FIQX_HD double add_weighted(double sum, float weight, float activation, const CombineRule& rule) {
    const float x = rule.relu_activations ? relu(activation) : activation;
    return sum + static_cast<double>(weight) * static_cast<double>(x);
}

/// A cell of the grid, before upsampling.
FIQX_HD float cell(double sum, const CombineRule& rule) {
    const auto x = static_cast<float>(sum);
    return rule.relu && !rule.upsample_first ? relu(x) : x;
}

/// A pixel of the upsampled grid, before scaling.
FIQX_HD float pixel(float x, const CombineRule& rule) { return rule.relu && rule.upsample_first ? relu(x) : x; }

/// A pixel of the finished map: 0 everywhere in a flat one, NaN everywhere in one that is not finite.
FIQX_HD float finished(float x, const Limits& limits) {
    const float range = limits.high - limits.low;
    return range == 0.0F ? 0.0F : min_max(x, limits.low, range);
}

}  // namespace fiqx::body
