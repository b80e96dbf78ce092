#include "check.hpp"
#include "fiqx/body/face_input.hpp"

namespace body = fiqx::body;

namespace {

void normalisation() {
    CHECK(body::normalise(255.0F, 127.5F, 127.5F) == 1.0F);
    CHECK(body::normalise(0.0F, 127.5F, 127.5F) == -1.0F);
    CHECK(near(body::luma(255.0F, 255.0F, 255.0F), 255.0, 1e-4));
    CHECK(body::luma(0.0F, 0.0F, 0.0F) == 0.0F);
}

}  // namespace

int main() {
    normalisation();
    return failures;
}
