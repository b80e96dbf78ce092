#pragma once
/// `pixel_quality`: gradients to pixel-level quality maps.

#include <cstdint>
#include <optional>

#include "fiqx/tensor.hpp"

namespace fiqx {

/// Arguments of both loops. `contrast` may be null; `clip` below 0: no clipping.
struct PixelQuality {
    const float* gradient;
    const double* scale;
    const float* contrast;
    float* maps;
    float* saliency;
    bool* clipped;
    std::int64_t count, pixels;
    float ten_to_gamma;
    double clip;
};

/// Gradient (N, 3, H, W) float32 and scale (N,) float64 to maps and saliency (N, H, W) float32 and clipped (N,) bool.
///
/// `contrast` (N, H, W) float32 multiplies the saliency where it is given.
/// The norm of a gradient is a float64 sum in 256 lanes over its 3 H W values in memory order.
/// @throws InvalidInputError, DeviceMismatchError, CudaError
/// On CUDA the work is queued on the stream of the call; the host does not wait.
void pixel_quality(const Tensor& gradient, const Tensor& scale, const std::optional<Tensor>& contrast, double gamma,
                   std::optional<double> clip, const Output& maps, const Output& saliency, const Output& clipped,
                   std::optional<std::uintptr_t> stream);

namespace cpu {
void pixel_quality(const PixelQuality& args);
}
namespace cuda {
void pixel_quality(const PixelQuality& args, const Place& place);
}

}  // namespace fiqx
