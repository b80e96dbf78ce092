#include "check.hpp"
#include "fiqx/body/local_contrast.hpp"

namespace body = fiqx::body;

int main() {
    CHECK(body::grey(255, 255, 255) == 255 * body::kGreyUnits);
    CHECK(body::grey(1, 0, 0) == 299);
    CHECK(body::grey(0, 1, 0) == 587);
    CHECK(body::grey(0, 0, 1) == 114);
    CHECK(body::inside(0, 1) == 1);
    CHECK(body::inside(0, 100) == 5);
    CHECK(body::inside(3, 100) == 8);
    CHECK(body::inside(4, 100) == body::kWindow);
    CHECK(body::inside(99, 100) == 5);
    CHECK(body::inside(2, 4) == 4);
    CHECK(body::deviation(1, 255000, 255000LL * 255000) == 0.0F);
    // Half black, half white: the deviation is half the range. The largest sums that there are fit.
    CHECK(body::deviation(2, 255000, 255000LL * 255000) == 127.5F);
    CHECK(body::deviation(81, 81 * 255000, 81LL * 255000 * 255000) == 0.0F);
    CHECK(near(body::deviation(81, 40 * 255000, 40LL * 255000 * 255000), 255.0 * std::sqrt(40.0 * 41.0) / 81.0, 1e-5));
    return failures;
}
