#pragma once
// Helpers of every .cu: scratch memory and grid-stride loops, and those of guard.cuh.

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>

#include "fiqx/tensor.hpp"
#include "guard.cuh"

namespace fiqx::cuda {

inline cudaStream_t stream_of(std::uintptr_t handle) { return reinterpret_cast<cudaStream_t>(handle); }

/// This library's own pool of a device, which keeps released memory for reuse. The settings of the default pool belong
/// to the process.
cudaMemPool_t memory_pool(int index);

/// Device memory for one call, ordered on its stream: neither allocation nor release blocks the host.
template <class T>
class Scratch {
public:
    Scratch(std::int64_t count, cudaStream_t stream) : stream_(stream) {
        int index = 0;
        check(cudaGetDevice(&index), "cudaGetDevice");
        const auto bytes = static_cast<std::size_t>(count) * sizeof(T);
        check(cudaMallocFromPoolAsync(&data_, bytes, memory_pool(index), stream), "cudaMallocFromPoolAsync");
    }
    ~Scratch() { (void)cudaFreeAsync(data_, stream_); }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    T* data() const { return static_cast<T*>(data_); }

private:
    void* data_ = nullptr;
    cudaStream_t stream_;
};

constexpr int kThreads = 256;
constexpr int kWarp = 32;

/// Blocks for `items` threads; loops stride by the grid, so any number of items fits.
inline unsigned blocks_for(std::int64_t items) {
    return static_cast<unsigned>(std::min<std::int64_t>((items + kThreads - 1) / kThreads, 1 << 20));
}

/// The same for each of `rows` rows: the second axis of the grid, so that no index has to be divided.
inline dim3 grid_for(std::int64_t items, std::int64_t rows) {
    return dim3(blocks_for(items), static_cast<unsigned>(std::min<std::int64_t>(rows, 65535)));
}

#define FIQX_GRID_ROWS(row, count) for (std::int64_t row = blockIdx.y; row < (count); row += gridDim.y)
#define FIQX_GRID_STRIDE(i, count)                                                          \
    for (std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < (count); \
         i += std::int64_t{gridDim.x} * blockDim.x)

}  // namespace fiqx::cuda
