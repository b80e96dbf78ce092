#include "check.hpp"
#include "fiqx/body/cam_masks.hpp"

namespace body = fiqx::body;

namespace {

void half_pixel_centres() {
    // 2 → 4: centres at -0.25 (clamped), 0.25, 0.75, 1.25 (clamped).
    const double expected[] = {0.0, 0.25, 0.75, 1.0};
    for (int x = 0; x < 4; ++x) {
        const body::Sample s = body::sample(x, 2, 4, false);
        CHECK(near(s.low + static_cast<double>(s.t) * (s.high - s.low), expected[x], 1e-7));
    }
}

void aligned_corners() {
    for (int x = 0; x < 7; ++x) {
        const body::Sample s = body::sample(x, 3, 7, true);
        CHECK(near(s.low + static_cast<double>(s.t) * (s.high - s.low), x / 3.0, 1e-7));
    }
    CHECK(body::sample(0, 5, 1, true).low == 0);
}

void samples_stay_inside() {
    for (int from = 1; from < 9; ++from) {
        for (int to = 1; to < 60; ++to) {
            for (int x = 0; x < to; ++x) {
                const body::Sample s = body::sample(x, from, to, (x + to) % 2 == 0);
                CHECK(s.low >= 0 && s.high < from && s.low <= s.high && s.t >= 0.0F && s.t < 1.0F);
            }
        }
    }
}

void a_constant_stays_itself() {
    for (float t = 0.0F; t < 1.0F; t += 0.037F) { CHECK(body::lerp(0.1F, 0.1F, t) == 0.1F); }
}

void ranges() {
    body::Limits limits{1.0F, 1.0F};
    CHECK(!body::has_range(limits));
    body::widen(limits, -2.0F);
    CHECK(body::has_range(limits) && limits.low == -2.0F && limits.high == 1.0F);
    body::widen(limits, body::Limits{INFINITY, -INFINITY});  // of no value
    CHECK(limits.low == -2.0F && limits.high == 1.0F);
    body::widen(limits, body::Limits{-3.0F, 0.0F});
    CHECK(limits.low == -3.0F && limits.high == 1.0F);
    CHECK(!body::has_range({-INFINITY, 1.0F}));
    CHECK(!body::has_range({NAN, 1.0F}));
    CHECK(body::min_max(-2.0F, -2.0F, 3.0F) == 0.0F);
    CHECK(body::min_max(1.0F, -2.0F, 3.0F) == 1.0F);
}

void rules() {
    const body::MaskRule plain{false, false, true, false};
    const body::MaskRule other{false, false, false, true};
    CHECK(body::activation(-1.0F, plain) == -1.0F);
    CHECK(body::activation(-1.0F, other) == 0.0F);
    CHECK(std::isnan(body::activation(NAN, other)));
    CHECK(body::mask_low({3.0F, 5.0F}, plain) == 3.0F);
    CHECK(body::mask_low({3.0F, 5.0F}, other) == 0.0F);
}

}  // namespace

int main() {
    half_pixel_centres();
    aligned_corners();
    samples_stay_inside();
    a_constant_stays_itself();
    ranges();
    rules();
    return failures;
}
