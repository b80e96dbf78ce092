#pragma once
// Reductions over a block. Minimum and maximum do not depend on their order; sums are taken in the order of body/.

#include <cstring>

#include "fiqx/body/upsample.hpp"
#include "launch.cuh"

namespace fiqx::cuda {

/// The values of all threads merged, in any order. Every thread of a block of kThreads must call it, and gets the
/// result.
template <class T, class Merge>
__device__ T block_reduce(T mine, const Merge& merge) {
    static_assert(sizeof(T) == sizeof(unsigned long long), "a shuffle takes 8 bytes");
    __shared__ T warps[kThreads / kWarp];
    for (int apart = kWarp / 2; apart > 0; apart /= 2) {
        unsigned long long bits = 0;
        memcpy(&bits, &mine, sizeof bits);
        bits = __shfl_xor_sync(0xFFFFFFFFU, bits, apart);
        T other;
        memcpy(&other, &bits, sizeof bits);
        merge(mine, other);
    }
    __syncthreads();  // all reads of an earlier call are done
    if (threadIdx.x % kWarp == 0) { warps[threadIdx.x / kWarp] = mine; }
    __syncthreads();
    T all = warps[0];
    for (int k = 1; k < kThreads / kWarp; ++k) { merge(all, warps[k]); }
    return all;
}

/// The common limits of all threads' limits.
__device__ inline body::Limits block_limits(const body::Limits& mine) {
    return block_reduce(mine, [](body::Limits& limits, const body::Limits& other) { body::widen(limits, other); });
}

}  // namespace fiqx::cuda
