#pragma once
/// `dropout_expand` and `dropout_masks`: stochastic copies of pre-dropout vectors, with masks common to all images.

#include <cstdint>
#include <optional>

#include "fiqx/tensor.hpp"

namespace fiqx {

/// Arguments of both loops.
struct DropoutExpand {
    const float* h;
    float* out;
    std::int64_t count, features, passes;
    std::uint64_t seed;
    std::uint32_t threshold;
    float scale;
};

struct DropoutMasks {
    bool* out;
    std::int64_t features, passes;
    std::uint64_t seed;
    std::uint32_t threshold;
};

/// (N, F) float32 to (N * passes, F) float32: row n * passes + p is h[n] where pass p keeps the unit, times
/// 1 / (1 - dropout), and +0 elsewhere.
/// @throws InvalidInputError, DeviceMismatchError, CudaError
/// On CUDA the work is queued on the stream of the call; the host does not wait.
Tensor dropout_expand(const Tensor& h, std::int64_t passes, double dropout, std::uint64_t seed, const Output& out,
                      std::optional<std::uintptr_t> stream);

/// The same masks as (passes, F) bool on the CPU: true where a unit is kept.
Tensor dropout_masks(std::int64_t features, std::int64_t passes, double dropout, std::uint64_t seed, const Output& out);

namespace cpu {
void dropout_expand(const DropoutExpand& args);
void dropout_masks(const DropoutMasks& args);
}  // namespace cpu
namespace cuda {
void dropout_expand(const DropoutExpand& args, const Place& place);
}

}  // namespace fiqx
