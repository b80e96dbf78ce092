#include "fiqx/cam_masks.hpp"

#include "fiqx/body/half.hpp"
#include "reduce.cuh"

namespace fiqx::cuda {
namespace {

/// The channel's grid after ReLU and, where asked for, min-max scaling; false (in every thread) if it has no mask.
__device__ bool prepare(const CamMasks& a, const float* channel, float* grid) {
    body::Limits limits{INFINITY, -INFINITY};
    int finite = 1;
    for (std::int64_t i = threadIdx.x; i < a.h * a.w; i += kThreads) {
        finite = finite && isfinite(channel[i]);
        grid[i] = body::activation(channel[i], a.rule);
        body::widen(limits, grid[i]);
    }
    limits = block_limits(limits);
    if (!__syncthreads_and(finite)) { return false; }
    if (!a.rule.scale_first) { return true; }
    if (!body::has_range(limits)) { return false; }
    const float low = body::mask_low(limits, a.rule);
    for (std::int64_t i = threadIdx.x; i < a.h * a.w; i += kThreads) {
        grid[i] = body::min_max(grid[i], low, limits.high - limits.low);
    }
    __syncthreads();
    return true;
}

__device__ void put(const CamMasks& a, std::int64_t at, float value) {
    if (a.half) {
        static_cast<std::uint16_t*>(a.out)[at] = body::half_bits(value);
    } else {
        static_cast<float*>(a.out)[at] = value;
    }
}

// A block per mask.
__global__ void write_masks(CamMasks a, float* grids) {
    const std::int64_t k = blockIdx.x;
    const std::int64_t pixels = a.H * a.W;
    float* grid = grids + k * a.h * a.w;
    bool usable = prepare(a, a.activations + a.channels[k] * a.h * a.w, grid);
    float low = 0.0F;
    float range = 1.0F;
    if (usable && !a.rule.scale_first) {
        body::Limits limits{INFINITY, -INFINITY};
        for (std::int64_t i = threadIdx.x; i < pixels; i += kThreads) {
            body::widen(limits, upsampled(grid, a.h, a.w, a.H, a.W, i, a.rule.align_corners));
        }
        limits = block_limits(limits);
        usable = body::has_range(limits);
        low = body::mask_low(limits, a.rule);
        range = limits.high - limits.low;
    }
    for (std::int64_t i = threadIdx.x; i < pixels; i += kThreads) {
        float mask = usable ? upsampled(grid, a.h, a.w, a.H, a.W, i, a.rule.align_corners) : 0.0F;
        if (usable && !a.rule.scale_first) { mask = body::min_max(mask, low, range); }
        for (int c = 0; c < 3; ++c) { put(a, (3 * k + c) * pixels + i, body::masked(mask, a.face[c * pixels + i])); }
    }
}

__global__ void find_constant(CamConstant a) {
    FIQX_GRID_STRIDE(map, a.maps) {
        const float* x = a.activations + map * a.cells;
        body::Limits limits{x[0], x[0]};
        bool finite = true;
        for (std::int64_t i = 0; i < a.cells; ++i) {
            body::widen(limits, x[i]);
            finite = finite && isfinite(x[i]);
        }
        if (a.relu) { limits = {body::relu(limits.low), body::relu(limits.high)}; }
        a.out[map] = !(finite && body::has_range(limits));
    }
}

}  // namespace

void cam_masks(const CamMasks& args, const Place& place) {
    const DeviceGuard guard(place.index);
    const cudaStream_t stream = stream_of(place.stream);
    const Scratch<float> grids(args.count * args.h * args.w, stream);
    const Scratch<std::int64_t> channels(args.count, stream);
    const std::size_t bytes = static_cast<std::size_t>(args.count) * sizeof(std::int64_t);
    check(cudaMemcpyAsync(channels.data(), args.channels, bytes, cudaMemcpyHostToDevice, stream), "cudaMemcpyAsync");
    CamMasks a = args;
    a.channels = channels.data();
    write_masks<<<static_cast<unsigned>(a.count), kThreads, 0, stream>>>(a, grids.data());
    check(cudaGetLastError(), "cam_masks");
}

void cam_constant(const CamConstant& args, const Place& place) {
    const DeviceGuard guard(place.index);
    find_constant<<<blocks_for(args.maps), kThreads, 0, stream_of(place.stream)>>>(args);
    check(cudaGetLastError(), "cam_constant");
}

}  // namespace fiqx::cuda
