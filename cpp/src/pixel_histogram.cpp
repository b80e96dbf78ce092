#include "fiqx/pixel_histogram.hpp"

#include <algorithm>
#include <string>

#include "fiqx/body/pixel_histogram.hpp"
#include "fiqx/hd.hpp"
#include "fiqx/launch.hpp"
#include "fiqx/parallel.hpp"

namespace fiqx {
namespace {

// Bytes of counts per block of pixels: they stay in the second-level cache while all maps are added.
constexpr std::int64_t kBlockBytes = 256 * 1024;
constexpr std::int64_t kMaxPixels = 1024;

/// The bins of a row of pixels, vectorised; counting itself cannot be.
FIQX_SIMD void find_bins(const float* __restrict x, std::int64_t n, std::int32_t bins, std::int32_t* __restrict out) {
    for (std::int64_t i = 0; i < n; ++i) { out[i] = body::bin_of(x[i], bins); }
}

void count_row(const float* x, std::int64_t n, std::int64_t bins, std::uint32_t* counts) {
    std::int32_t found[kMaxPixels];
    find_bins(x, n, static_cast<std::int32_t>(bins), found);
    for (std::int64_t i = 0; i < n; ++i) {
        if (found[i] >= 0) { ++counts[i * bins + found[i]]; }
    }
}

void check_counts(const Checker& check, const Tensor& counts) {
    check.array(counts, DType::u32, "(H, W, bins)");
    const std::int64_t bins = counts.shape[2];
    check.require(bins >= 1 && bins <= (1 << 24), "counts has " + std::to_string(bins) + " bins, wanted 1 … 2^24");
}

}  // namespace

void cpu::pixel_histogram(const PixelHistogram& a) {
    const std::int64_t fitting = kBlockBytes / (a.bins * std::int64_t{sizeof(std::uint32_t)});
    const std::int64_t size = std::clamp<std::int64_t>(fitting, 16, kMaxPixels);
    parallel_for((a.pixels + size - 1) / size, a.pixels * a.count, [&](std::int64_t block) {
        const std::int64_t first = block * size;
        const std::int64_t n = std::min(size, a.pixels - first);
        for (std::int64_t k = 0; k < a.count; ++k) {
            count_row(a.maps + k * a.pixels + first, n, a.bins, a.counts + first * a.bins);
        }
    });
}

void cpu::pixel_histogram_merge(const PixelHistogramMerge& a) {
    for (std::int64_t i = 0; i < a.size; ++i) { a.counts[i] += a.other[i]; }
}

void cpu::pixel_histogram_quantile(const PixelHistogramQuantile& a) {
    constexpr std::int64_t kRows = 256;
    parallel_for((a.pixels + kRows - 1) / kRows, a.pixels * a.bins, [&](std::int64_t block) {
        const std::int64_t end = std::min(a.pixels, (block + 1) * kRows);
        for (std::int64_t i = block * kRows; i < end; ++i) {
            a.out[i] = body::quantile(a.counts + i * a.bins, a.bins, a.q);
        }
    });
}

void pixel_histogram(const Tensor& maps, const Tensor& counts, std::optional<std::uintptr_t> stream) {
    const Checker check("pixel_histogram");
    check.array(maps, DType::f32, "(B, H, W)");
    check_counts(check, counts);
    const Shape& s = maps.shape;
    check.shape(counts, {s[1], s[2], counts.shape[2]}, "(H, W) of maps, and the bins");
    const Place place = check.place({&maps, &counts}, stream);
    const PixelHistogram args{maps.as<const float>(), counts.as<std::uint32_t>(), s[0], s[1] * s[2], counts.shape[2]};
    if (maps.size() > 0) { FIQX_LAUNCH(place, pixel_histogram, args); }
}

void pixel_histogram_merge(const Tensor& counts, const Tensor& other, std::optional<std::uintptr_t> stream) {
    const Checker check("pixel_histogram_merge");
    check_counts(check, counts);
    check_counts(check, other);
    check.shape(other, counts.shape, "shape of counts");
    const Place place = check.place({&counts, &other}, stream);
    const PixelHistogramMerge args{counts.as<std::uint32_t>(), other.as<const std::uint32_t>(), counts.size()};
    if (args.size > 0) { FIQX_LAUNCH(place, pixel_histogram_merge, args); }
}

Tensor pixel_histogram_quantile(const Tensor& counts, double q, const Output& out,
                                std::optional<std::uintptr_t> stream) {
    const Checker check("pixel_histogram_quantile");
    check_counts(check, counts);
    check.require(q >= 0.0 && q <= 1.0, "q is " + std::to_string(q) + ", wanted 0 … 1; 0.5 is the median");
    const Place place = check.place({&counts}, stream);
    const Shape& s = counts.shape;
    const Tensor result = check.output(out, DType::f64, {s[0], s[1]}, place);
    const PixelHistogramQuantile args{counts.as<const std::uint32_t>(), result.as<double>(), s[0] * s[1], s[2], q};
    if (args.pixels > 0) { FIQX_LAUNCH(place, pixel_histogram_quantile, args); }
    return result;
}

}  // namespace fiqx
