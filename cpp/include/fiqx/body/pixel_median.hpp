#pragma once
/// Formulas of `pixel_median`: the selection of a key, bit by bit and digit by digit.

#include <cmath>
#include <cstdint>

#include "fiqx/body/keys.hpp"
#include "fiqx/hd.hpp"

namespace fiqx::body {

/// The search for the key (or half of a key) of a rank: bits are fixed from the highest down, and a bit is set where no
/// more than `rank` keys are below the candidate that has it. Starts at the smallest number; `bit` runs down to 0.
FIQX_HD std::int32_t candidate(std::int32_t found, int bit) {
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(found) +
                                     (std::uint32_t{1} << static_cast<unsigned>(bit)));
}

FIQX_HD std::int16_t candidate(std::int16_t found, int bit) { return static_cast<std::int16_t>(found + (1 << bit)); }

/// The halves of a key, as signed numbers: keys sort by the upper half and then by the lower.
FIQX_HD std::int16_t upper_half(std::int32_t key) { return static_cast<std::int16_t>(key >> 16); }
FIQX_HD std::int16_t lower_half(std::int32_t key) { return static_cast<std::int16_t>((key & 0xFFFF) - 0x8000); }
FIQX_HD std::int32_t joined(std::int16_t upper, std::int16_t lower) { return upper * 0x10000 + (lower + 0x8000); }

/// The same order as unsigned numbers, and their digits to the base 256, the highest first.
constexpr int kDigits = 256;
constexpr int kLevels = 4;

FIQX_HD std::uint32_t unsigned_key(std::int32_t key) { return static_cast<std::uint32_t>(key) ^ 0x80000000U; }
FIQX_HD std::int32_t signed_key(std::uint32_t key) { return static_cast<std::int32_t>(key ^ 0x80000000U); }
FIQX_HD std::uint32_t digit(std::uint32_t key, int level) { return key >> (24 - 8 * level) & 0xFFU; }

/// The digits above a level, as one number; below the first there are none.
FIQX_HD std::uint32_t digits_above(std::uint32_t key, int level) { return level == 0 ? 0 : key >> (32 - 8 * level); }

/// Mean of the two middle values (equal for odd N), exact in float64.
FIQX_HD double middle(std::int32_t low, std::int32_t high) {
    return 0.5 * (static_cast<double>(value_of(low)) + static_cast<double>(value_of(high)));
}

}  // namespace fiqx::body
