#include "check.hpp"
#include "fiqx/body/cam_combine.hpp"

namespace body = fiqx::body;

int main() {
    const body::CombineRule plain{false, false, true, false, false};
    const body::CombineRule late{false, true, true, true, false};
    CHECK(body::counts(-1e-40F) && body::counts(NAN) && !body::counts(0.0F) && !body::counts(-0.0F));
    // 2^24 + 1 and its square are lost in float32, not here.
    CHECK(body::add_weighted(1.0, 4097.0F, 4097.0F, plain) == 16785410.0);
    CHECK(body::add_weighted(0.0, 1.0F, -2.0F, plain) == -2.0);
    CHECK(body::add_weighted(0.0, 1.0F, -2.0F, late) == 0.0);
    CHECK(body::cell(-1.0, plain) == 0.0F);
    CHECK(body::pixel(-1.0F, plain) == -1.0F);
    CHECK(body::cell(-1.0, late) == -1.0F);
    CHECK(body::pixel(-1.0F, late) == 0.0F);
    CHECK(body::finished(3.0F, {3.0F, 3.0F}) == 0.0F);
    CHECK(body::finished(3.0F, {1.0F, 5.0F}) == 0.5F);
    CHECK(std::isnan(body::finished(3.0F, {NAN, NAN})));
    return failures;
}
