#include "check.hpp"
#include "fiqx/body/pixel_quality.hpp"

namespace body = fiqx::body;

int main() {
    CHECK(body::clip_factor(4.0, 2.0) == 0.5);
    CHECK(body::clip_factor(2.0, 2.0) == 1.0);
    CHECK(body::clip_factor(NAN, 2.0) == 1.0);
    CHECK(body::saliency(1.0F, -2.0F, 3.0F, 0.5F) == 3.0F);
    CHECK(body::quality(0.0F, 1e7F) == 0.0F);
    CHECK(body::quality(1.0F, 1.0F) == 0.5F);
    CHECK(body::quality(1e30F, 1e30F) == 1.0F);
    CHECK(near(body::quality(1e-6F, 1.0F) / 1e-12, 1.0, 1e-6));  // 1 - 1 / (1 + y) would say 0
    CHECK(std::isnan(body::quality(NAN, 1.0F)));
    double lanes[body::kNormLanes] = {};
    for (int l = 0; l < body::kNormLanes; ++l) { lanes[l] = l; }
    CHECK(body::lane_sum<body::kNormLanes>(lanes) == 255.0 * 256.0 / 2.0);
    return failures;
}
