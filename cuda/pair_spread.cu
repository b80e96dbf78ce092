#include "fiqx/pair_spread.hpp"

#include "fiqx/body/pair_spread.hpp"
#include "launch.cuh"

namespace fiqx::cuda {
namespace {

using body::kLanes;
constexpr int kGroups = kThreads / kLanes;

/// The lanes of a group added in halves; the sum is in its lane 0.
template <class T>
__device__ T group_sum(T lane) {
    for (int half = kLanes / 2; half > 0; half /= 2) {
        lane = lane + __shfl_down_sync(0xFFFFFFFFU, lane, half, kLanes);
    }
    return lane;
}

// A group of 16 threads per row. A row without a direction is written as NaN, which reaches its image's mean.
__global__ void normalise(PairSpread p, float* unit) {
    const int lane = threadIdx.x % kLanes;
    for (std::int64_t base = std::int64_t{blockIdx.x} * kGroups; base < p.count * p.rows;
         base += std::int64_t{gridDim.x} * kGroups) {
        const std::int64_t row = base + threadIdx.x / kLanes;
        const bool active = row < p.count * p.rows;
        const float* x = p.embeddings + row * p.width;
        double sum = 0.0;
        for (std::int64_t d = lane; active && d < p.width; d += kLanes) { sum = body::add_square(sum, x[d]); }
        const double norm = sqrt(__shfl_sync(0xFFFFFFFFU, group_sum(sum), 0, kLanes));
        const bool usable = norm > 0.0 && isfinite(norm);
        for (std::int64_t d = lane; active && d < p.width; d += kLanes) {
            unit[row * p.width + d] = usable ? body::scaled(x[d], 1.0 / norm) : nanf("");
        }
    }
}

// A block per image, a group per pair; thread j owns the column sum S_j, so the order of additions is the CPU's.
__global__ void spread(PairSpread p, const float* unit) {
    extern __shared__ double columns[];
    float* row_distances = reinterpret_cast<float*>(columns + p.rows);
    const int lane = threadIdx.x % kLanes;
    const float* rows = unit + blockIdx.x * p.rows * p.width;
    for (std::int64_t j = threadIdx.x; j < p.rows; j += kThreads) { columns[j] = 0.0; }
    for (std::int64_t i = 0; i < p.rows; ++i) {
        for (std::int64_t base = i + 1; base < p.rows; base += kGroups) {
            const std::int64_t j = base + threadIdx.x / kLanes;
            float sum = 0.0F;
            for (std::int64_t d = lane; j < p.rows && d < p.width; d += kLanes) {
                body::add_squared_difference(sum, rows[i * p.width + d], rows[j * p.width + d]);
            }
            sum = group_sum(sum);
            if (lane == 0 && j < p.rows) { row_distances[j] = sqrtf(sum); }
        }
        __syncthreads();
        for (std::int64_t j = threadIdx.x; j < p.rows; j += kThreads) {
            if (j > i) { columns[j] += static_cast<double>(row_distances[j]); }
        }
        __syncthreads();
    }
    if (threadIdx.x != 0) { return; }
    double sum = 0.0;
    for (std::int64_t j = 1; j < p.rows; ++j) { sum += columns[j]; }
    p.out[blockIdx.x] = sum / (0.5 * static_cast<double>(p.rows) * static_cast<double>(p.rows - 1));
}

}  // namespace

void pair_spread(const PairSpread& p, const Place& place) {
    const DeviceGuard guard(place.index);
    const cudaStream_t stream = stream_of(place.stream);
    const std::size_t shared = static_cast<std::size_t>(p.rows) * (sizeof(double) + sizeof(float));
    if (shared > 48U * 1024U) { throw InvalidInputError("pair_spread: m is above 4096, the most a CUDA block holds"); }
    const Scratch<float> unit(std::max<std::int64_t>(p.count * p.rows * p.width, 1), stream);
    normalise<<<blocks_for(p.count * p.rows * kLanes), kThreads, 0, stream>>>(p, unit.data());
    check(cudaGetLastError(), "pair_spread");
    spread<<<static_cast<unsigned>(p.count), kThreads, shared, stream>>>(p, unit.data());
    check(cudaGetLastError(), "pair_spread");
}

}  // namespace fiqx::cuda
