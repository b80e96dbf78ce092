#include "fiqx/pixel_median.hpp"

#include "fiqx/body/pixel_median.hpp"
#include "launch.cuh"

namespace fiqx::cuda {
namespace {

constexpr std::int32_t kLowest = INT32_MIN;
constexpr std::int32_t kHighest = INT32_MAX;

__device__ std::int32_t select(const PixelMedian& a, std::int64_t pixel, std::int64_t rank) {
    std::int32_t found = kLowest;
    for (int bit = 31; bit >= 0; --bit) {
        const std::int32_t bound = body::candidate(found, bit);
        std::int64_t below = 0;
        for (std::int64_t k = 0; k < a.count; ++k) { below += body::key_of(a.maps[k * a.pixels + pixel]) < bound; }
        if (below <= rank) { found = bound; }
    }
    return found;
}

// A thread per pixel: neighbouring threads read neighbouring pixels.
__global__ void find_medians(PixelMedian a) {
    FIQX_GRID_STRIDE(i, a.pixels) {
        const std::int32_t low = select(a, i, (a.count - 1) / 2);
        std::int32_t above = kHighest;
        std::int64_t at_most = 0;
        bool nan = false;
        for (std::int64_t k = 0; k < a.count; ++k) {
            const std::int32_t key = body::key_of(a.maps[k * a.pixels + i]);
            nan = nan || body::is_nan_key(key);
            at_most += key <= low;
            above = key > low && key < above ? key : above;
        }
        a.out[i] = nan ? static_cast<double>(NAN) : body::middle(low, at_most > a.count / 2 ? low : above);
    }
}

}  // namespace

void pixel_median(const PixelMedian& args, const Place& place) {
    const DeviceGuard guard(place.index);
    find_medians<<<blocks_for(args.pixels), kThreads, 0, stream_of(place.stream)>>>(args);
    check(cudaGetLastError(), "pixel_median");
}

}  // namespace fiqx::cuda
