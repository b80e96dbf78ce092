#pragma once
/// float32 to float16, for the kernels that write a runtime's input.

#include <cstdint>
#include <cstring>

#include "fiqx/hd.hpp"

namespace fiqx::body {

FIQX_HD std::uint32_t float_bits(float x) {
    std::uint32_t bits = 0;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

FIQX_HD float float_of(std::uint32_t bits) {
    float x = 0.0F;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/// Bits of the nearest IEEE half, ties to even; the same on every machine, with or without half instructions.
/// All three cases are computed and one is chosen, so that a loop over it can be vectorised.
FIQX_HD std::uint16_t half_bits(float x) {
    const std::uint32_t bits = float_bits(x);
    const std::uint32_t sign = (bits >> 16U) & 0x8000U;
    const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
    // Below the smallest normal half, adding 0.5 leaves the 10 bits of the subnormal, rounded, at the bottom.
    const std::uint32_t tiny = float_bits(float_of(magnitude) + 0.5F) - 0x3F000000U;
    const std::uint32_t odd = (magnitude >> 13U) & 1U;
    const std::uint32_t normal = (magnitude - 0x38000000U + 0xFFFU + odd) >> 13U;
    const std::uint32_t huge = magnitude > 0x7F800000U ? 0x7E00U : 0x7C00U;  // NaN, or above the largest half
    const std::uint32_t finite = magnitude < 0x38800000U ? tiny : normal;
    return static_cast<std::uint16_t>(sign | (magnitude >= 0x477FF000U ? huge : finite));
}

}  // namespace fiqx::body
