#pragma once
/// Formulas of `cam_masks`: the channels that make a mask, and a pixel multiplied with it.

#include "fiqx/body/upsample.hpp"
#include "fiqx/hd.hpp"

namespace fiqx::body {

/// How an activation becomes a mask.
struct MaskRule {
    bool align_corners, scale_first, subtract_min, relu;
};

FIQX_HD float activation(float x, const MaskRule& rule) { return rule.relu ? relu(x) : x; }

/// The offset that is subtracted before the division by the range.
FIQX_HD float mask_low(const Limits& limits, const MaskRule& rule) { return rule.subtract_min ? limits.low : 0.0F; }

FIQX_HD float masked(float mask, float face) { return mask * face; }

}  // namespace fiqx::body
