#pragma once
/// `resize_boxes`: cut boxes out of a picture and resize each to the same size. On the CPU alone.

#include <cstdint>

#include "fiqx/tensor.hpp"

namespace fiqx {

/// Arguments of the loop. A box is (x0, y0, x1, y1) in pixels, the right and lower edge excluded.
struct ResizeBoxes {
    const std::uint8_t* picture;
    const std::int64_t* boxes;
    std::uint8_t* out;
    std::int64_t H, W, count, height, width;
};

/// (H, W, 3) uint8 and boxes (K, 4) int64 to (K, height, width, 3) uint8. Along an axis on which a box is longer than
/// the result, a pixel is the mean over the area that it covers; else it is interpolated linearly between the centres
/// of pixels. A box is black where it leaves the picture.
/// @throws InvalidInputError, CudaUnavailableError
Tensor resize_boxes(const Tensor& picture, const Tensor& boxes, std::int64_t height, std::int64_t width,
                    const Output& out);

namespace cpu {
void resize_boxes(const ResizeBoxes& args);
}

}  // namespace fiqx
