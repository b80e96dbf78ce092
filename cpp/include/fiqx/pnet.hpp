#pragma once
/// `pnet`: the proposal network of the face detector MTCNN, slid over one picture. On the CPU alone.

#include <cstdint>

#include "fiqx/tensor.hpp"

namespace fiqx {

/// Numbers of the network: three convolutions 3×3 (kernel, bias, slope), the regression and the two logits.
constexpr std::int64_t kPnetParameters = 6632;
/// Side and step of the window that the network sees.
constexpr std::int64_t kPnetWindow = 12;
constexpr std::int64_t kPnetStride = 2;

/// Arguments of the loop.
struct Pnet {
    const std::uint8_t* picture;
    const float* parameters;
    float* out;
    std::int64_t height, width;  // of the picture
};

/// (H, W, 3) uint8 RGB to (H / 2 - 5, W / 2 - 5, 5) float32 for the 12×12 windows at every second pixel: the logit of a
/// face, and the regression of its box. `parameters` (6632,) float32 has the arrays in the order of the layers, kernels
/// as rows, columns, channels in, channels out.
/// @throws InvalidInputError, CudaUnavailableError
Tensor pnet(const Tensor& picture, const Tensor& parameters, const Output& out);

namespace cpu {
/// With registers of 16, 8 or 4 floats. How products and sums are rounded depends on it.
void pnet(const Pnet& args, int lanes);
}  // namespace cpu

}  // namespace fiqx
