#include "fiqx/face_input.hpp"

#include "fiqx/body/face_input.hpp"
#include "launch.cuh"
#include "vector.cuh"

namespace fiqx::cuda {
namespace {

/// Pixels of a thread: 16 bytes of each plane.
template <class Value>
constexpr int kEach = 16 / sizeof(Value);

/// Channel `c` of the model's order.
__device__ __forceinline__ float channel(const FaceInput& a, int c, std::uint8_t r, std::uint8_t g, std::uint8_t b) {
    if (a.color == Color::gray) { return body::luma(r, g, b); }
    const std::uint8_t first = a.color == Color::bgr ? b : r;
    const std::uint8_t last = a.color == Color::bgr ? r : b;
    return c == 0 ? first : c == 1 ? g : last;
}

// A thread per few neighbouring pixels: three loads of all their bytes, one store in each plane.
template <class Value, bool Whole>
__global__ void normalise(FaceInput a) {
    constexpr int kPixels = kEach<Value>;
    FIQX_GRID_ROWS(face, a.count) {
        const std::uint8_t* in = a.faces + face * 3 * a.pixels;
        Value* out = static_cast<Value*>(a.out) + face * 3 * a.pixels;
        FIQX_GRID_STRIDE(i, packs_in(a.pixels, kPixels)) {
            Pack<std::uint8_t, kPixels> bytes[3];
#pragma unroll
            for (int third = 0; third < 3; ++third) {
                bytes[third] = load<kPixels, Whole>(in, (3 * i + third) * kPixels, 3 * a.pixels);
            }
            const auto byte = [&](int b) { return bytes[b / kPixels].at[b % kPixels]; };
#pragma unroll
            for (int c = 0; c < 3; ++c) {
                Pack<Value, kPixels> plane;
#pragma unroll
                for (int p = 0; p < kPixels; ++p) {
                    const float value = channel(a, c, byte(3 * p), byte(3 * p + 1), byte(3 * p + 2));
                    plane.at[p] = stored<Value>(body::normalise(value, a.mean[c], a.std[c]));
                }
                store<Whole>(out + c * a.pixels, i * kPixels, a.pixels, plane);
            }
        }
    }
}

template <class Value>
void launch(const FaceInput& a, cudaStream_t stream) {
    constexpr int kPixels = kEach<Value>;
    const bool whole =
        packs_fit<kPixels>(a.faces, a.pixels) && packs_fit<kPixels>(static_cast<const Value*>(a.out), a.pixels);
    const auto kernel = whole ? normalise<Value, true> : normalise<Value, false>;
    kernel<<<grid_for(packs_in(a.pixels, kPixels), a.count), kThreads, 0, stream>>>(a);
}

}  // namespace

void face_input(const FaceInput& a, const Place& place) {
    const DeviceGuard guard(place.index);
    (a.half ? launch<std::uint16_t> : launch<float>)(a, stream_of(place.stream));
    check(cudaGetLastError(), "face_input");
}

}  // namespace fiqx::cuda
