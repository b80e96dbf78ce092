#pragma once
/// `cam_combine`: activations and their weights to finished activation maps.

#include <cstdint>
#include <optional>

#include "fiqx/body/cam_combine.hpp"
#include "fiqx/tensor.hpp"

namespace fiqx {

/// Arguments of both loops.
struct CamCombine {
    const float* activations;
    const float* weights;
    float* maps;
    float* grids;
    float* limits;
    std::int64_t count, channels, h, w, H, W;
    body::CombineRule rule;
};

/// Activations (N, C, h, w) and weights (N, C), float32, to maps (N, H, W) in [0, 1], grids (N, h, w) and limits
/// (N, 2), float32: map = (upsampled grid - low) / (high - low), and 0 where high equals low.
///
/// The weighted sum is float64, in the order of the channels; one of weight 0 adds nothing. A map that is not
/// finite is NaN, and so are its limits.
/// @throws InvalidInputError, DeviceMismatchError, CudaError
/// On CUDA the work is queued on the stream of the call; the host does not wait.
void cam_combine(const Tensor& activations, const Tensor& weights, std::int64_t H, std::int64_t W,
                 body::CombineRule rule, const Output& maps, const Output& grids, const Output& limits,
                 std::optional<std::uintptr_t> stream);

namespace cpu {
void cam_combine(const CamCombine& args);
}
namespace cuda {
void cam_combine(const CamCombine& args, const Place& place);
}

}  // namespace fiqx
