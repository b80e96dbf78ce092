#pragma once
/// Stores of a CPU loop for large results: conversion to halves, and non-temporal stores.

#include <cstdint>

namespace fiqx {

/// Writes body::half_bits of each value, with the processor's own conversion where it has one (the same bits).
void store_half(const float* in, std::uint16_t* out, std::int64_t n);

/// Copies with non-temporal stores: a large result is not read into the cache first, which halves the memory traffic.
void store_past_cache(const float* in, float* out, std::int64_t n);

/// Whether a result of so many bytes is written with non-temporal stores.
constexpr bool past_cache(std::int64_t bytes) { return bytes > (std::int64_t{24} << 20); }

}  // namespace fiqx
