#include "fiqx/row_products.hpp"

#include "fiqx/body/row_products.hpp"
#include "launch.cuh"
#include "vector.cuh"

namespace fiqx::cuda {
namespace {

constexpr int kEach = body::kRowLanes / kWarp;  // neighbouring lanes of a thread
static_assert(kEach == 4, "a thread loads 16 bytes");

struct Lanes {
    double sum[kEach] = {};
};

/// The lanes of a warp added in halves; the sum is in its first thread.
__device__ double total(Lanes& lanes) {
    for (int apart = kWarp / 2; apart > 0; apart /= 2) {
        for (int k = 0; k < kEach; ++k) {
            lanes.sum[k] = lanes.sum[k] + __shfl_down_sync(0xFFFFFFFFU, lanes.sum[k], apart);
        }
    }
    return body::lane_sum<kEach>(lanes.sum);
}

// A warp per row. A value beyond the end of a row is 0, and adding 0 changes no bit: no sum is ever -0.
template <bool Whole>
__global__ void find_powers(RowPower a) {
    const int thread = threadIdx.x % kWarp;
    for (std::int64_t row = (std::int64_t{blockIdx.x} * kThreads + threadIdx.x) / kWarp; row < a.rows;
         row += std::int64_t{gridDim.x} * (kThreads / kWarp)) {
        Lanes lanes;
#pragma unroll 4
        for (std::int64_t i = kEach * thread; i < a.width; i += body::kRowLanes) {
            const auto x = load<kEach, Whole>(a.x + row * a.width, i, a.width);
            Pack<double, kEach> weights{{1.0, 1.0, 1.0, 1.0}};
            if (a.weights != nullptr) { weights = load<kEach, Whole>(a.weights, i, a.width); }
            for (int k = 0; k < kEach; ++k) { lanes.sum[k] = body::add_power(lanes.sum[k], x.at[k], weights.at[k]); }
        }
        const double sum = total(lanes);
        if (thread == 0) { a.out[row] = sum; }
    }
}

template <bool Whole, class Reference>
__device__ body::Products products(const float* x, const Reference* y, std::int64_t width) {
    Lanes both, first, second;
#pragma unroll 4
    for (std::int64_t i = kEach * (threadIdx.x % kWarp); i < width; i += body::kRowLanes) {
        const auto a = load<kEach, Whole>(x, i, width);
        const auto b = load<kEach, Whole>(y, i, width);
        for (int k = 0; k < kEach; ++k) {
            both.sum[k] = body::add_product(both.sum[k], a.at[k], b.at[k]);
            first.sum[k] = body::add_square(first.sum[k], a.at[k]);
            second.sum[k] = body::add_square(second.sum[k], b.at[k]);
        }
    }
    return {total(both), total(first), total(second)};
}

// A warp per row.
template <bool Whole, class Reference>
__global__ void find_cosines(RowCosine a) {
    const auto* references = static_cast<const Reference*>(a.references);
    for (std::int64_t row = (std::int64_t{blockIdx.x} * kThreads + threadIdx.x) / kWarp; row < a.rows;
         row += std::int64_t{gridDim.x} * (kThreads / kWarp)) {
        const std::int64_t other = a.index == nullptr ? row : a.index[row];
        const bool exists = other >= 0 && other < a.reference_rows;
        const Reference* y = references + (exists ? other : 0) * a.width;
        const double cosine = body::cosine(products<Whole>(a.x + row * a.width, y, exists ? a.width : 0));
        if (threadIdx.x % kWarp == 0) { a.out[row] = exists ? cosine : static_cast<double>(NAN); }
    }
}

template <class Reference>
void launch_cosines(const RowCosine& a, cudaStream_t stream) {
    const bool whole =
        packs_fit<kEach>(a.x, a.width) && packs_fit<kEach>(static_cast<const Reference*>(a.references), a.width);
    const auto kernel = whole ? find_cosines<true, Reference> : find_cosines<false, Reference>;
    kernel<<<blocks_for(a.rows * kWarp), kThreads, 0, stream>>>(a);
}

}  // namespace

void row_power(const RowPower& args, const Place& place) {
    const DeviceGuard guard(place.index);
    const bool whole = packs_fit<kEach>(args.x, args.width) && packs_fit<kEach>(args.weights, args.width);
    const auto kernel = whole ? find_powers<true> : find_powers<false>;
    kernel<<<blocks_for(args.rows * kWarp), kThreads, 0, stream_of(place.stream)>>>(args);
    check(cudaGetLastError(), "row_power");
}

void row_cosine(const RowCosine& args, const Place& place) {
    const DeviceGuard guard(place.index);
    (args.wide ? launch_cosines<double> : launch_cosines<float>)(args, stream_of(place.stream));
    check(cudaGetLastError(), "row_cosine");
}

}  // namespace fiqx::cuda
