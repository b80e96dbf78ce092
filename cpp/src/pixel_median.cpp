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

// Pixels that are searched side by side, one per vector lane: the keys of 1,500 maps take 96 KiB and stay in the
// second-level cache for all 32 counts. The time depends on N alone, not on the values.
constexpr std::int32_t kLowest = std::numeric_limits<std::int32_t>::min();
constexpr std::int32_t kHighest = std::numeric_limits<std::int32_t>::max();

struct alignas(64) Keys {
    std::int32_t lane[kLanes];
};

FIQX_SIMD void make_keys(const float* x, std::int64_t stride, std::int64_t count, Keys* __restrict keys) {
    for (std::int64_t k = 0; k < count; ++k) {
        for (int l = 0; l < kLanes; ++l) { keys[k].lane[l] = body::key_of(x[k * stride + l]); }
    }
}

FIQX_HD const Ints& vector_of(const Keys& keys) { return *reinterpret_cast<const Ints*>(keys.lane); }
FIQX_HD void put(Keys& keys, const Ints& vector) { std::memcpy(keys.lane, &vector, sizeof vector); }

/// How many keys of each lane lie below its bound. Four sums, so that no addition waits for the one before.
FIQX_SIMD void count_below(const Keys* keys, std::int64_t count, const Keys& bound, Keys& below) {
    const Ints limit = vector_of(bound);
    Ints sum[4] = {};
    std::int64_t k = 0;
    for (; k + 4 <= count; k += 4) {
        for (int j = 0; j < 4; ++j) { sum[j] -= vector_of(keys[k + j]) < limit; }  // true is -1
    }
    for (; k < count; ++k) { sum[0] -= vector_of(keys[k]) < limit; }
    put(below, (sum[0] + sum[1]) + (sum[2] + sum[3]));
}

/// The key of a rank, per lane.
Keys select(const Keys* keys, std::int64_t count, std::int64_t rank) {
    Keys found;
    std::fill_n(found.lane, kLanes, kLowest);
    for (int bit = 31; bit >= 0; --bit) {
        Keys bound;
        Keys below;
        for (int l = 0; l < kLanes; ++l) { bound.lane[l] = body::candidate(found.lane[l], bit); }
        count_below(keys, count, bound, below);
        for (int l = 0; l < kLanes; ++l) {
            if (below.lane[l] <= rank) { found.lane[l] = bound.lane[l]; }
        }
    }
    return found;
}

/// How many keys are at most `bound`, the smallest key above it, and the smallest and largest of all.
struct Survey {
    Keys at_most, above, least, most;
};

FIQX_SIMD void look_around(const Keys* keys, std::int64_t count, const Keys& bound, Survey& survey) {
    const Ints limit = vector_of(bound);
    const Ints highest = Ints{} + kHighest;
    Ints at_most = {};
    Ints above = highest;
    Ints least = highest;
    Ints most = Ints{} + kLowest;
    for (std::int64_t k = 0; k < count; ++k) {
        const Ints key = vector_of(keys[k]);
        const Ints within = key <= limit;
        at_most -= within;
        above = (key > limit) & (key < above) ? key : above;
        least = key < least ? key : least;
        most = key > most ? key : most;
    }
    put(survey.at_most, at_most);
    put(survey.above, above);
    put(survey.least, least);
    put(survey.most, most);
}

void medians(const PixelMedian& a, std::int64_t first, int pixels) {
    thread_local std::vector<Keys> keys;
    keys.resize(static_cast<std::size_t>(a.count));
    if (pixels == kLanes) {
        make_keys(a.maps + first, a.pixels, a.count, keys.data());
    } else {
        for (std::int64_t k = 0; k < a.count; ++k) {
            for (int l = 0; l < kLanes; ++l) {
                keys[static_cast<std::size_t>(k)].lane[l] =
                    body::key_of(a.maps[k * a.pixels + first + std::min(l, pixels - 1)]);
            }
        }
    }
    const Keys low = select(keys.data(), a.count, (a.count - 1) / 2);
    Survey survey;
    look_around(keys.data(), a.count, low, survey);
    for (int l = 0; l < pixels; ++l) {
        const bool same = survey.at_most.lane[l] > a.count / 2;
        const bool nan = body::is_nan_key(survey.least.lane[l]) || body::is_nan_key(survey.most.lane[l]);
        const double median = body::middle(low.lane[l], same ? low.lane[l] : survey.above.lane[l]);
        a.out[first + l] = nan ? std::numeric_limits<double>::quiet_NaN() : median;
    }
}

}  // namespace

void cpu::pixel_median(const PixelMedian& a) {
    parallel_for((a.pixels + kLanes - 1) / kLanes, a.pixels * a.count * 32, [&](std::int64_t block) {
        const std::int64_t first = block * kLanes;
        medians(a, first, static_cast<int>(std::min<std::int64_t>(kLanes, a.pixels - first)));
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
