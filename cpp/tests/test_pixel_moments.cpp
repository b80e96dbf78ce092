#include "check.hpp"
#include "fiqx/body/pixel_moments.hpp"

namespace body = fiqx::body;

int main() {
    double mean = 0.0;
    double m2 = 0.0;
    const float values[] = {2.0F, 4.0F, 4.0F, 4.0F, 5.0F, 5.0F, 7.0F, 9.0F};
    for (int i = 0; i < 8; ++i) { body::push_moment(mean, m2, values[i], 1.0 / (i + 1)); }
    CHECK(near(mean, 5.0, 1e-15));
    CHECK(near(m2, 32.0, 1e-13));

    double half[2][2] = {};
    for (int i = 0; i < 8; ++i) { body::push_moment(half[i / 4][0], half[i / 4][1], values[i], 1.0 / (i % 4 + 1)); }
    body::merge_moment(half[0][0], half[0][1], half[1][0], half[1][1], body::merge_shares(4.0, 4.0));
    CHECK(near(half[0][0], 5.0, 1e-15));
    CHECK(near(half[0][1], 32.0, 1e-13));

    double one[2] = {};
    body::push_moment(one[0], one[1], 0.1F, 1.0);
    CHECK(one[0] == static_cast<double>(0.1F) && one[1] == 0.0);
    return failures;
}
