#include "fiqx/face_input.hpp"

#include "fiqx/body/face_input.hpp"
#include "fiqx/body/half.hpp"
#include "launch.cuh"

namespace fiqx::cuda {
namespace {

__device__ void put(const FaceInput& a, std::int64_t at, float value) {
    if (a.half) {
        static_cast<std::uint16_t*>(a.out)[at] = body::half_bits(value);
    } else {
        static_cast<float*>(a.out)[at] = value;
    }
}

// A thread per pixel: its three bytes are read once, the three planes are written in whole lines.
__global__ void normalise(FaceInput a) {
    FIQX_GRID_STRIDE(i, a.count * a.pixels) {
        const std::uint8_t* x = a.faces + 3 * i;
        const std::int64_t at = i / a.pixels * 3 * a.pixels + i % a.pixels;
        const float luma = body::luma(x[0], x[1], x[2]);
        for (int c = 0; c < 3; ++c) {
            const float value = a.color == Color::gray ? luma : x[a.color == Color::bgr ? 2 - c : c];
            put(a, at + c * a.pixels, body::normalise(value, a.mean[c], a.std[c]));
        }
    }
}

}  // namespace

void face_input(const FaceInput& a, const Place& place) {
    const DeviceGuard guard(place.index);
    normalise<<<blocks_for(a.count * a.pixels), kThreads, 0, stream_of(place.stream)>>>(a);
    check(cudaGetLastError(), "face_input");
}

}  // namespace fiqx::cuda
