#include "check.hpp"
#include "fiqx/body/half.hpp"

namespace body = fiqx::body;

namespace {

/// The value of a half, read from its fields.
double half_value(unsigned bits) {
    const int exponent = static_cast<int>(bits >> 10U & 31U);
    const double fraction = bits & 1023U;
    const double magnitude = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024.0 + fraction, exponent - 25);
    return bits & 0x8000U ? -magnitude : magnitude;
}

void every_finite_half_survives() {
    for (unsigned bits = 0; bits < 0x10000U; ++bits) {
        if ((bits & 0x7C00U) == 0x7C00U) { continue; }
        CHECK(body::half_bits(static_cast<float>(half_value(bits))) == bits);
    }
}

void between_two_halves_the_nearer_wins_and_ties_go_to_even() {
    for (unsigned bits = 0; bits < 0x7BFFU; ++bits) {
        const double low = half_value(bits);
        const double high = half_value(bits + 1);
        const double tie = (low + high) / 2;
        CHECK(body::half_bits(static_cast<float>(tie)) == (bits % 2 ? bits + 1 : bits));
        CHECK(body::half_bits(std::nextafterf(static_cast<float>(tie), 0.0F)) == bits);
        CHECK(body::half_bits(std::nextafterf(static_cast<float>(tie), 1e9F)) == bits + 1);
    }
}

void the_ends() {
    CHECK(body::half_bits(65519.9F) == 0x7BFFU);
    CHECK(body::half_bits(65520.0F) == 0x7C00U);
    CHECK(body::half_bits(-INFINITY) == 0xFC00U);
    CHECK((body::half_bits(NAN) & 0x7FFFU) == 0x7E00U);
    CHECK(body::half_bits(1e-9F) == 0);
}

}  // namespace

int main() {
    every_finite_half_survives();
    between_two_halves_the_nearer_wins_and_ties_go_to_even();
    the_ends();
    return failures;
}
