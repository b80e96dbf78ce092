#pragma once
/// How a CPU loop writes a large result: as halves, or past the cache.

#include <cstdint>

namespace fiqx {

/// Writes body::half_bits of each value, with the processor's own conversion where it has one (the same bits).
void store_half(const float* in, std::uint16_t* out, std::int64_t n);

/// Copies past the cache: a result larger than the cache is not read into it first, which halves the memory traffic.
void store_past_cache(const float* in, float* out, std::int64_t n);

/// Whether a result of so many bytes is written past the cache.
constexpr bool past_cache(std::int64_t bytes) { return bytes > (std::int64_t{24} << 20); }

}  // namespace fiqx
