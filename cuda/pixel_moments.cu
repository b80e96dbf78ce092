#include "fiqx/pixel_moments.hpp"

#include "fiqx/body/pixel_moments.hpp"
#include "launch.cuh"
#include "reduce.cuh"
#include "vector.cuh"

namespace fiqx::cuda {
namespace {

// A thread per pixel: its state stays in registers while all maps pass.
__global__ void push(PixelMoments a) {
    FIQX_GRID_STRIDE(i, a.pixels) {
        double mean = a.mean[i];
        double m2 = a.m2[i];
        for (std::int64_t k = 0; k < a.count; ++k) {
            body::push_moment(mean, m2, a.maps[k * a.pixels + i], 1.0 / static_cast<double>(a.before + k + 1));
        }
        a.mean[i] = mean;
        a.m2[i] = m2;
    }
}

__global__ void merge(PixelMomentsMerge a) {
    const body::MergeShares shares =
        body::merge_shares(static_cast<double>(a.count), static_cast<double>(a.other_count));
    FIQX_GRID_STRIDE(i, a.pixels) {
        if (a.count == 0) {
            a.mean[i] = a.other_mean[i];
            a.m2[i] = a.other_m2[i];
        } else {
            body::merge_moment(a.mean[i], a.m2[i], a.other_mean[i], a.other_m2[i], shares);
        }
    }
}

constexpr int kEach = 4;
constexpr unsigned kRangeBlocks = 1024;

/// The common range of all threads of a block, written by one of them.
__device__ void write_block_range(body::KeyRange mine, body::KeyRange* out) {
    mine = block_reduce(mine, [](body::KeyRange& range, const body::KeyRange& other) { body::widen(range, other); });
    if (threadIdx.x == 0) { *out = mine; }
}

template <bool Whole>
__global__ void find_ranges(PixelRange a, body::KeyRange* ranges) {
    body::KeyRange range = body::no_range();
    FIQX_GRID_STRIDE(i, (a.size + kEach - 1) / kEach) {
        const auto x = load<kEach, Whole>(a.maps, kEach * i, a.size);
        for (int k = 0; k < kEach; ++k) {
            if (Whole || kEach * i + k < a.size) { body::widen(range, body::key_of(x.at[k])); }
        }
    }
    write_block_range(range, ranges + blockIdx.x);
}

// One block.
__global__ void join_ranges(const body::KeyRange* ranges, unsigned count, float* out) {
    body::KeyRange range = body::no_range();
    for (unsigned i = threadIdx.x; i < count; i += kThreads) { body::widen(range, ranges[i]); }
    __shared__ body::KeyRange all;
    write_block_range(range, &all);
    if (threadIdx.x == 0) { body::write_range(all, out); }
}

}  // namespace

void pixel_moments(const PixelMoments& args, const Place& place) {
    const DeviceGuard guard(place.index);
    push<<<blocks_for(args.pixels), kThreads, 0, stream_of(place.stream)>>>(args);
    check(cudaGetLastError(), "pixel_moments");
}

void pixel_moments_merge(const PixelMomentsMerge& args, const Place& place) {
    const DeviceGuard guard(place.index);
    merge<<<blocks_for(args.pixels), kThreads, 0, stream_of(place.stream)>>>(args);
    check(cudaGetLastError(), "pixel_moments_merge");
}

void pixel_range(const PixelRange& args, const Place& place) {
    const DeviceGuard guard(place.index);
    const cudaStream_t stream = stream_of(place.stream);
    const Scratch<body::KeyRange> ranges(kRangeBlocks, stream);
    const unsigned blocks = std::min(blocks_for((args.size + kEach - 1) / kEach), kRangeBlocks);
    if (blocks > 0) {
        const auto kernel = packs_fit<float, kEach>(args.maps, args.size) ? find_ranges<true> : find_ranges<false>;
        kernel<<<blocks, kThreads, 0, stream>>>(args, ranges.data());
        check(cudaGetLastError(), "pixel_range");
    }
    join_ranges<<<1, kThreads, 0, stream>>>(ranges.data(), blocks, args.out);
    check(cudaGetLastError(), "pixel_range");
}

}  // namespace fiqx::cuda
