#pragma once
// Reductions over a block. Minimum and maximum do not depend on their order; sums are taken in the order of body/.

#include "fiqx/body/upsample.hpp"
#include "launch.cuh"

namespace fiqx::cuda {

/// The values of all threads merged in halves. Every thread of a block of kThreads must call it, and gets the result.
template <class T, class Merge>
__device__ T block_reduce(const T& mine, const Merge& merge) {
    __shared__ T shared[kThreads];
    __syncthreads();
    shared[threadIdx.x] = mine;
    __syncthreads();
    for (int half = kThreads / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) { merge(shared[threadIdx.x], shared[threadIdx.x + half]); }
        __syncthreads();
    }
    return shared[0];
}

/// The common limits of all threads' limits.
__device__ inline body::Limits block_limits(const body::Limits& mine) {
    return block_reduce(mine, [](body::Limits& limits, const body::Limits& other) { body::widen(limits, other); });
}

/// The value of an upsampled grid at a pixel.
__device__ inline float upsampled(const float* grid, std::int64_t h, std::int64_t w, std::int64_t H, std::int64_t W,
                                  std::int64_t pixel, bool align_corners) {
    const body::Sample x = body::sample(pixel % W, w, W, align_corners);
    const body::Sample y = body::sample(pixel / W, h, H, align_corners);
    const float* a = grid + y.low * w;
    const float* b = grid + y.high * w;
    return body::lerp(body::lerp(a[x.low], a[x.high], x.t), body::lerp(b[x.low], b[x.high], x.t), y.t);
}

}  // namespace fiqx::cuda
