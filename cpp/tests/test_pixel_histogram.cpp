#include "check.hpp"
#include "fiqx/body/pixel_histogram.hpp"

namespace body = fiqx::body;

int main() {
    CHECK(body::bin_of(0.0F, 4) == 0);
    CHECK(body::bin_of(0.2499999F, 4) == 0);
    CHECK(body::bin_of(0.25F, 4) == 1);
    CHECK(body::bin_of(1.0F, 4) == 3);
    CHECK(body::bin_of(-3.0F, 4) == 0);
    CHECK(body::bin_of(INFINITY, 4) == 3);
    CHECK(body::bin_of(NAN, 4) == -1);

    const std::uint32_t counts[] = {1, 0, 2, 1};
    CHECK(body::ranked(counts, 4, 0) == 0.125);
    CHECK(body::ranked(counts, 4, 1) == 0.625);
    CHECK(body::ranked(counts, 4, 3) == 0.875);
    CHECK(body::quantile(counts, 4, 0.0) == 0.125);
    CHECK(body::quantile(counts, 4, 0.5) == 0.625);
    CHECK(body::quantile(counts, 4, 1.0) == 0.875);
    CHECK(near(body::quantile(counts, 4, 0.1), 0.125 + 0.3 * 0.5, 1e-15));
    const std::uint32_t none[] = {0, 0};
    CHECK(std::isnan(body::quantile(none, 2, 0.5)));
    return failures;
}
