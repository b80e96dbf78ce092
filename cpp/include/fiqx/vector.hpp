#pragma once
/// Sixteen numbers side by side for CPU loops, in the compiler's own vector type: it becomes one, two or four registers
/// of the processor that FIQX_SIMD has chosen. Passed by reference only: by value it would depend on that choice.

#include <cstdint>

namespace fiqx {

constexpr int kLanes = 16;

using Floats = float __attribute__((vector_size(kLanes * sizeof(float)), may_alias));
using Ints = std::int32_t __attribute__((vector_size(kLanes * sizeof(std::int32_t)), may_alias));
/// As many bytes of short numbers.
using Shorts = std::int16_t __attribute__((vector_size(2 * kLanes * sizeof(std::int16_t)), may_alias));
/// Floats at any address.
using LooseFloats = float __attribute__((vector_size(kLanes * sizeof(float)), may_alias, aligned(4)));

}  // namespace fiqx
