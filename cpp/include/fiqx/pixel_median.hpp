#pragma once
/// `pixel_median`: the exact median of each pixel over a stack of maps.

#include <cstdint>
#include <optional>

#include "fiqx/tensor.hpp"

namespace fiqx {

/// Arguments of both loops.
struct PixelMedian {
    const float* maps;
    double* out;
    std::int64_t count, pixels;
};

/// Maps (N, H, W) float32, N of 1 or more, to (H, W) float64: for even N the mean of the two middle values. A pixel
/// with a NaN gives NaN.
/// @throws InvalidInputError, DeviceMismatchError, CudaError
/// On CUDA the work is queued on the stream of the call; the host does not wait.
Tensor pixel_median(const Tensor& maps, const Output& out, std::optional<std::uintptr_t> stream);

namespace cpu {
void pixel_median(const PixelMedian& args);
}
namespace cuda {
void pixel_median(const PixelMedian& args, const Place& place);
}

}  // namespace fiqx
