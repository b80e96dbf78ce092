#pragma once
/// Keys that sort like floats: whole numbers, whose smallest and largest do not depend on the order of the search.

#include <cstdint>
#include <cstring>

#include "fiqx/hd.hpp"

namespace fiqx::body {

/// A signed integer in the order of the float (-0 before +0); NaN is outside both infinities.
FIQX_HD std::int32_t key_of(float x) {
    std::int32_t bits = 0;
    memcpy(&bits, &x, sizeof bits);
    return bits ^ ((bits >> 31) & 0x7FFFFFFF);
}

FIQX_HD float value_of(std::int32_t key) {
    const std::int32_t bits = key ^ ((key >> 31) & 0x7FFFFFFF);
    float x = 0.0F;
    memcpy(&x, &bits, sizeof x);
    return x;
}

constexpr std::int32_t kKeyOfInfinity = 0x7F800000;

FIQX_HD bool is_nan_key(std::int32_t key) { return key > kKeyOfInfinity || key < ~kKeyOfInfinity; }

}  // namespace fiqx::body
