#include "check.hpp"
#include "fiqx/body/pair_spread.hpp"

namespace body = fiqx::body;

namespace {

void lanes_are_added_in_halves() {
    // 2^24 + 1 is lost in float32: which lanes meet first decides the sum.
    float lanes[body::kLanes] = {};
    lanes[0] = 16777216.0F;
    lanes[8] = -16777216.0F;
    lanes[1] = 1.0F;
    CHECK(body::lane_sum<body::kLanes>(lanes) == 1.0F);
    float others[body::kLanes] = {};
    others[0] = 16777216.0F;
    others[1] = -16777216.0F;
    others[8] = 1.0F;
    CHECK(body::lane_sum<body::kLanes>(others) == 0.0F);
}

void terms() {
    CHECK(body::add_square(1.0, 3.0F) == 10.0);
    CHECK(body::add_square(0.0, 1e30F) > 9e59);
    float sum = 1.0F;
    body::add_squared_difference(sum, 2.0F, 5.0F);
    CHECK(sum == 10.0F);
    body::add_squared_difference(sum, 0.1F, 0.1F);
    CHECK(sum == 10.0F);
    CHECK(body::scaled(3.0F, 1.0 / 3.0) == 1.0F);
}

}  // namespace

int main() {
    lanes_are_added_in_halves();
    terms();
    return failures;
}
