#include "fiqx/pixel_moments.hpp"

#include "fiqx/body/pixel_moments.hpp"
#include "launch.cuh"

namespace fiqx::cuda {
namespace {

// A thread per pixel: its state stays in registers while all maps pass.
__global__ void push(PixelMoments a) {
    FIQX_GRID_STRIDE(i, a.pixels) {
        double mean = a.mean[i];
        double m2 = a.m2[i];
        for (std::int64_t k = 0; k < a.count; ++k) {
            body::push_moment(mean, m2, a.maps[k * a.pixels + i], 1.0 / static_cast<double>(a.before + k + 1));
        }
        a.mean[i] = mean;
        a.m2[i] = m2;
    }
}

__global__ void merge(PixelMomentsMerge a) {
    const body::MergeShares shares =
        body::merge_shares(static_cast<double>(a.count), static_cast<double>(a.other_count));
    FIQX_GRID_STRIDE(i, a.pixels) {
        if (a.count == 0) {
            a.mean[i] = a.other_mean[i];
            a.m2[i] = a.other_m2[i];
        } else {
            body::merge_moment(a.mean[i], a.m2[i], a.other_mean[i], a.other_m2[i], shares);
        }
    }
}

}  // namespace

void pixel_moments(const PixelMoments& args, const Place& place) {
    const DeviceGuard guard(place.index);
    push<<<blocks_for(args.pixels), kThreads, 0, stream_of(place.stream)>>>(args);
    check(cudaGetLastError(), "pixel_moments");
}

void pixel_moments_merge(const PixelMomentsMerge& args, const Place& place) {
    const DeviceGuard guard(place.index);
    merge<<<blocks_for(args.pixels), kThreads, 0, stream_of(place.stream)>>>(args);
    check(cudaGetLastError(), "pixel_moments_merge");
}

}  // namespace fiqx::cuda
