#include "fiqx/pixel_quality.hpp"

#include "fiqx/body/pixel_quality.hpp"
#include "launch.cuh"

namespace fiqx::cuda {
namespace {

static_assert(kThreads == body::kNormLanes, "a thread per lane of the norm");

__device__ double squared_norm(const float* x, std::int64_t n) {
    __shared__ double lanes[kThreads];
    double sum = 0.0;
    for (std::int64_t i = threadIdx.x; i < n; i += kThreads) { sum = body::add_square(sum, x[i]); }
    lanes[threadIdx.x] = sum;
    __syncthreads();
    for (int half = kThreads / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) { lanes[threadIdx.x] = lanes[threadIdx.x] + lanes[threadIdx.x + half]; }
        __syncthreads();
    }
    return lanes[0];
}

// A block per image.
__global__ void write_maps(PixelQuality a) {
    const std::int64_t image = blockIdx.x;
    const float* gradient = a.gradient + image * 3 * a.pixels;
    double scale = fabs(a.scale[image]);
    bool clipped = false;
    if (a.clip >= 0.0) {
        const double factor = body::clip_factor(sqrt(squared_norm(gradient, 3 * a.pixels)) * scale, a.clip);
        clipped = factor < 1.0;
        scale *= factor;
    }
    if (threadIdx.x == 0) { a.clipped[image] = clipped; }
    const auto factor = static_cast<float>(scale / 3.0);
    for (std::int64_t i = threadIdx.x; i < a.pixels; i += kThreads) {
        const float s = body::saliency(gradient[i], gradient[a.pixels + i], gradient[2 * a.pixels + i], factor);
        a.saliency[image * a.pixels + i] = s;
        a.maps[image * a.pixels + i] = body::quality(s, a.ten_to_gamma);
    }
}

}  // namespace

void pixel_quality(const PixelQuality& args, const Place& place) {
    const DeviceGuard guard(place.index);
    write_maps<<<static_cast<unsigned>(args.count), kThreads, 0, stream_of(place.stream)>>>(args);
    check(cudaGetLastError(), "pixel_quality");
}

}  // namespace fiqx::cuda
