#include "fiqx/face_input.hpp"

#include "fiqx/body/face_input.hpp"
#include "launch.cuh"
#include "vector.cuh"

namespace fiqx::cuda {
namespace {

/// Pixels of a thread: 16 bytes of each plane.
template <class Value>
constexpr int kEach = 16 / sizeof(Value);

/// Packs of a thread: a block pays for its table once.
constexpr int kRounds = 4;

/// Channel `c` of a pixel in the model's order; not for grey.
__device__ __forceinline__ std::uint8_t channel(Color color, int c, std::uint8_t r, std::uint8_t g, std::uint8_t b) {
    const std::uint8_t first = color == Color::bgr ? b : r;
    const std::uint8_t last = color == Color::bgr ? r : b;
    return c == 0 ? first : c == 1 ? g : last;
}

/// The three planes' values of one pack of pixels: `value(c, r, g, b)` is the value of channel `c`.
template <class Value, bool Whole, class Of>
__device__ __forceinline__ void convert(const FaceInput& a, std::int64_t face, std::int64_t i, const Of& value) {
    constexpr int kPixels = kEach<Value>;
    const std::uint8_t* in = a.faces + face * 3 * a.pixels;
    Value* out = static_cast<Value*>(a.out) + face * 3 * a.pixels;
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
        for (int p = 0; p < kPixels; ++p) { plane.at[p] = value(c, byte(3 * p), byte(3 * p + 1), byte(3 * p + 2)); }
        store<Whole>(out + c * a.pixels, i * kPixels, a.pixels, plane);
    }
}

// A thread per few neighbouring pixels: three loads of all their bytes, one store in each plane. A channel has 256
// values: each is divided once per block.
template <class Value, bool Whole>
__global__ void normalise(FaceInput a) {
    __shared__ Value table[3][kThreads];
    static_assert(kThreads == 256, "a thread per value of a byte");
#pragma unroll
    for (int c = 0; c < 3; ++c) {
        table[c][threadIdx.x] = stored<Value>(body::normalise(static_cast<float>(threadIdx.x), a.mean[c], a.std[c]));
    }
    __syncthreads();
    FIQX_GRID_ROWS(face, a.count) {
        FIQX_GRID_STRIDE(i, packs_in(a.pixels, kEach<Value>)) {
            convert<Value, Whole>(a, face, i, [&](int c, std::uint8_t r, std::uint8_t g, std::uint8_t b) {
                return table[c][channel(a.color, c, r, g, b)];
            });
        }
    }
}

// The luma has more values than a byte.
template <class Value, bool Whole>
__global__ void normalise_luma(FaceInput a) {
    FIQX_GRID_ROWS(face, a.count) {
        FIQX_GRID_STRIDE(i, packs_in(a.pixels, kEach<Value>)) {
            convert<Value, Whole>(a, face, i, [&](int c, std::uint8_t r, std::uint8_t g, std::uint8_t b) {
                return stored<Value>(body::normalise(body::luma(r, g, b), a.mean[c], a.std[c]));
            });
        }
    }
}

template <class Value, bool Whole>
void launch(const FaceInput& a, cudaStream_t stream) {
    const bool gray = a.color == Color::gray;
    const auto kernel = gray ? normalise_luma<Value, Whole> : normalise<Value, Whole>;
    const std::int64_t packs = packs_in(a.pixels, kEach<Value>);
    kernel<<<grid_for(packs_in(packs, gray ? 1 : kRounds), a.count), kThreads, 0, stream>>>(a);
}

template <class Value>
void launch(const FaceInput& a, cudaStream_t stream) {
    constexpr int kPixels = kEach<Value>;
    const bool whole =
        packs_fit<kPixels>(a.faces, a.pixels) && packs_fit<kPixels>(static_cast<const Value*>(a.out), a.pixels);
    (whole ? launch<Value, true> : launch<Value, false>)(a, stream);
}

}  // namespace

void face_input(const FaceInput& a, const Place& place) {
    const DeviceGuard guard(place.index);
    (a.half ? launch<std::uint16_t> : launch<float>)(a, stream_of(place.stream));
    check(cudaGetLastError(), "face_input");
}

}  // namespace fiqx::cuda
