#pragma once
/// `crop_net`: a small convolutional network on many small pictures, such as the second and third of MTCNN. On the CPU
/// alone.

#include <cstdint>
#include <vector>

#include "fiqx/tensor.hpp"

namespace fiqx {

/// A convolution size×size without padding and its PReLU, and then a maximum over pool×pool at every second pixel, with
/// `end` pixels of padding right and below; none where `pool` is 0. A dense layer is a convolution over its whole
/// input.
struct CropLayer {
    std::int64_t size, in, out, pool, end;
};

/// Arguments of the loop.
struct CropNet {
    const std::uint8_t* crops;
    const float* parameters;
    float* out;
    std::int64_t count, side;
    std::vector<CropLayer> layers;
};

/// (K, S, S, 3) uint8 RGB, as (x - 127.5) / 128, to (K, channels of the last layer) float32. `layers` (L, 5) int64 has
/// a row for each: size, channels in, channels out, pool, end; channels out are multiples of 16, and of those the next
/// layer reads the first. The last layer leaves one pixel. `parameters` has for each layer the kernel as channels out /
/// 16, rows, columns, channels in, 16; the bias; and the slope for negative values.
/// @throws InvalidInputError, CudaUnavailableError
Tensor crop_net(const Tensor& crops, const Tensor& layers, const Tensor& parameters, const Output& out);

namespace cpu {
/// With registers of 16, 8 or 4 floats. How products and sums are rounded depends on it.
void crop_net(const CropNet& args, int lanes);
}  // namespace cpu

}  // namespace fiqx
