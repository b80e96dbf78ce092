#pragma once
/// `cam_masks`: multiply one face with the masks of many channels, into the input of a runtime.

#include <cstdint>
#include <optional>

#include "fiqx/body/cam_masks.hpp"
#include "fiqx/tensor.hpp"

namespace fiqx {

/// Arguments of both loops. `channels` is in host memory.
struct CamMasks {
    const float* activations;
    const float* face;
    const std::int64_t* channels;
    void* out;
    bool half;
    std::int64_t count, h, w, H, W;
    body::MaskRule rule;
};

struct CamConstant {
    const float* activations;
    bool* out;
    std::int64_t maps, cells;
    bool relu;
};

/// Activations (C, h, w) float32, face (3, H, W) float32, channels (K,) int64 in host memory, to (K, 3, H, W) float32
/// or float16: channel k upsampled bilinearly and scaled by its minimum and maximum, times the face. A channel without
/// a finite range gives zeros.
/// @throws InvalidInputError, DeviceMismatchError, CudaError
/// On CUDA the work is queued on the stream of the call; the host does not wait.
Tensor cam_masks(const Tensor& activations, const Tensor& face, const Tensor& channels, bool half, body::MaskRule rule,
                 const Output& out, std::optional<std::uintptr_t> stream);

/// (N, C, h, w) float32 to (N, C) bool: true where a channel is constant or not finite, and gives no mask.
Tensor cam_constant(const Tensor& activations, bool relu, const Output& out, std::optional<std::uintptr_t> stream);

namespace cpu {
void cam_masks(const CamMasks& args);
void cam_constant(const CamConstant& args);
}  // namespace cpu
namespace cuda {
void cam_masks(const CamMasks& args, const Place& place);
void cam_constant(const CamConstant& args, const Place& place);
}  // namespace cuda

}  // namespace fiqx
