#include "fiqx/dropout_expand.hpp"

#include "fiqx/body/dropout_expand.hpp"
#include "launch.cuh"
#include "vector.cuh"

namespace fiqx::cuda {
namespace {

constexpr int kUnits = 4;   // of a thread: the four words of a counter
constexpr int kPasses = 4;  // of a thread: a unit of an image is read once for all of them

/// Which of the units of a quad are kept in `kPasses` passes from `pass` on, a bit each.
__device__ std::uint32_t keep_bits(const DropoutExpand& a, std::int64_t pass, std::int64_t quad) {
    std::uint32_t bits = 0;
    for (int p = 0; p < kPasses; ++p) {
        const body::Philox random =
            body::dropout_words(a.seed, static_cast<std::uint32_t>(pass + p), static_cast<std::uint32_t>(quad));
        for (int k = 0; k < kUnits; ++k) {
            bits |= static_cast<std::uint32_t>(body::kept(random.word[k], a.threshold)) << (kUnits * p + k);
        }
    }
    return bits;
}

// A thread per few passes and units: their masks are computed once for all images.
template <bool Whole>
__global__ void expand(DropoutExpand a) {
    FIQX_GRID_ROWS(group, packs_in(a.passes, kPasses)) {
        FIQX_GRID_STRIDE(quad, packs_in(a.features, kUnits)) {
            const std::int64_t pass = group * kPasses;
            const std::uint32_t bits = keep_bits(a, pass, quad);
            for (std::int64_t image = 0; image < a.count; ++image) {
                const auto h = load<kUnits, Whole>(a.h + image * a.features, quad * kUnits, a.features);
                float* out = a.out + (image * a.passes + pass) * a.features;
#pragma unroll
                for (int p = 0; p < kPasses; ++p) {
                    Pack<float, kUnits> copy;
#pragma unroll
                    for (int k = 0; k < kUnits; ++k) {
                        copy.at[k] = body::dropped_out(h.at[k], (bits >> (kUnits * p + k) & 1U) != 0, a.scale);
                    }
                    if (pass + p < a.passes) { store<Whole>(out + p * a.features, quad * kUnits, a.features, copy); }
                }
            }
        }
    }
}

}  // namespace

void dropout_expand(const DropoutExpand& a, const Place& place) {
    const DeviceGuard guard(place.index);
    const bool whole = packs_fit<kUnits>(a.h, a.features) && packs_fit<kUnits>(a.out, a.features);
    const auto kernel = whole ? expand<true> : expand<false>;
    const dim3 grid = grid_for(packs_in(a.features, kUnits), packs_in(a.passes, kPasses));
    kernel<<<grid, kThreads, 0, stream_of(place.stream)>>>(a);
    check(cudaGetLastError(), "dropout_expand");
}

}  // namespace fiqx::cuda
