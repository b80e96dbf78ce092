#include "fiqx/cam_combine.hpp"

#include "reduce.cuh"

namespace fiqx::cuda {
namespace {

// A thread per cell: its sum runs over the channels in order.
__global__ void make_grids(CamCombine a) {
    const std::int64_t cells = a.h * a.w;
    FIQX_GRID_STRIDE(i, a.count * cells) {
        const std::int64_t image = i / cells;
        double sum = 0.0;
        for (std::int64_t c = 0; c < a.channels; ++c) {
            const std::int64_t channel = image * a.channels + c;
            if (!body::counts(a.weights[channel])) { continue; }
            sum = body::add_weighted(sum, a.weights[channel], a.activations[channel * cells + i % cells], a.rule);
        }
        a.grids[i] = body::cell(sum, a.rule);
    }
}

/// The limits of n values of a block; NaN, NaN if one is not finite. Ends with all threads together.
template <class Value>
__device__ body::Limits safe_limits(std::int64_t n, const Value& value) {
    body::Limits limits{INFINITY, -INFINITY};
    int finite = 1;
    for (std::int64_t i = threadIdx.x; i < n; i += kThreads) {
        const float x = value(i);
        finite = finite && isfinite(x);
        body::widen(limits, x);
    }
    limits = block_limits(limits);
    if (!__syncthreads_and(finite)) { limits = {nanf(""), nanf("")}; }
    return limits;
}

// A block per image.
__global__ void make_maps(CamCombine a) {
    float* grid = a.grids + blockIdx.x * a.h * a.w;
    float* map = a.maps + blockIdx.x * a.H * a.W;
    if (a.rule.minmax_twice) {
        const body::Limits limits = safe_limits(a.h * a.w, [&](std::int64_t i) { return grid[i]; });
        for (std::int64_t i = threadIdx.x; i < a.h * a.w; i += kThreads) { grid[i] = body::finished(grid[i], limits); }
        __syncthreads();
    }
    const auto value = [&](std::int64_t i) {
        return body::pixel(upsampled(grid, a.h, a.w, a.H, a.W, i, a.rule.align_corners), a.rule);
    };
    const body::Limits limits = safe_limits(a.H * a.W, value);
    for (std::int64_t i = threadIdx.x; i < a.H * a.W; i += kThreads) { map[i] = body::finished(value(i), limits); }
    if (threadIdx.x == 0) {
        a.limits[2 * blockIdx.x] = limits.low;
        a.limits[2 * blockIdx.x + 1] = limits.high;
    }
}

}  // namespace

void cam_combine(const CamCombine& args, const Place& place) {
    const DeviceGuard guard(place.index);
    const cudaStream_t stream = stream_of(place.stream);
    make_grids<<<blocks_for(args.count * args.h * args.w), kThreads, 0, stream>>>(args);
    check(cudaGetLastError(), "cam_combine");
    make_maps<<<static_cast<unsigned>(args.count), kThreads, 0, stream>>>(args);
    check(cudaGetLastError(), "cam_combine");
}

}  // namespace fiqx::cuda
