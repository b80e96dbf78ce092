#pragma once
/// `local_contrast`: uint8 faces to the standard deviation of the grey intensity around each pixel.

#include <cstdint>
#include <optional>

#include "fiqx/tensor.hpp"

namespace fiqx {

/// Arguments of both loops.
struct LocalContrast {
    const std::uint8_t* faces;
    float* out;
    std::int64_t count, height, width;
};

/// (N, H, W, 3) uint8 RGB to (N, H, W) float32: the deviation in the 9 x 9 window, cut at the picture's border.
/// @throws InvalidInputError, DeviceMismatchError, CudaError
/// On CUDA the work is queued on the stream of the call; the host does not wait.
Tensor local_contrast(const Tensor& faces, const Output& out, std::optional<std::uintptr_t> stream);

namespace cpu {
void local_contrast(const LocalContrast& args);
}
namespace cuda {
void local_contrast(const LocalContrast& args, const Place& place);
}

}  // namespace fiqx
