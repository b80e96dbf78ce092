#include "fiqx/cam_masks.hpp"

#include "reduce.cuh"
#include "upsample.cuh"

namespace fiqx::cuda {
namespace {

constexpr int kEach = 4;
constexpr int kMasks = 768;

/// The channels of one launch, passed as kernel arguments: a copy to the device would make the host wait for the
/// stream.
struct Channels {
    std::uint32_t at[kMasks];
};

/// A channel's cells after ReLU, and their scale; not usable where it has no mask.
struct Scale {
    float low, range;
    bool usable;
};

__device__ Scale scale_of(const body::Limits& limits, const body::MaskRule& rule) {
    return {body::mask_low(limits, rule), limits.high - limits.low, body::has_range(limits)};
}

/// The scale of the cells themselves: usable where all of them are finite and, if that comes first, have a range.
__device__ Scale scale_cells(const CamMasks& a, const float* channel) {
    body::Limits limits{INFINITY, -INFINITY};
    int finite = 1;
    for (std::int64_t i = threadIdx.x; i < a.h * a.w; i += kThreads) {
        finite = finite && isfinite(channel[i]);
        body::widen(limits, body::activation(channel[i], a.rule));
    }
    limits = block_limits(limits);
    Scale scale = scale_of(limits, a.rule);
    scale.usable = __syncthreads_and(finite) && (scale.usable || !a.rule.scale_first);
    return scale;
}

template <int Each>
__device__ Scale scale_pixels(const CamMasks& a, const Sizes& sizes, const WideRows& wide) {
    body::Limits limits{INFINITY, -INFINITY};
    over_packs<Each>(sizes, [&](unsigned y, unsigned x, std::int64_t) {
        const auto pixels = upsampled<Each>(wide, sizes.W, y, x);
#pragma unroll
        for (int k = 0; k < Each; ++k) { body::widen(limits, pixels.at[k]); }
    });
    return scale_of(block_limits(limits), a.rule);
}

/// Writes the three planes of a mask times the face. Neighbouring threads write neighbouring packs.
template <class Value, int Each>
__device__ void multiply(const CamMasks& a, const Sizes& sizes, const WideRows& wide, const Scale& scale, Value* out) {
    const std::int64_t pixels = a.H * a.W;
    over_packs<Each>(sizes, [&](unsigned y, unsigned x, std::int64_t i) {
        auto mask = upsampled<Each>(wide, sizes.W, y, x);
#pragma unroll
        for (int k = 0; k < Each; ++k) {
            if (!a.rule.scale_first) { mask.at[k] = body::min_max(mask.at[k], scale.low, scale.range); }
            mask.at[k] = scale.usable ? mask.at[k] : 0.0F;
        }
#pragma unroll
        for (int c = 0; c < 3; ++c) {
            const auto face = load<Each, true>(a.face, c * pixels + i, pixels);
            Pack<Value, Each> plane;
#pragma unroll
            for (int k = 0; k < Each; ++k) { plane.at[k] = stored<Value>(body::masked(mask.at[k], face.at[k])); }
            store<true>(out, c * pixels + i, pixels, plane);
        }
    });
}

// A block per mask. `scratch` is used instead of shared memory for a grid that is too large.
template <class Value, int Each, bool Shared>
__global__ void write_masks(CamMasks a, Channels channels, std::int64_t first, char* scratch) {
    extern __shared__ __align__(16) char memory[];
    const Sizes sizes{a.h, a.w, a.H, a.W, a.rule.align_corners};
    const WideRows wide(Shared ? memory : scratch + blockIdx.x * WideRows::bytes(sizes), sizes);
    const float* channel = a.activations + channels.at[blockIdx.x] * a.h * a.w;
    Scale scale = scale_cells(a, channel);
    widen_rows(wide, sizes, [&](std::int64_t i) {
        const float x = body::activation(channel[i], a.rule);
        return a.rule.scale_first ? body::min_max(x, scale.low, scale.range) : x;
    });
    if (scale.usable && !a.rule.scale_first) { scale = scale_pixels<Each>(a, sizes, wide); }
    multiply<Value, Each>(a, sizes, wide, scale, static_cast<Value*>(a.out) + (first + blockIdx.x) * 3 * a.H * a.W);
}

template <class Value, int Each>
void launch(const CamMasks& a, cudaStream_t stream) {
    const std::size_t bytes = WideRows::bytes({a.h, a.w, a.H, a.W, false});
    const bool shared = bytes <= kSharedBytes;
    const std::int64_t most = std::min<std::int64_t>(a.count, kMasks);
    const Scratch<char> scratch(shared ? 1 : most * static_cast<std::int64_t>(bytes), stream);
    const auto kernel = shared ? write_masks<Value, Each, true> : write_masks<Value, Each, false>;
    for (std::int64_t first = 0; first < a.count; first += kMasks) {
        const auto masks = static_cast<unsigned>(std::min<std::int64_t>(a.count - first, kMasks));
        Channels channels{};
        std::copy_n(a.channels + first, masks, channels.at);
        kernel<<<masks, kThreads, shared ? bytes : 0, stream>>>(a, channels, first, scratch.data());
        check(cudaGetLastError(), "cam_masks");
    }
}

template <class Value>
void launch_for(const CamMasks& a, cudaStream_t stream) {
    const bool whole = packs_fit<kEach>(a.face, a.W) && packs_fit<kEach>(static_cast<const Value*>(a.out), a.W);
    (whole ? launch<Value, kEach> : launch<Value, 1>)(a, stream);
}

// A warp per map.
__global__ void find_constant(CamConstant a) {
    const int lane = threadIdx.x % kWarp;
    for (std::int64_t map = (std::int64_t{blockIdx.x} * kThreads + threadIdx.x) / kWarp; map < a.maps;
         map += std::int64_t{gridDim.x} * (kThreads / kWarp)) {
        const float* x = a.activations + map * a.cells;
        body::Limits limits{x[0], x[0]};
        int finite = 1;
        for (std::int64_t i = lane; i < a.cells; i += kWarp) {
            body::widen(limits, x[i]);
            finite = finite && isfinite(x[i]);
        }
        for (int apart = kWarp / 2; apart > 0; apart /= 2) {
            body::widen(limits, __shfl_xor_sync(0xFFFFFFFFU, limits.low, apart));
            body::widen(limits, __shfl_xor_sync(0xFFFFFFFFU, limits.high, apart));
        }
        finite = __all_sync(0xFFFFFFFFU, finite);
        if (a.relu) { limits = {body::relu(limits.low), body::relu(limits.high)}; }
        if (lane == 0) { a.out[map] = !(finite && body::has_range(limits)); }
    }
}

}  // namespace

void cam_masks(const CamMasks& a, const Place& place) {
    const DeviceGuard guard(place.index);
    (a.half ? launch_for<std::uint16_t> : launch_for<float>)(a, stream_of(place.stream));
}

void cam_constant(const CamConstant& a, const Place& place) {
    const DeviceGuard guard(place.index);
    find_constant<<<blocks_for(a.maps * kWarp), kThreads, 0, stream_of(place.stream)>>>(a);
    check(cudaGetLastError(), "cam_constant");
}

}  // namespace fiqx::cuda
