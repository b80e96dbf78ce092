#pragma once
/// Formulas of `face_input`: one value of the network's input.

#include <cstdint>
#include <cstring>

#include "fiqx/hd.hpp"

namespace fiqx::body {

/// (x - mean) / std.
FIQX_HD float normalise(float x, float mean, float std) { return (x - mean) / std; }

/// Luma of ITU-R BT.601, not rounded: (0.299 R + 0.587 G) + 0.114 B.
FIQX_HD float luma(float red, float green, float blue) { return (0.299F * red + 0.587F * green) + 0.114F * blue; }

/// Bits of the nearest IEEE half, ties to even; the same on every machine, with or without half instructions.
FIQX_HD std::uint16_t half_bits(float x) {
    std::uint32_t bits = 0;
    memcpy(&bits, &x, sizeof bits);
    const std::uint32_t sign = (bits >> 16U) & 0x8000U;
    const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
    if (magnitude > 0x7F800000U) { return static_cast<std::uint16_t>(sign | 0x7E00U); }   // NaN
    if (magnitude >= 0x477FF000U) { return static_cast<std::uint16_t>(sign | 0x7C00U); }  // rounds to infinity
    if (magnitude < 0x38800000U) {  // a subnormal half: adding 0.5 leaves its 10 bits, rounded, at the bottom
        float shifted = 0.0F;
        memcpy(&shifted, &magnitude, sizeof shifted);
        shifted += 0.5F;
        memcpy(&bits, &shifted, sizeof bits);
        return static_cast<std::uint16_t>(sign | (bits - 0x3F000000U));
    }
    const std::uint32_t odd = (magnitude >> 13U) & 1U;
    return static_cast<std::uint16_t>(sign | ((magnitude - 0x38000000U + 0xFFFU + odd) >> 13U));
}

}  // namespace fiqx::body
