#include "fiqx/pixel_histogram.hpp"

#include "fiqx/body/pixel_histogram.hpp"
#include "launch.cuh"
#include "vector.cuh"

namespace fiqx::cuda {
namespace {

constexpr int kEach = 4;

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
    const auto kernel = packs_fit<kEach>(a.maps, a.pixels) ? push<true> : push<false>;
    kernel<<<grid_for(packs_in(a.pixels, kEach), a.count), kThreads, 0, stream_of(place.stream)>>>(a);
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
