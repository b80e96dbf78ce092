#include "check.hpp"
#include "fiqx/body/dropout_expand.hpp"

namespace body = fiqx::body;

namespace {

bool equal(const body::Philox& a, const body::Philox& b) {
    return a.word[0] == b.word[0] && a.word[1] == b.word[1] && a.word[2] == b.word[2] && a.word[3] == b.word[3];
}

/// The published known answers of Random123 for philox4x32 with 10 rounds.
void known_answers() {
    constexpr std::uint32_t ones = 0xFFFFFFFFU;
    CHECK(equal(body::philox(0, 0, 0, 0, 0, 0), {{0x6627e8d5U, 0xe169c58dU, 0xbc57ac4cU, 0x9b00dbd8U}}));
    CHECK(equal(body::philox(ones, ones, ones, ones, ones, ones),
                {{0x408f276dU, 0x41c83b0eU, 0xa20bc7c6U, 0x6d5451fdU}}));
    CHECK(equal(body::philox(0x243f6a88U, 0x85a308d3U, 0x13198a2eU, 0x03707344U, 0xa4093822U, 0x299f31d0U),
                {{0xd16cfe09U, 0x94fdccebU, 0x5001e420U, 0x24126ea1U}}));
}

void seed_and_pass_take_their_places() {
    const std::uint64_t seed = 0x299f31d0a4093822ULL;
    CHECK(equal(body::dropout_words(seed, 7, 5), body::philox(5, 0, 7, 0, 0xa4093822U, 0x299f31d0U)));
}

void masks() {
    CHECK(body::kept(0, 0));
    CHECK(!body::kept(0x7FFFFFFFU, 0x80000000U));
    CHECK(body::kept(0x80000000U, 0x80000000U));
    CHECK(body::dropped_out(3.0F, true, 2.0F) == 6.0F);
    CHECK(body::dropped_out(NAN, false, 2.0F) == 0.0F);
    CHECK(!std::signbit(body::dropped_out(-3.0F, false, 2.0F)));
}

}  // namespace

int main() {
    known_answers();
    seed_and_pass_take_their_places();
    masks();
    return failures;
}
