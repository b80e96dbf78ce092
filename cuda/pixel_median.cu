#include "fiqx/pixel_median.hpp"

#include "fiqx/body/pixel_median.hpp"
#include "launch.cuh"

namespace fiqx::cuda {
namespace {

using body::kDigits;

constexpr int kPixels = kWarp;  // of a block: a pixel per lane, and for its counts a bank of shared memory
constexpr int kWarps = 16;      // maps that are read side by side
constexpr int kLoads = 4;       // maps of a thread whose loads are under way together
constexpr int kGroup = kDigits / kWarps;

// Blocks of a multiprocessor: 4 where its shared memory holds as many, with 32 registers per thread.
#if defined(__CUDA_ARCH__) && (__CUDA_ARCH__ == 800 || __CUDA_ARCH__ == 900 || __CUDA_ARCH__ == 1000)
constexpr int kBlocks = 4;
#else
constexpr int kBlocks = 1;
#endif

/// A pixel's search. Both middle values of an even number of maps share `digits` until they part; `above` is then the
/// smallest key that begins with `above_digits`, which are as many as `digits` were after the level `parted`.
struct Search {
    std::uint32_t digits, rank, above_digits, above;
    int parted;
    bool together, nan;
};

/// Position of the rank among `Count` counts of a pixel; `rank` becomes the rank there.
template <int Count>
__device__ int locate(const std::uint32_t* counts, std::uint32_t& rank) {
    int at = 0;
    bool past = false;
#pragma unroll
    for (int i = 0; i < Count; ++i) {
        const std::uint32_t here = counts[i * kPixels];
        past = past || rank < here;
        if (!past) {
            rank -= here;
            ++at;
        }
    }
    return at;
}

__device__ std::uint32_t find_digit(const std::uint32_t* counts, const std::uint32_t* groups, std::uint32_t& rank) {
    const int group = locate<kWarps>(groups, rank);
    return group * kGroup + locate<kGroup>(counts + group * kGroup * kPixels, rank);
}

/// The next digit of a pixel's lower middle, and of the upper one where they part.
__device__ void step(Search& search, int level, const std::uint32_t* counts, const std::uint32_t* groups) {
    std::uint32_t upper_rank = search.rank + 1;
    const std::uint32_t digit = find_digit(counts, groups, search.rank);
    if (search.together) {
        const std::uint32_t upper = find_digit(counts, groups, upper_rank);
        if (upper != digit) {
            search.together = false;
            search.parted = level;
            search.above_digits = search.digits << 8U | upper;
            search.above = level + 1 == body::kLevels ? search.above_digits : search.above;
        }
    }
    search.digits = search.digits << 8U | digit;
}

/// Counts the digits of a level among the keys that begin with the digits found, and meets the upper middle's keys.
__device__ void count(const PixelMedian& a, std::int64_t pixel, int level, Search& shared, std::uint32_t* counts) {
    const Search search = shared;
    const bool seeks = search.parted + 1 == level;
    for (std::int64_t top = threadIdx.x / kWarp; top < a.count; top += kLoads * kWarps) {
        float x[kLoads];
#pragma unroll
        for (int k = 0; k < kLoads; ++k) {
            const std::int64_t map = top + k * kWarps;
            x[k] = map < a.count ? a.maps[map * a.pixels + pixel] : 0.0F;
        }
#pragma unroll
        for (int k = 0; k < kLoads; ++k) {
            if (top + k * kWarps >= a.count) { break; }
            const std::int32_t key = body::key_of(x[k]);
            const std::uint32_t bits = body::unsigned_key(key);
            const std::uint32_t before = body::digits_above(bits, level);
            if (before == search.digits) { atomicAdd(counts + body::digit(bits, level) * kPixels, 1U); }
            if (seeks && before == search.above_digits) { atomicMin(&shared.above, bits); }
            if (level == 0 && body::is_nan_key(key)) { shared.nan = true; }
        }
    }
}

// A block per 32 neighbouring pixels: four passes over their maps, each of which finds 8 bits of the middle keys.
__global__ void __launch_bounds__(kWarps* kWarp, kBlocks) find_medians(PixelMedian a) {
    __shared__ std::uint32_t counts[kDigits][kPixels];
    __shared__ std::uint32_t groups[kWarps][kPixels];
    __shared__ Search searches[kPixels];
    const int lane = threadIdx.x % kWarp;
    const int warp = threadIdx.x / kWarp;
    const std::int64_t pixel = std::int64_t{blockIdx.x} * kPixels + lane;
    const bool active = pixel < a.pixels;
    if (warp == 0) {
        const auto rank = static_cast<std::uint32_t>((a.count - 1) / 2);
        searches[lane] = {0, rank, 0, 0xFFFFFFFFU, body::kLevels, a.count % 2 == 0, false};
    }
    for (int level = 0; level < body::kLevels; ++level) {
        for (int digit = warp; digit < kDigits; digit += kWarps) { counts[digit][lane] = 0; }
        __syncthreads();
        if (active) { count(a, pixel, level, searches[lane], &counts[0][lane]); }
        __syncthreads();
        std::uint32_t sum = 0;
        for (int k = 0; k < kGroup; ++k) { sum += counts[warp * kGroup + k][lane]; }
        groups[warp][lane] = sum;
        __syncthreads();
        if (warp == 0 && active) { step(searches[lane], level, &counts[0][lane], &groups[0][lane]); }
        __syncthreads();
    }
    if (warp != 0 || !active) { return; }
    const Search search = searches[lane];
    const bool two = search.parted < body::kLevels;
    const std::int32_t low = body::signed_key(search.digits);
    const std::int32_t high = two ? body::signed_key(search.above) : low;
    a.out[pixel] = search.nan ? static_cast<double>(NAN) : body::middle(low, high);
}

}  // namespace

void pixel_median(const PixelMedian& a, const Place& place) {
    const DeviceGuard guard(place.index);
    const auto blocks = static_cast<unsigned>((a.pixels + kPixels - 1) / kPixels);
    find_medians<<<blocks, kWarps * kWarp, 0, stream_of(place.stream)>>>(a);
    check(cudaGetLastError(), "pixel_median");
}

}  // namespace fiqx::cuda
