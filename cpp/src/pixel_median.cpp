#include "fiqx/pixel_median.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "fiqx/body/pixel_median.hpp"
#include "fiqx/hd.hpp"
#include "fiqx/launch.hpp"
#include "fiqx/parallel.hpp"
#include "fiqx/vector.hpp"

namespace fiqx {
namespace {

// Pixels that are searched side by side. A key is found in two halves of 16 bits, each with 16 counts over the stack:
// half the bytes of a search on whole keys. All of it, 384 KiB for 1,500 maps, stays in the second-level cache, and the
// time depends on N alone, not on the values.
constexpr int kPixels = 2 * kLanes;
constexpr std::int32_t kLowest = std::numeric_limits<std::int32_t>::min();
constexpr std::int32_t kHighest = std::numeric_limits<std::int32_t>::max();
constexpr std::int64_t kShortCounts = 32767;  // counts that a 16-bit lane holds

struct alignas(64) Keys {
    std::int32_t pixel[kPixels];
};
struct alignas(64) Halves {
    std::int16_t pixel[kPixels];
};

FIQX_HD const Shorts& vector_of(const Halves& halves) { return *reinterpret_cast<const Shorts*>(halves.pixel); }

FIQX_SIMD void make_keys(const float* x, std::int64_t stride, std::int64_t count, Keys* __restrict keys) {
    for (std::int64_t k = 0; k < count; ++k) {
        for (int p = 0; p < kPixels; ++p) { keys[k].pixel[p] = body::key_of(x[k * stride + p]); }
    }
}

FIQX_SIMD void upper_halves(const Keys* __restrict keys, std::int64_t count, Halves* __restrict halves) {
    for (std::int64_t k = 0; k < count; ++k) {
        for (int p = 0; p < kPixels; ++p) { halves[k].pixel[p] = body::upper_half(keys[k].pixel[p]); }
    }
}

/// The lower halves of the keys whose upper half is `upper`; of the others the largest, which is never below a bound.
FIQX_SIMD void lower_halves(const Keys* __restrict keys, std::int64_t count, const Halves& upper,
                            Halves* __restrict halves) {
    for (std::int64_t k = 0; k < count; ++k) {
        for (int p = 0; p < kPixels; ++p) {
            const std::int32_t key = keys[k].pixel[p];
            const bool same = body::upper_half(key) == upper.pixel[p];
            halves[k].pixel[p] = same ? body::lower_half(key) : std::numeric_limits<std::int16_t>::max();
        }
    }
}

/// How many of at most kShortCounts halves are below their pixel's bound. Four sums, so that the additions are
/// independent.
FIQX_SIMD void count_few(const Halves* halves, std::int64_t count, const Halves& bound, Halves& below) {
    const Shorts limit = vector_of(bound);
    Shorts sum[4] = {};
    std::int64_t k = 0;
    for (; k + 4 <= count; k += 4) {
        for (int j = 0; j < 4; ++j) { sum[j] -= vector_of(halves[k + j]) < limit; }  // true is -1
    }
    for (; k < count; ++k) { sum[0] -= vector_of(halves[k]) < limit; }
    const Shorts all = (sum[0] + sum[1]) + (sum[2] + sum[3]);
    std::memcpy(below.pixel, &all, sizeof all);
}

Keys count_below(const Halves* halves, std::int64_t count, const Halves& bound) {
    Keys below{};
    for (std::int64_t first = 0; first < count; first += kShortCounts) {
        Halves few;
        count_few(halves + first, std::min(kShortCounts, count - first), bound, few);
        for (int p = 0; p < kPixels; ++p) { below.pixel[p] += few.pixel[p]; }
    }
    return below;
}

/// The half of each pixel's rank; the ranks then count from the first of those that share it.
Halves select(const Halves* halves, std::int64_t count, Keys& ranks) {
    Halves found;
    std::fill_n(found.pixel, kPixels, std::numeric_limits<std::int16_t>::min());
    Keys before{};
    for (int bit = 15; bit >= 0; --bit) {
        Halves bound;
        for (int p = 0; p < kPixels; ++p) { bound.pixel[p] = body::candidate(found.pixel[p], bit); }
        const Keys below = count_below(halves, count, bound);
        for (int p = 0; p < kPixels; ++p) {
            if (below.pixel[p] > ranks.pixel[p]) { continue; }
            found.pixel[p] = bound.pixel[p];
            before.pixel[p] = below.pixel[p];
        }
    }
    for (int p = 0; p < kPixels; ++p) { ranks.pixel[p] -= before.pixel[p]; }
    return found;
}

/// How many keys are at most `bound`, the smallest key above it, and the smallest and largest of all.
struct Survey {
    Keys at_most, above, least, most;
};

FIQX_SIMD void look_around(const Keys* keys, std::int64_t count, const Keys& bound, int first, Survey& survey) {
    const auto at = [first](const Keys& k) { return reinterpret_cast<const Ints*>(k.pixel + first); };
    const Ints limit = *at(bound);
    const Ints highest = Ints{} + kHighest;
    Ints at_most = {};
    Ints above = highest;
    Ints least = highest;
    Ints most = Ints{} + kLowest;
    for (std::int64_t k = 0; k < count; ++k) {
        const Ints key = *at(keys[k]);
        at_most -= key <= limit;
        above = (key > limit) & (key < above) ? key : above;
        least = key < least ? key : least;
        most = key > most ? key : most;
    }
    std::memcpy(survey.at_most.pixel + first, &at_most, sizeof at_most);
    std::memcpy(survey.above.pixel + first, &above, sizeof above);
    std::memcpy(survey.least.pixel + first, &least, sizeof least);
    std::memcpy(survey.most.pixel + first, &most, sizeof most);
}

/// The keys of the lower middle values.
Keys lower_middles(const std::vector<Keys>& keys) {
    thread_local std::vector<Halves> halves;
    halves.resize(keys.size());
    const auto count = static_cast<std::int64_t>(keys.size());
    Keys ranks;
    std::fill_n(ranks.pixel, kPixels, static_cast<std::int32_t>((count - 1) / 2));
    upper_halves(keys.data(), count, halves.data());
    const Halves upper = select(halves.data(), count, ranks);
    lower_halves(keys.data(), count, upper, halves.data());
    const Halves lower = select(halves.data(), count, ranks);
    Keys found;
    for (int p = 0; p < kPixels; ++p) { found.pixel[p] = body::joined(upper.pixel[p], lower.pixel[p]); }
    return found;
}

void medians(const PixelMedian& a, std::int64_t first, int pixels) {
    thread_local std::vector<Keys> keys;
    keys.assign(static_cast<std::size_t>(a.count), Keys{});
    if (pixels == kPixels) {
        make_keys(a.maps + first, a.pixels, a.count, keys.data());
    } else {
        for (std::int64_t k = 0; k < a.count; ++k) {
            const float* x = a.maps + k * a.pixels + first;
            std::transform(x, x + pixels, keys[static_cast<std::size_t>(k)].pixel,
                           [](float v) { return body::key_of(v); });
        }
    }
    const Keys low = lower_middles(keys);
    Survey survey;
    look_around(keys.data(), a.count, low, 0, survey);
    look_around(keys.data(), a.count, low, kLanes, survey);
    for (int p = 0; p < pixels; ++p) {
        const bool same = survey.at_most.pixel[p] > a.count / 2;
        const bool nan = body::is_nan_key(survey.least.pixel[p]) || body::is_nan_key(survey.most.pixel[p]);
        const double median = body::middle(low.pixel[p], same ? low.pixel[p] : survey.above.pixel[p]);
        a.out[first + p] = nan ? std::numeric_limits<double>::quiet_NaN() : median;
    }
}

}  // namespace

void cpu::pixel_median(const PixelMedian& a) {
    parallel_for((a.pixels + kPixels - 1) / kPixels, a.pixels * a.count * 32, [&](std::int64_t block) {
        const std::int64_t first = block * kPixels;
        medians(a, first, static_cast<int>(std::min<std::int64_t>(kPixels, a.pixels - first)));
    });
}

Tensor pixel_median(const Tensor& maps, const Output& out, std::optional<std::uintptr_t> stream) {
    const Checker check("pixel_median");
    check.array(maps, DType::f32, "(N, H, W)");
    const Shape& s = maps.shape;
    check.require(s[0] >= 1 && s[0] < kHighest,
                  "maps has shape " + shape_text(s) + ", wanted N of 1 or more: nothing has no median");
    const Place place = check.place({&maps}, stream);
    const Tensor result = check.output(out, DType::f64, {s[1], s[2]}, place);
    const PixelMedian args{maps.as<const float>(), result.as<double>(), s[0], s[1] * s[2]};
    if (args.pixels > 0) { FIQX_LAUNCH(place, pixel_median, args); }
    return result;
}

}  // namespace fiqx
