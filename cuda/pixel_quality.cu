#include "fiqx/pixel_quality.hpp"

#include "fiqx/body/pixel_quality.hpp"
#include "launch.cuh"
#include "vector.cuh"

namespace fiqx::cuda {
namespace {

static_assert(kThreads == body::kNormLanes, "a thread per lane of the norm");
constexpr int kEach = 4;

__device__ double squared_norm(const float* x, std::int64_t n) {
    __shared__ double lanes[kThreads];
    double sum = 0.0;
#pragma unroll 16
    for (std::int64_t i = threadIdx.x; i < n; i += kThreads) { sum = body::add_square(sum, x[i]); }
    lanes[threadIdx.x] = sum;
    __syncthreads();
    for (int half = kThreads / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) { lanes[threadIdx.x] = lanes[threadIdx.x] + lanes[threadIdx.x + half]; }
        __syncthreads();
    }
    return lanes[0];
}

// A block per image: the factor of its saliency. The gradient is read here only where it may be clipped.
__global__ void find_factors(PixelQuality a, float* factors) {
    const std::int64_t image = blockIdx.x;
    double scale = fabs(a.scale[image]);
    bool clipped = false;
    if (a.clip >= 0.0) {
        const double norm = sqrt(squared_norm(a.gradient + image * 3 * a.pixels, 3 * a.pixels));
        const double factor = body::clip_factor(norm * scale, a.clip);
        clipped = factor < 1.0;
        scale *= factor;
    }
    if (threadIdx.x != 0) { return; }
    a.clipped[image] = clipped;
    factors[image] = static_cast<float>(scale / 3.0);
}

// A thread per few neighbouring pixels.
template <bool Whole, bool Weighed>
__global__ void write_maps(PixelQuality a, const float* factors) {
    FIQX_GRID_ROWS(image, a.count) {
        const float* gradient = a.gradient + image * 3 * a.pixels;
        const float factor = factors[image];
        FIQX_GRID_STRIDE(i, packs_in(a.pixels, kEach)) {
            const auto r = load<kEach, Whole>(gradient, i * kEach, a.pixels);
            const auto g = load<kEach, Whole>(gradient + a.pixels, i * kEach, a.pixels);
            const auto b = load<kEach, Whole>(gradient + 2 * a.pixels, i * kEach, a.pixels);
            Pack<float, kEach> saliency, map, contrast{};
            if (Weighed) { contrast = load<kEach, Whole>(a.contrast + image * a.pixels, i * kEach, a.pixels); }
#pragma unroll
            for (int k = 0; k < kEach; ++k) {
                saliency.at[k] = Weighed ? body::saliency(r.at[k], g.at[k], b.at[k], factor, contrast.at[k])
                                         : body::saliency(r.at[k], g.at[k], b.at[k], factor);
                map.at[k] = body::quality(saliency.at[k], a.ten_to_gamma);
            }
            store<Whole>(a.saliency + image * a.pixels, i * kEach, a.pixels, saliency);
            store<Whole>(a.maps + image * a.pixels, i * kEach, a.pixels, map);
        }
    }
}

template <bool Weighed>
void launch_maps(const PixelQuality& a, const float* factors, cudaStream_t stream) {
    const bool whole = packs_fit<kEach>(a.gradient, a.pixels) && packs_fit<kEach>(a.maps, a.pixels) &&
                       packs_fit<kEach>(a.saliency, a.pixels) && (!Weighed || packs_fit<kEach>(a.contrast, a.pixels));
    const auto kernel = whole ? write_maps<true, Weighed> : write_maps<false, Weighed>;
    kernel<<<grid_for(packs_in(a.pixels, kEach), a.count), kThreads, 0, stream>>>(a, factors);
}

}  // namespace

void pixel_quality(const PixelQuality& a, const Place& place) {
    const DeviceGuard guard(place.index);
    const cudaStream_t stream = stream_of(place.stream);
    const Scratch<float> factors(a.count, stream);
    find_factors<<<static_cast<unsigned>(a.count), kThreads, 0, stream>>>(a, factors.data());
    check(cudaGetLastError(), "pixel_quality");
    if (a.pixels == 0) { return; }
    (a.contrast != nullptr ? launch_maps<true> : launch_maps<false>)(a, factors.data(), stream);
    check(cudaGetLastError(), "pixel_quality");
}

}  // namespace fiqx::cuda
