#pragma once
/// Philox 4x32-10, the counter-based generator of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (2011).

#include <cstdint>

#include "fiqx/hd.hpp"

namespace fiqx::body {

struct Philox {
    std::uint32_t word[4];
};

/// Ten rounds on a counter of four words under a key of two. A pure function: no state, any order, any thread.
FIQX_HD Philox philox(std::uint32_t c0, std::uint32_t c1, std::uint32_t c2, std::uint32_t c3, std::uint32_t k0,
                      std::uint32_t k1) {
    FIQX_UNROLL
    for (int round = 0; round < 10; ++round) {
        const std::uint64_t a = std::uint64_t{0xD2511F53U} * c0;
        const std::uint64_t b = std::uint64_t{0xCD9E8D57U} * c2;
        c0 = static_cast<std::uint32_t>(b >> 32U) ^ c1 ^ k0;
        c2 = static_cast<std::uint32_t>(a >> 32U) ^ c3 ^ k1;
        c1 = static_cast<std::uint32_t>(b);
        c3 = static_cast<std::uint32_t>(a);
        k0 += 0x9E3779B9U;
        k1 += 0xBB67AE85U;
    }
    return {{c0, c1, c2, c3}};
}

}  // namespace fiqx::body
