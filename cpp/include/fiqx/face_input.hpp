#pragma once
/// `face_input`: uint8 faces to the normalised tensor that a network reads.

#include <cstdint>
#include <optional>

#include "fiqx/tensor.hpp"

namespace fiqx {

enum class Color : std::uint8_t { rgb, bgr, gray };

/// Arguments of both loops. `mean` and `std` are per channel of the output.
struct FaceInput {
    const std::uint8_t* faces;
    void* out;
    bool half;
    std::int64_t count, pixels;
    Color color;
    float mean[3], std[3];
};

/// (N, H, W, 3) uint8 RGB to (N, 3, H, W) float32 or float16: (x - mean[c]) / std[c], channels in the model's order.
///
/// `gray` writes the luma to all three channels. `settings` has color, half, mean and std.
/// @throws InvalidInputError, DeviceMismatchError, CudaError
/// On CUDA the work is queued on the stream of the call; the host does not wait.
Tensor face_input(const Tensor& faces, const FaceInput& settings, const Output& out,
                  std::optional<std::uintptr_t> stream);

namespace cpu {
void face_input(const FaceInput& args);
}
namespace cuda {
void face_input(const FaceInput& args, const Place& place);
}

}  // namespace fiqx
