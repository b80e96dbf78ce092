#include <initializer_list>

#include "check.hpp"
#include "fiqx/body/pixel_median.hpp"

namespace body = fiqx::body;

int main() {
    const float ordered[] = {-INFINITY, -1e30F, -1.0F, -1e-40F, -0.0F, 0.0F, 1e-40F, 0.5F, 1.0F, 1e30F, INFINITY};
    for (int i = 0; i + 1 < 11; ++i) { CHECK(body::key_of(ordered[i]) < body::key_of(ordered[i + 1])); }
    for (const float x : ordered) {
        CHECK(body::value_of(body::key_of(x)) == x);
        CHECK(!body::is_nan_key(body::key_of(x)));
    }
    CHECK(body::is_nan_key(body::key_of(NAN)));
    CHECK(body::is_nan_key(body::key_of(-NAN)));

    // The search reaches every key from the lowest.
    for (const std::int32_t wanted : {INT32_MIN, -5, -1, 0, 7, INT32_MAX}) {
        std::int32_t found = INT32_MIN;
        for (int bit = 31; bit >= 0; --bit) {
            const std::int32_t bound = body::candidate(found, bit);
            if (wanted >= bound) { found = bound; }
        }
        CHECK(found == wanted);
        std::uint32_t digits = 0;
        for (int level = 0; level < body::kLevels; ++level) {
            CHECK(body::digits_above(body::unsigned_key(wanted), level) == digits);
            digits = digits << 8U | body::digit(body::unsigned_key(wanted), level);
        }
        CHECK(body::signed_key(digits) == wanted);
        CHECK(body::joined(body::upper_half(wanted), body::lower_half(wanted)) == wanted);
    }
    CHECK(body::unsigned_key(-1) < body::unsigned_key(0) && body::unsigned_key(0) < body::unsigned_key(1));
    CHECK(body::middle(body::key_of(1.0F), body::key_of(2.0F)) == 1.5);
    return failures;
}
