#include "fiqx/dropout_expand.hpp"

#include "fiqx/body/dropout_expand.hpp"
#include "launch.cuh"

namespace fiqx::cuda {
namespace {

// A thread per pass and four units: their words are made once and serve every image.
__global__ void expand(DropoutExpand a) {
    const std::int64_t quads = (a.features + 3) / 4;
    FIQX_GRID_STRIDE(i, a.passes * quads) {
        const std::int64_t pass = i / quads;
        const std::int64_t quad = i % quads;
        const body::Philox random =
            body::dropout_words(a.seed, static_cast<std::uint32_t>(pass), static_cast<std::uint32_t>(quad));
        for (std::int64_t image = 0; image < a.count; ++image) {
            const float* h = a.h + image * a.features;
            float* out = a.out + (image * a.passes + pass) * a.features;
            for (int k = 0; k < 4; ++k) {
                const std::int64_t f = 4 * quad + k;
                if (f < a.features) {
                    out[f] = body::dropped_out(h[f], body::kept(random.word[k], a.threshold), a.scale);
                }
            }
        }
    }
}

}  // namespace

void dropout_expand(const DropoutExpand& a, const Place& place) {
    const DeviceGuard guard(place.index);
    expand<<<blocks_for(a.passes * ((a.features + 3) / 4)), kThreads, 0, stream_of(place.stream)>>>(a);
    check(cudaGetLastError(), "dropout_expand");
}

}  // namespace fiqx::cuda
