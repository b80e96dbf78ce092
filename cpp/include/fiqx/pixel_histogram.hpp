#pragma once
/// `pixel_histogram`: counts per pixel over [0, 1], streaming and mergeable, and their quantiles.

#include <cstdint>
#include <optional>

#include "fiqx/tensor.hpp"

namespace fiqx {

/// Arguments of both loops.
struct PixelHistogram {
    const float* maps;
    std::uint32_t* counts;
    std::int64_t count, pixels, bins;
};

struct PixelHistogramMerge {
    std::uint32_t* counts;
    const std::uint32_t* other;
    std::int64_t size;
};

struct PixelHistogramQuantile {
    const std::uint32_t* counts;
    double* out;
    std::int64_t pixels, bins;
    double q;
};

/// Adds maps (B, H, W) float32 to counts (H, W, bins) uint32 in place.
/// @throws InvalidInputError, DeviceMismatchError, CudaError
/// On CUDA the work is queued on the stream of the call; the host does not wait.
void pixel_histogram(const Tensor& maps, const Tensor& counts, std::optional<std::uintptr_t> stream);

/// Adds other counts of the same shape in place.
void pixel_histogram_merge(const Tensor& counts, const Tensor& other, std::optional<std::uintptr_t> stream);

/// Counts (H, W, bins) to the quantile q of each pixel, (H, W) float64.
Tensor pixel_histogram_quantile(const Tensor& counts, double q, const Output& out,
                                std::optional<std::uintptr_t> stream);

namespace cpu {
void pixel_histogram(const PixelHistogram& args);
void pixel_histogram_merge(const PixelHistogramMerge& args);
void pixel_histogram_quantile(const PixelHistogramQuantile& args);
}  // namespace cpu
namespace cuda {
void pixel_histogram(const PixelHistogram& args, const Place& place);
void pixel_histogram_merge(const PixelHistogramMerge& args, const Place& place);
void pixel_histogram_quantile(const PixelHistogramQuantile& args, const Place& place);
}  // namespace cuda

}  // namespace fiqx
