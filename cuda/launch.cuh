#pragma once
// Helpers of every .cu: checked calls, the current device, scratch memory and grid-stride loops.

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>
#include <string>

#include "fiqx/error.hpp"
#include "fiqx/tensor.hpp"

namespace fiqx::cuda {

/// Throws CudaError naming the call. Clears the error first, so that the next call does not report it again.
inline void check(cudaError_t status, const char* call) {
    if (status == cudaSuccess) { return; }
    (void)cudaGetLastError();
    throw CudaError(std::string(call) + ": " + cudaGetErrorName(status) + ": " + cudaGetErrorString(status));
}

inline cudaStream_t stream_of(std::uintptr_t handle) { return reinterpret_cast<cudaStream_t>(handle); }

/// Makes a device current, and restores the caller's at the end of the scope.
class DeviceGuard {
public:
    explicit DeviceGuard(int index) {
        check(cudaGetDevice(&before_), "cudaGetDevice");
        if (index != before_) { check(cudaSetDevice(index), "cudaSetDevice"); }
    }
    ~DeviceGuard() { (void)cudaSetDevice(before_); }
    DeviceGuard(const DeviceGuard&) = delete;
    DeviceGuard& operator=(const DeviceGuard&) = delete;

private:
    int before_ = 0;
};

/// Device memory for one call, ordered on its stream: neither allocation nor release blocks the host.
template <class T>
class Scratch {
public:
    Scratch(std::int64_t count, cudaStream_t stream) : stream_(stream) {
        check(cudaMallocAsync(&data_, static_cast<std::size_t>(count) * sizeof(T), stream), "cudaMallocAsync");
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
