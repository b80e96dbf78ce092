#include <initializer_list>

#include "check.hpp"
#include "fiqx/body/resize_boxes.hpp"

namespace body = fiqx::body;

int main() {
    CHECK(body::common_units(0, 0, 5, 3) == 3);
    CHECK(body::common_units(0, 1, 5, 3) == 2);
    CHECK(body::common_units(1, 1, 5, 3) == 1);
    CHECK(body::common_units(1, 0, 5, 3) == 0);
    CHECK(body::share(0, 0, 5, 3) == 0.6F);
    CHECK(body::share(7, 3, 10, 10) == 0.0F);
    for (const std::int64_t to : {1, 3, 7, 96}) {
        for (const std::int64_t from : {97, 100, 192, 1000}) {
            for (std::int64_t x = 0; x < to; ++x) {
                const std::int64_t first = x * from / to;
                std::int64_t units = 0;
                for (std::int64_t i = 0; i < body::covered(x, from, to); ++i) {
                    CHECK(body::common_units(x, first + i, from, to) > 0);
                    units += body::common_units(x, first + i, from, to);
                }
                CHECK(units == from);
            }
        }
    }
    return failures;
}
