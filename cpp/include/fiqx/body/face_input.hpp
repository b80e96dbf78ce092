#pragma once
/// Formulas of `face_input`: one value of the network's input.

#include "fiqx/hd.hpp"

namespace fiqx::body {

/// (x - mean) / std.
FIQX_HD float normalise(float x, float mean, float std) { return (x - mean) / std; }

/// Luma of ITU-R BT.601, not rounded: (0.299 R + 0.587 G) + 0.114 B.
FIQX_HD float luma(float red, float green, float blue) { return (0.299F * red + 0.587F * green) + 0.114F * blue; }

}  // namespace fiqx::body
