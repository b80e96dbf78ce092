#include "check.hpp"
#include "fiqx/body/row_products.hpp"

namespace body = fiqx::body;

int main() {
    // 4097² is lost in float32, not here.
    CHECK(body::add_power(1.0, 4097.0F, 1.0) == 16785410.0);
    CHECK(body::add_power(1.0, 3.0F, 0.5) == 5.5);
    CHECK(body::add_power(0.0, 1e-30F, 1.0) > 0.0);
    CHECK(body::add_product(1.0, 2.0F, 0.25) == 1.5);
    CHECK(body::add_square(0.0, 0.1) == 0.1 * 0.1);

    CHECK(body::cosine({6.0, 4.0, 9.0}) == 1.0);
    CHECK(body::cosine({-3.0, 4.0, 9.0}) == -0.5);
    CHECK(body::cosine({0.0, 0.0, 9.0}) == 0.0);
    CHECK(body::cosine({0.0, 9.0, 0.0}) == 0.0);
    CHECK(body::cosine({NAN, NAN, 9.0}) == 0.0);
    CHECK(body::cosine({INFINITY, 4.0, INFINITY}) == 0.0);
    return failures;
}
