#include "fiqx/cam_combine.hpp"

#include "columns.cuh"
#include "reduce.cuh"
#include "upsample.cuh"

namespace fiqx::cuda {
namespace {

constexpr int kEach = 4;
constexpr int kCells = 64;     // of a block
constexpr int kChannels = 64;  // of a tile

// A thread per cell, in a block that loads for it: its sum runs over the channels in order.
__global__ void make_grids(CamCombine a) {
    const std::int64_t cells = a.h * a.w;
    const std::int64_t parts = (cells + kCells - 1) / kCells;
    const std::int64_t image = blockIdx.x / parts;
    const std::int64_t first = blockIdx.x % parts * kCells;
    const std::int64_t columns = cells - first < kCells ? cells - first : kCells;
    double sum = 0.0;
    const auto weight = [&](std::int64_t channel) { return a.weights[image * a.channels + channel]; };
    const auto take = [&](float w, float x) { sum = body::counts(w) ? body::add_weighted(sum, w, x, a.rule) : sum; };
    const float* data = a.activations + image * a.channels * cells + first;
    down_columns<kCells, kChannels>(data, a.channels, cells, columns, weight, take);
    if (threadIdx.x < columns) { a.grids[image * cells + first + threadIdx.x] = body::cell(sum, a.rule); }
}

/// The limits of a block's values; NaN, NaN if one is not finite. `visit_all(add)` calls add(x) for each of a thread's.
template <class VisitAll>
__device__ body::Limits safe_limits(const VisitAll& visit_all) {
    body::Limits limits{INFINITY, -INFINITY};
    int finite = 1;
    visit_all([&](float x) {
        finite = finite && isfinite(x);
        body::widen(limits, x);
    });
    limits = block_limits(limits);
    return __syncthreads_and(finite) ? limits : body::Limits{nanf(""), nanf("")};
}

__device__ void finish_grid(float* grid, std::int64_t cells) {
    const body::Limits limits = safe_limits([&](const auto& add) {
        for (std::int64_t i = threadIdx.x; i < cells; i += kThreads) { add(grid[i]); }
    });
    for (std::int64_t i = threadIdx.x; i < cells; i += kThreads) { grid[i] = body::finished(grid[i], limits); }
    __syncthreads();
}

// A block per image. `scratch` is used instead of shared memory for a grid that is too large.
template <int Each, bool Shared>
__global__ void make_maps(CamCombine a, char* scratch) {
    extern __shared__ __align__(16) char memory[];
    const Sizes sizes{a.h, a.w, a.H, a.W, a.rule.align_corners};
    const WideRows wide(Shared ? memory : scratch + blockIdx.x * WideRows::bytes(sizes), sizes);
    float* grid = a.grids + blockIdx.x * a.h * a.w;
    float* map = a.maps + blockIdx.x * a.H * a.W;
    if (a.rule.minmax_twice) { finish_grid(grid, a.h * a.w); }
    widen_rows(wide, sizes, [&](std::int64_t i) { return grid[i]; });
    const body::Limits limits = safe_limits([&](const auto& add) {
        over_packs<Each>(sizes, [&](unsigned y, unsigned x, std::int64_t) {
            const auto pixels = upsampled<Each>(wide, sizes.W, y, x);
#pragma unroll
            for (int k = 0; k < Each; ++k) { add(body::pixel(pixels.at[k], a.rule)); }
        });
    });
    over_packs<Each>(sizes, [&](unsigned y, unsigned x, std::int64_t i) {
        auto pixels = upsampled<Each>(wide, sizes.W, y, x);
#pragma unroll
        for (int k = 0; k < Each; ++k) { pixels.at[k] = body::finished(body::pixel(pixels.at[k], a.rule), limits); }
        store<true>(map, i, a.H * a.W, pixels);
    });
    if (threadIdx.x == 0) {
        a.limits[2 * blockIdx.x] = limits.low;
        a.limits[2 * blockIdx.x + 1] = limits.high;
    }
}

template <int Each>
void launch_maps(const CamCombine& a, cudaStream_t stream) {
    const std::size_t bytes = WideRows::bytes({a.h, a.w, a.H, a.W, false});
    const bool shared = bytes <= kSharedBytes;
    const Scratch<char> scratch(shared ? 1 : a.count * static_cast<std::int64_t>(bytes), stream);
    const auto kernel = shared ? make_maps<Each, true> : make_maps<Each, false>;
    kernel<<<static_cast<unsigned>(a.count), kThreads, shared ? bytes : 0, stream>>>(a, scratch.data());
}

}  // namespace

void cam_combine(const CamCombine& a, const Place& place) {
    const DeviceGuard guard(place.index);
    const cudaStream_t stream = stream_of(place.stream);
    const std::int64_t parts = (a.h * a.w + kCells - 1) / kCells;
    make_grids<<<static_cast<unsigned>(a.count * parts), kThreads, 0, stream>>>(a);
    check(cudaGetLastError(), "cam_combine");
    (packs_fit<kEach>(a.maps, a.W) ? launch_maps<kEach> : launch_maps<1>)(a, stream);
    check(cudaGetLastError(), "cam_combine");
}

}  // namespace fiqx::cuda
