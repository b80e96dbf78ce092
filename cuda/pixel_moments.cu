#include "fiqx/pixel_moments.hpp"

#include "columns.cuh"
#include "fiqx/body/pixel_moments.hpp"
#include "launch.cuh"
#include "reduce.cuh"
#include "vector.cuh"

namespace fiqx::cuda {
namespace {

constexpr int kColumns = 32;  // pixels of a block: few, so that maps of one face occupy the whole card
constexpr int kRows = 64;

// A thread per pixel, in a block that loads for it: the state stays in registers while all maps are added.
__global__ void push(PixelMoments a) {
    const std::int64_t first = std::int64_t{blockIdx.x} * kColumns;
    const std::int64_t pixel = first + threadIdx.x;
    const bool active = threadIdx.x < kColumns && pixel < a.pixels;
    double mean = active ? a.mean[pixel] : 0.0;
    double m2 = active ? a.m2[pixel] : 0.0;
    const auto inverse = [&](std::int64_t k) { return 1.0 / static_cast<double>(a.before + k + 1); };
    const auto take = [&](double share, float x) { body::push_moment(mean, m2, x, share); };
    const std::int64_t columns = a.pixels - first < kColumns ? a.pixels - first : kColumns;
    down_columns<kColumns, kRows>(a.maps + first, a.count, a.pixels, columns, inverse, take);
    if (active) {
        a.mean[pixel] = mean;
        a.m2[pixel] = m2;
    }
}

constexpr int kPair = 2;

template <bool Whole>
__global__ void merge(PixelMomentsMerge a) {
    const body::MergeShares shares =
        body::merge_shares(static_cast<double>(a.count), static_cast<double>(a.other_count));
    FIQX_GRID_STRIDE(i, packs_in(a.pixels, kPair)) {
        auto mean = load<kPair, Whole>(a.other_mean, i * kPair, a.pixels);
        auto m2 = load<kPair, Whole>(a.other_m2, i * kPair, a.pixels);
        if (a.count > 0) {
            auto all_mean = load<kPair, Whole>(a.mean, i * kPair, a.pixels);
            auto all_m2 = load<kPair, Whole>(a.m2, i * kPair, a.pixels);
#pragma unroll
            for (int k = 0; k < kPair; ++k) {
                body::merge_moment(all_mean.at[k], all_m2.at[k], mean.at[k], m2.at[k], shares);
            }
            mean = all_mean;
            m2 = all_m2;
        }
        store<Whole>(a.mean, i * kPair, a.pixels, mean);
        store<Whole>(a.m2, i * kPair, a.pixels, m2);
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
    FIQX_GRID_STRIDE(i, packs_in(a.size, kEach)) {
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
    const auto blocks = static_cast<unsigned>(packs_in(args.pixels, kColumns));
    push<<<blocks, kThreads, 0, stream_of(place.stream)>>>(args);
    check(cudaGetLastError(), "pixel_moments");
}

void pixel_moments_merge(const PixelMomentsMerge& a, const Place& place) {
    const DeviceGuard guard(place.index);
    const bool whole = packs_fit<kPair>(a.mean, a.pixels) && packs_fit<kPair>(a.m2, a.pixels) &&
                       packs_fit<kPair>(a.other_mean, a.pixels) && packs_fit<kPair>(a.other_m2, a.pixels);
    const auto kernel = whole ? merge<true> : merge<false>;
    kernel<<<blocks_for(packs_in(a.pixels, kPair)), kThreads, 0, stream_of(place.stream)>>>(a);
    check(cudaGetLastError(), "pixel_moments_merge");
}

void pixel_range(const PixelRange& args, const Place& place) {
    const DeviceGuard guard(place.index);
    const cudaStream_t stream = stream_of(place.stream);
    const Scratch<body::KeyRange> ranges(kRangeBlocks, stream);
    const unsigned blocks = std::min(blocks_for(packs_in(args.size, kEach)), kRangeBlocks);
    if (blocks > 0) {
        const auto kernel = packs_fit<kEach>(args.maps, args.size) ? find_ranges<true> : find_ranges<false>;
        kernel<<<blocks, kThreads, 0, stream>>>(args, ranges.data());
        check(cudaGetLastError(), "pixel_range");
    }
    join_ranges<<<1, kThreads, 0, stream>>>(ranges.data(), blocks, args.out);
    check(cudaGetLastError(), "pixel_range");
}

}  // namespace fiqx::cuda
