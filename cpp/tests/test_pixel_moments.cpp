#include <initializer_list>

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

    float ends[2];
    body::KeyRange range = body::no_range();
    body::widen(range, body::no_range());
    body::write_range(range, ends);
    CHECK(ends[0] == INFINITY && ends[1] == -INFINITY);
    for (const float x : {2.0F, 0.0F, -0.0F}) { body::widen(range, body::key_of(x)); }
    body::write_range(range, ends);
    CHECK(ends[0] == 0.0F && std::signbit(ends[0]) && ends[1] == 2.0F);
    for (const float nan : {NAN, -NAN}) {
        body::KeyRange broken = range;
        body::widen(broken, body::key_of(nan));
        body::write_range(broken, ends);
        CHECK(std::isnan(ends[0]) && std::isnan(ends[1]));
    }
    return failures;
}
