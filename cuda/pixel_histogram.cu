#include "fiqx/pixel_histogram.hpp"

#include "fiqx/body/pixel_histogram.hpp"
#include "launch.cuh"
#include "vector.cuh"

namespace fiqx::cuda {
namespace {

constexpr int kEach = 4;
constexpr int kPixels = kWarp;  // of a block: a pixel per lane, and for its counts a bank of shared memory
constexpr int kWarps = kThreads / kWarp;
constexpr int kLoads = 8;               // maps of a thread whose loads are under way together
constexpr std::int64_t kBins = 256;     // that fit, for 32 pixels, into the shared memory of a block
constexpr std::int64_t kManyMaps = 64;  // fewer count faster where they are than it takes to clear and add the counts

// A thread per few neighbouring values. Counting is the same in any order, and no thread waits for what it adds to.
template <bool Whole>
__global__ void push(PixelHistogram a) {
    FIQX_GRID_ROWS(map, a.count) {
        FIQX_GRID_STRIDE(i, packs_in(a.pixels, kEach)) {
            const auto x = load<kEach, Whole>(a.maps + map * a.pixels, i * kEach, a.pixels);
#pragma unroll
            for (int k = 0; k < kEach; ++k) {
                const std::int32_t bin = body::bin_of(x.at[k], static_cast<std::int32_t>(a.bins));
                const std::int64_t pixel = i * kEach + k;
                if (bin >= 0 && pixel < a.pixels) { atomicAdd(a.counts + pixel * a.bins + bin, 1U); }
            }
        }
    }
}

/// Counts a pixel's value in every kWarps-th map.
__device__ void count(const PixelHistogram& a, std::int64_t pixel, std::uint32_t* counts) {
    for (std::int64_t top = threadIdx.x / kWarp; top < a.count; top += kLoads * kWarps) {
        float x[kLoads];
#pragma unroll
        for (int k = 0; k < kLoads; ++k) {
            const std::int64_t map = top + k * kWarps;
            x[k] = map < a.count ? a.maps[map * a.pixels + pixel] : NAN;
        }
#pragma unroll
        for (int k = 0; k < kLoads; ++k) {
            const std::int32_t bin = body::bin_of(x[k], static_cast<std::int32_t>(a.bins));
            if (bin >= 0) { atomicAdd(counts + bin * kPixels, 1U); }
        }
    }
}

/// Adds a pixel's counts, a quarter of a sector at a time; a block alone has the pixel.
__device__ void add(const PixelHistogram& a, std::int64_t pixel, const std::uint32_t* counts) {
    for (std::int64_t bin = std::int64_t{kEach} * (threadIdx.x / kWarp); bin < a.bins; bin += kEach * kWarps) {
        std::uint32_t* to = a.counts + pixel * a.bins + bin;
#pragma unroll
        for (int k = 0; k < kEach; ++k) {
            if (bin + k < a.bins) { to[k] += counts[(bin + k) * kPixels]; }
        }
    }
}

// A block per 32 neighbouring pixels, which counts in shared memory and adds what it counted once.
__global__ void __launch_bounds__(kThreads) push_many(PixelHistogram a) {
    __shared__ std::uint32_t counts[kBins][kPixels];
    const int lane = threadIdx.x % kWarp;
    const std::int64_t pixel = std::int64_t{blockIdx.x} * kPixels + lane;
    for (std::int64_t bin = threadIdx.x / kWarp; bin < a.bins; bin += kWarps) { counts[bin][lane] = 0; }
    __syncthreads();
    if (pixel < a.pixels) { count(a, pixel, &counts[0][lane]); }
    __syncthreads();
    if (pixel < a.pixels) { add(a, pixel, &counts[0][lane]); }
}

template <bool Whole>
__global__ void merge(PixelHistogramMerge a) {
    FIQX_GRID_STRIDE(i, packs_in(a.size, kEach)) {
        auto counts = load<kEach, Whole>(a.counts, i * kEach, a.size);
        const auto other = load<kEach, Whole>(a.other, i * kEach, a.size);
#pragma unroll
        for (int k = 0; k < kEach; ++k) { counts.at[k] += other.at[k]; }
        store<Whole>(a.counts, i * kEach, a.size, counts);
    }
}

__global__ void find_quantiles(PixelHistogramQuantile a) {
    FIQX_GRID_STRIDE(i, a.pixels) { a.out[i] = body::quantile(a.counts + i * a.bins, a.bins, a.q); }
}

}  // namespace

void pixel_histogram(const PixelHistogram& a, const Place& place) {
    const DeviceGuard guard(place.index);
    const cudaStream_t stream = stream_of(place.stream);
    if (a.bins <= kBins && a.count >= kManyMaps) {
        push_many<<<static_cast<unsigned>(packs_in(a.pixels, kPixels)), kThreads, 0, stream>>>(a);
    } else {
        const auto kernel = packs_fit<kEach>(a.maps, a.pixels) ? push<true> : push<false>;
        kernel<<<grid_for(packs_in(a.pixels, kEach), a.count), kThreads, 0, stream>>>(a);
    }
    check(cudaGetLastError(), "pixel_histogram");
}

void pixel_histogram_merge(const PixelHistogramMerge& a, const Place& place) {
    const DeviceGuard guard(place.index);
    const bool whole = packs_fit<kEach>(a.counts, a.size) && packs_fit<kEach>(a.other, a.size);
    const auto kernel = whole ? merge<true> : merge<false>;
    kernel<<<blocks_for(packs_in(a.size, kEach)), kThreads, 0, stream_of(place.stream)>>>(a);
    check(cudaGetLastError(), "pixel_histogram_merge");
}

void pixel_histogram_quantile(const PixelHistogramQuantile& args, const Place& place) {
    const DeviceGuard guard(place.index);
    find_quantiles<<<blocks_for(args.pixels), kThreads, 0, stream_of(place.stream)>>>(args);
    check(cudaGetLastError(), "pixel_histogram_quantile");
}

}  // namespace fiqx::cuda
