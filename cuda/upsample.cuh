#pragma once
// Upsampling by a block: weights are computed once per column and once per row, columns are interpolated once per row
// of the grid, and a pixel of the map costs one interpolation between two rows.

#include "fiqx/body/upsample.hpp"
#include "launch.cuh"
#include "vector.cuh"

namespace fiqx::cuda {

/// Sizes of a grid and of the map that is made of it.
struct Sizes {
    std::int64_t h, w, H, W;
    bool align_corners;
};

/// A block's copy of one grid: its rows at the map's full width (h, W), and the positions of the map's rows between
/// them.
struct WideRows {
    float* values;
    body::Sample* rows;

    /// Bytes of both, a multiple of 16.
    FIQX_HD static std::size_t bytes(const Sizes& s) {
        const auto values = static_cast<std::size_t>(s.h * s.W) * sizeof(float);
        return (values + static_cast<std::size_t>(s.H) * sizeof(body::Sample) + 15U) / 16U * 16U;
    }
    __device__ WideRows(void* memory, const Sizes& s)
        : values(static_cast<float*>(memory)), rows(reinterpret_cast<body::Sample*>(values + s.h * s.W)) {}
};

/// Bytes of shared memory that a launch may request. By default a block has 48 KB on every device, and the variables
/// that the kernel declares (`reduce.cuh`) are part of them.
constexpr std::size_t kSharedBytes = (48U - 1U) * 1024U;

/// Fills the rows of a grid whose cells `value(i)` gives. Ends with all threads together.
template <class Value>
__device__ void widen_rows(const WideRows& wide, const Sizes& s, const Value& value) {
    for (std::int64_t x = threadIdx.x; x < s.W; x += kThreads) {
        const body::Sample at = body::sample(x, s.w, s.W, s.align_corners);
        for (std::int64_t y = 0; y < s.h; ++y) {
            wide.values[y * s.W + x] = body::lerp(value(y * s.w + at.low), value(y * s.w + at.high), at.t);
        }
    }
    for (std::int64_t y = threadIdx.x; y < s.H; y += kThreads) {
        wide.rows[y] = body::sample(y, s.h, s.H, s.align_corners);
    }
    __syncthreads();
}

/// Neighbouring pixels of the map, from column x of row y on. `Each` divides the width, or is 1.
template <int Each>
__device__ __forceinline__ Pack<float, Each> upsampled(const WideRows& wide, std::int64_t width, unsigned y,
                                                       unsigned x) {
    const body::Sample at = wide.rows[y];
    auto pixels = load<Each, true>(wide.values + at.low * width, x, width);
    const auto below = load<Each, true>(wide.values + at.high * width, x, width);
#pragma unroll
    for (int k = 0; k < Each; ++k) { pixels.at[k] = body::lerp(pixels.at[k], below.at[k], at.t); }
    return pixels;
}

/// `visit(y, x, i)` for the packs of a map, by turns among the threads of a block: x is the column of a pack's first
/// pixel and i = y W + x. Rows and columns are counted, not divided.
template <int Each, class Visit>
__device__ __forceinline__ void over_packs(const Sizes& s, const Visit& visit) {
    const auto across = static_cast<unsigned>(s.W) / Each;
    const unsigned columns = kThreads % across;
    const unsigned rows = kThreads / across;
    unsigned x = threadIdx.x % across;
    unsigned y = threadIdx.x / across;
    while (y < s.H) {
        visit(y, x * Each, y * s.W + x * Each);
        x += columns;
        y += rows;
        if (x >= across) {
            x -= across;
            ++y;
        }
    }
}

}  // namespace fiqx::cuda
