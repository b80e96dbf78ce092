#include "fiqx/pixel_moments.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "fiqx/body/pixel_moments.hpp"
#include "fiqx/hd.hpp"
#include "fiqx/launch.hpp"
#include "fiqx/parallel.hpp"

namespace fiqx {
namespace {

// Pixels per block: the state of a block, 16 KiB, stays in the first-level cache while all maps are added.
constexpr std::int64_t kBlock = 1024;

FIQX_SIMD void push(const float* __restrict x, double* __restrict mean, double* __restrict m2, std::int64_t n,
                    double inverse) {
    for (std::int64_t i = 0; i < n; ++i) { body::push_moment(mean[i], m2[i], x[i], inverse); }
}

/// Two maps in one pass over the state: half the traffic of the first-level cache, the same additions in the same
/// order.
FIQX_SIMD void push_two(const float* __restrict x, const float* __restrict y, double* __restrict mean,
                        double* __restrict m2, std::int64_t n, double inverse_x, double inverse_y) {
    for (std::int64_t i = 0; i < n; ++i) {
        body::push_moment(mean[i], m2[i], x[i], inverse_x);
        body::push_moment(mean[i], m2[i], y[i], inverse_y);
    }
}

FIQX_SIMD void merge(const PixelMomentsMerge& a, const body::MergeShares& shares) {
    // An empty state is not read: its buffers are undefined, and the bits of the other state do not change.
    for (std::int64_t i = 0; i < a.pixels && a.count == 0; ++i) {
        a.mean[i] = a.other_mean[i];
        a.m2[i] = a.other_m2[i];
    }
    for (std::int64_t i = 0; i < a.pixels && a.count > 0; ++i) {
        body::merge_moment(a.mean[i], a.m2[i], a.other_mean[i], a.other_m2[i], shares);
    }
}

FIQX_SIMD void find_range(const float* x, std::int64_t n, body::KeyRange& found) {
    body::KeyRange range = body::no_range();
    for (std::int64_t i = 0; i < n; ++i) { body::widen(range, body::key_of(x[i])); }
    found = range;
}

double inverse(std::int64_t n) { return 1.0 / static_cast<double>(n); }

void check_state(const Checker& check, const Tensor& mean, const Tensor& m2, std::int64_t count) {
    check.array(mean, DType::f64, "(H, W)");
    check.array(m2, DType::f64, "(H, W)");
    check.shape(m2, mean.shape, "(H, W) of mean");
    check.require(count >= 0, "count is " + std::to_string(count) + ", wanted 0 or more");
}

}  // namespace

void cpu::pixel_moments(const PixelMoments& a) {
    const std::int64_t blocks = (a.pixels + kBlock - 1) / kBlock;
    parallel_for(blocks, a.pixels * a.count, [&](std::int64_t block) {
        const std::int64_t first = block * kBlock;
        const std::int64_t n = std::min(kBlock, a.pixels - first);
        const float* x = a.maps + first;
        double* mean = a.mean + first;
        double* m2 = a.m2 + first;
        std::int64_t k = 0;
        for (; k + 2 <= a.count; k += 2) {
            push_two(x + k * a.pixels, x + (k + 1) * a.pixels, mean, m2, n, inverse(a.before + k + 1),
                     inverse(a.before + k + 2));
        }
        if (k < a.count) { push(x + k * a.pixels, mean, m2, n, inverse(a.before + k + 1)); }
    });
}

void cpu::pixel_moments_merge(const PixelMomentsMerge& a) {
    merge(a, body::merge_shares(static_cast<double>(a.count), static_cast<double>(a.other_count)));
}

void cpu::pixel_range(const PixelRange& a) {
    constexpr std::int64_t kValues = 1 << 16;
    const std::int64_t blocks = (a.size + kValues - 1) / kValues;
    std::vector<body::KeyRange> ranges(static_cast<std::size_t>(blocks));
    parallel_for(blocks, a.size, [&](std::int64_t block) {
        const std::int64_t first = block * kValues;
        find_range(a.maps + first, std::min(kValues, a.size - first), ranges[static_cast<std::size_t>(block)]);
    });
    body::KeyRange all = body::no_range();
    for (const body::KeyRange& range : ranges) { body::widen(all, range); }
    body::write_range(all, a.out);
}

std::int64_t pixel_moments(const Tensor& maps, const Tensor& mean, const Tensor& m2, std::int64_t count,
                           std::optional<std::uintptr_t> stream) {
    const Checker check("pixel_moments");
    check.array(maps, DType::f32, "(B, H, W)");
    check_state(check, mean, m2, count);
    const Shape& s = maps.shape;
    check.shape(mean, {s[1], s[2]}, "(H, W) of maps");
    const Place place = check.place({&maps, &mean, &m2}, stream);
    const PixelMoments args{maps.as<const float>(), mean.as<double>(), m2.as<double>(), s[0], s[1] * s[2], count};
    if (maps.size() > 0) { FIQX_LAUNCH(place, pixel_moments, args); }
    return count + s[0];
}

std::int64_t pixel_moments_merge(const Tensor& mean, const Tensor& m2, std::int64_t count, const Tensor& other_mean,
                                 const Tensor& other_m2, std::int64_t other_count,
                                 std::optional<std::uintptr_t> stream) {
    const Checker check("pixel_moments_merge");
    check_state(check, mean, m2, count);
    check_state(check, other_mean, other_m2, other_count);
    check.shape(other_mean, mean.shape, "(H, W) of mean");
    const Place place = check.place({&mean, &m2, &other_mean, &other_m2}, stream);
    const PixelMomentsMerge args{mean.as<double>(),
                                 m2.as<double>(),
                                 other_mean.as<const double>(),
                                 other_m2.as<const double>(),
                                 mean.size(),
                                 count,
                                 other_count};
    if (args.pixels > 0 && other_count > 0) { FIQX_LAUNCH(place, pixel_moments_merge, args); }
    return count + other_count;
}

Tensor pixel_range(const Tensor& maps, const Output& out, std::optional<std::uintptr_t> stream) {
    const Checker check("pixel_range");
    check.array(maps, DType::f32, "(N, H, W)");
    const Place place = check.place({&maps}, stream);
    const Tensor result = check.output(out, DType::f32, {2}, place);
    const PixelRange args{maps.as<const float>(), result.as<float>(), maps.size()};
    FIQX_LAUNCH(place, pixel_range, args);
    return result;
}

}  // namespace fiqx
