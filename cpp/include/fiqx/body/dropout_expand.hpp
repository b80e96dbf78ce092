#pragma once
/// Formulas of `dropout_expand`: the units kept in a pass, and their scale.

#include <cstdint>

#include "fiqx/body/philox.hpp"
#include "fiqx/hd.hpp"

namespace fiqx::body {

/// The four random words of units 4 q … 4 q + 3 in a pass: Philox of the counter (q, 0, pass, 0) under the seed.
FIQX_HD Philox dropout_words(std::uint64_t seed, std::uint32_t pass, std::uint32_t quad) {
    return philox(quad, 0, pass, 0, static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32U));
}

/// Kept with probability 1 - threshold / 2^32.
FIQX_HD bool kept(std::uint32_t word, std::uint32_t threshold) { return word >= threshold; }

/// Inverted scaling; a dropped unit is +0, even where it was NaN.
FIQX_HD float dropped_out(float h, bool keep, float scale) { return keep ? h * scale : 0.0F; }

}  // namespace fiqx::body
