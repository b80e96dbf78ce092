#include "fiqx/pixel_histogram.hpp"

#include "fiqx/body/pixel_histogram.hpp"
#include "launch.cuh"

namespace fiqx::cuda {
namespace {

// A thread per pixel owns its bins: no atomics.
__global__ void push(PixelHistogram a) {
    FIQX_GRID_STRIDE(i, a.pixels) {
        for (std::int64_t k = 0; k < a.count; ++k) {
            const std::int32_t bin = body::bin_of(a.maps[k * a.pixels + i], static_cast<std::int32_t>(a.bins));
            if (bin >= 0) { ++a.counts[i * a.bins + bin]; }
        }
    }
}

__global__ void merge(PixelHistogramMerge a) {
    FIQX_GRID_STRIDE(i, a.size) { a.counts[i] += a.other[i]; }
}

__global__ void find_quantiles(PixelHistogramQuantile a) {
    FIQX_GRID_STRIDE(i, a.pixels) { a.out[i] = body::quantile(a.counts + i * a.bins, a.bins, a.q); }
}

}  // namespace

void pixel_histogram(const PixelHistogram& args, const Place& place) {
    const DeviceGuard guard(place.index);
    push<<<blocks_for(args.pixels), kThreads, 0, stream_of(place.stream)>>>(args);
    check(cudaGetLastError(), "pixel_histogram");
}

void pixel_histogram_merge(const PixelHistogramMerge& args, const Place& place) {
    const DeviceGuard guard(place.index);
    merge<<<blocks_for(args.size), kThreads, 0, stream_of(place.stream)>>>(args);
    check(cudaGetLastError(), "pixel_histogram_merge");
}

void pixel_histogram_quantile(const PixelHistogramQuantile& args, const Place& place) {
    const DeviceGuard guard(place.index);
    find_quantiles<<<blocks_for(args.pixels), kThreads, 0, stream_of(place.stream)>>>(args);
    check(cudaGetLastError(), "pixel_histogram_quantile");
}

}  // namespace fiqx::cuda
