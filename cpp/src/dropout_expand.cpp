#include "fiqx/dropout_expand.hpp"

#include <algorithm>
#include <vector>

#include "fiqx/body/dropout_expand.hpp"
#include "fiqx/hd.hpp"
#include "fiqx/launch.hpp"
#include "fiqx/parallel.hpp"
#include "fiqx/stores.hpp"

namespace fiqx {
namespace {

// Units per block: the random words, the values and a copy, 8 KiB each, stay in the first-level cache.
constexpr std::int64_t kUnits = 2048;
constexpr std::int64_t kMaxIndex = std::int64_t{1} << 32;

/// Random words of `quads * 4` units from unit 4 * `first` on.
FIQX_SIMD void fill_words(std::uint32_t* __restrict words, std::int64_t quads, std::uint32_t first, std::uint64_t seed,
                          std::uint32_t pass) {
    for (std::int64_t q = 0; q < quads; ++q) {
        const body::Philox random = body::dropout_words(seed, pass, first + static_cast<std::uint32_t>(q));
        FIQX_UNROLL
        for (int k = 0; k < 4; ++k) { words[4 * q + k] = random.word[k]; }
    }
}

FIQX_SIMD void apply(const float* __restrict h, const std::uint32_t* __restrict words, float* __restrict out,
                     std::int64_t n, std::uint32_t threshold, float scale) {
    for (std::int64_t f = 0; f < n; ++f) { out[f] = body::dropped_out(h[f], body::kept(words[f], threshold), scale); }
}

void check_settings(const Checker& check, std::int64_t features, std::int64_t passes, double dropout) {
    check.require(passes >= 1 && passes < kMaxIndex,
                  "passes is " + std::to_string(passes) + ", wanted 1 or more; 100 is the usual choice");
    check.require(dropout >= 0.0 && dropout < 1.0, "dropout is " + std::to_string(dropout) +
                                                       ", wanted a probability in [0, 1); 0.5 is the usual choice");
    check.require(features >= 0 && features < kMaxIndex,
                  "features is " + std::to_string(features) + ", wanted 0 … 2^32 - 1");
}

std::uint32_t threshold_of(double dropout) { return static_cast<std::uint32_t>(dropout * 4294967296.0); }

}  // namespace

void cpu::dropout_expand(const DropoutExpand& a) {
    // The words of a pass are computed once per block of units for all images.
    const std::int64_t blocks = (a.features + kUnits - 1) / kUnits;
    const bool streamed = past_cache(a.count * a.passes * a.features * std::int64_t{sizeof(float)});
    parallel_for(a.passes * blocks, a.passes * a.features * a.count, [&](std::int64_t job) {
        thread_local std::uint32_t words[kUnits + 3];
        thread_local float copy[kUnits];
        const std::int64_t pass = job / blocks;
        const std::int64_t first = job % blocks * kUnits;
        const std::int64_t n = std::min(kUnits, a.features - first);
        fill_words(words, (n + 3) / 4, static_cast<std::uint32_t>(first / 4), a.seed, static_cast<std::uint32_t>(pass));
        for (std::int64_t image = 0; image < a.count; ++image) {
            float* out = a.out + (image * a.passes + pass) * a.features + first;
            apply(a.h + image * a.features + first, words, streamed ? copy : out, n, a.threshold, a.scale);
            if (streamed) { store_past_cache(copy, out, n); }
        }
    });
}

void cpu::dropout_masks(const DropoutMasks& a) {
    for (std::int64_t pass = 0; pass < a.passes; ++pass) {
        for (std::int64_t f = 0; f < a.features; ++f) {
            const body::Philox random =
                body::dropout_words(a.seed, static_cast<std::uint32_t>(pass), static_cast<std::uint32_t>(f / 4));
            a.out[pass * a.features + f] = body::kept(random.word[f % 4], a.threshold);
        }
    }
}

Tensor dropout_expand(const Tensor& h, std::int64_t passes, double dropout, std::uint64_t seed, const Output& out,
                      std::optional<std::uintptr_t> stream) {
    const Checker check("dropout_expand");
    check.array(h, DType::f32, "(N, F)");
    const std::int64_t count = h.shape[0];
    const std::int64_t features = h.shape[1];
    check_settings(check, features, passes, dropout);
    const Place place = check.place({&h}, stream);
    const Tensor result = check.output(out, DType::f32, {count * passes, features}, place);
    const DropoutExpand args{h.as<const float>(),
                             result.as<float>(),
                             count,
                             features,
                             passes,
                             seed,
                             threshold_of(dropout),
                             static_cast<float>(1.0 / (1.0 - dropout))};
    if (result.size() > 0) { FIQX_LAUNCH(place, dropout_expand, args); }
    return result;
}

Tensor dropout_masks(std::int64_t features, std::int64_t passes, double dropout, std::uint64_t seed,
                     const Output& out) {
    const Checker check("dropout_masks");
    check_settings(check, features, passes, dropout);
    const Tensor result = check.output(out, DType::boolean, {passes, features}, Place{});
    cpu::dropout_masks({result.as<bool>(), features, passes, seed, threshold_of(dropout)});
    return result;
}

}  // namespace fiqx
