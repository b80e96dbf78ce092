#pragma once
/// `pixel_moments`: mean and sum of squared deviations per pixel, streaming and mergeable; the range of all pixels.

#include <cstdint>
#include <optional>

#include "fiqx/tensor.hpp"

namespace fiqx {

/// Arguments of both loops. `before` is the number of values in the state.
struct PixelMoments {
    const float* maps;
    double* mean;
    double* m2;
    std::int64_t count, pixels, before;
};

struct PixelMomentsMerge {
    double* mean;
    double* m2;
    const double* other_mean;
    const double* other_m2;
    std::int64_t pixels, count, other_count;
};

struct PixelRange {
    const float* maps;
    float* out;
    std::int64_t size;
};

/// Adds maps (B, H, W) float32, one after the other, to mean and m2 (H, W) float64 in place, which hold `count` maps.
/// @returns count + B
/// @throws InvalidInputError, DeviceMismatchError, CudaError
/// On CUDA the work is queued on the stream of the call; the host does not wait.
std::int64_t pixel_moments(const Tensor& maps, const Tensor& mean, const Tensor& m2, std::int64_t count,
                           std::optional<std::uintptr_t> stream);

/// Adds another state to mean and m2 in place. An empty state changes no bit of the other.
/// @returns count + other_count
std::int64_t pixel_moments_merge(const Tensor& mean, const Tensor& m2, std::int64_t count, const Tensor& other_mean,
                                 const Tensor& other_m2, std::int64_t other_count,
                                 std::optional<std::uintptr_t> stream);

/// Maps (N, H, W) float32 to (2,) float32, the smallest and the largest value: NaN, NaN where a value is NaN, and
/// inf, -inf where there is none. -0 is smaller than +0.
Tensor pixel_range(const Tensor& maps, const Output& out, std::optional<std::uintptr_t> stream);

namespace cpu {
void pixel_moments(const PixelMoments& args);
void pixel_moments_merge(const PixelMomentsMerge& args);
void pixel_range(const PixelRange& args);
}  // namespace cpu
namespace cuda {
void pixel_moments(const PixelMoments& args, const Place& place);
void pixel_moments_merge(const PixelMomentsMerge& args, const Place& place);
void pixel_range(const PixelRange& args, const Place& place);
}  // namespace cuda

}  // namespace fiqx
