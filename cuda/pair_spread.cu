#include "fiqx/pair_spread.hpp"

#include "fiqx/body/pair_spread.hpp"
#include "launch.cuh"
#include "vector.cuh"

namespace fiqx::cuda {
namespace {

// Distances are sums of squared differences. The Gram form 2 - 2 a·b needs a third of the additions, but its absolute
// error is that of the product, some eps, so that a distance d is off by eps / d: good for far rows, nothing left of
// near ones. Even where it is accurate its bits are not those of the CPU, and a spread must not depend on the machine.

using body::kLanes;
constexpr int kGroups = kThreads / kLanes;
constexpr int kTile = 8;                                    // rows that meet rows of another tile in registers
constexpr std::int64_t kDistances = std::int64_t{1} << 25;  // that are kept at one time: 128 MiB

/// Unit rows, eight by eight: (image, tile, step, lane, row of the tile), so that a thread finds its lane of a whole
/// tile in 32 neighbouring bytes. Rows and components beyond the ends are 0.
struct Tiles {
    std::int64_t tiles, steps;
    float* data;

    __device__ Pack<float, kTile>* at(std::int64_t image, std::int64_t tile) const {
        return reinterpret_cast<Pack<float, kTile>*>(data) + (image * tiles + tile) * steps * kLanes;
    }
};

/// The lanes of a group added in halves; the sum is in its lane 0.
template <class T>
__device__ T group_sum(T lane) {
    for (int half = kLanes / 2; half > 0; half /= 2) {
        lane = lane + __shfl_down_sync(0xFFFFFFFFU, lane, half, kLanes);
    }
    return lane;
}

// A group of 16 threads per row. A row without a direction gives NaN, which reaches its image's mean.
__global__ void find_inverse_norms(PairSpread p, double* inverse_norms) {
    const int lane = threadIdx.x % kLanes;
    for (std::int64_t base = std::int64_t{blockIdx.x} * kGroups; base < p.count * p.rows;
         base += std::int64_t{gridDim.x} * kGroups) {
        const std::int64_t row = base + threadIdx.x / kLanes;
        const bool active = row < p.count * p.rows;
        const float* x = p.embeddings + row * p.width;
        double sum = 0.0;
#pragma unroll 8
        for (std::int64_t d = lane; active && d < p.width; d += kLanes) { sum = body::add_square(sum, x[d]); }
        const double norm = sqrt(group_sum(sum));
        const bool usable = norm > 0.0 && isfinite(norm);
        if (lane == 0 && active) { inverse_norms[row] = usable ? 1.0 / norm : static_cast<double>(NAN); }
    }
}

// A thread per lane of a tile's step.
__global__ void make_tiles(PairSpread p, const double* inverse_norms, Tiles unit) {
    FIQX_GRID_ROWS(tile, p.count * unit.tiles) {
        const std::int64_t image = tile / unit.tiles;
        const std::int64_t first = tile % unit.tiles * kTile;
        FIQX_GRID_STRIDE(d, unit.steps * kLanes) {
            Pack<float, kTile> lane;
#pragma unroll
            for (int r = 0; r < kTile; ++r) {
                const bool exists = first + r < p.rows && d < p.width;
                const std::int64_t row = image * p.rows + first + r;
                lane.at[r] = exists ? body::scaled(p.embeddings[row * p.width + d], inverse_norms[row]) : 0.0F;
            }
            store_whole(unit.at(image, tile % unit.tiles) + d, lane);
        }
    }
}

/// The distances of the rows of two tiles, for the pairs (i, j) with i < j, into `out` (rows, rows).
__device__ void meet(const PairSpread& p, const Tiles& unit, std::int64_t image, std::int64_t above, std::int64_t below,
                     bool active, float* out) {
    const int lane = threadIdx.x % kLanes;
    const Pack<float, kTile>* a = unit.at(image, above) + lane;
    const Pack<float, kTile>* b = unit.at(image, below) + lane;
    float sums[kTile][kTile] = {};
    for (std::int64_t step = 0; step < unit.steps; ++step) {
        const auto x = a[step * kLanes];
        const auto y = b[step * kLanes];
#pragma unroll
        for (int r = 0; r < kTile; ++r) {
#pragma unroll
            for (int c = 0; c < kTile; ++c) { body::add_squared_difference(sums[r][c], x.at[r], y.at[c]); }
        }
    }
#pragma unroll
    for (int r = 0; r < kTile; ++r) {
#pragma unroll
        for (int c = 0; c < kTile; ++c) {
            const float sum = group_sum(sums[r][c]);
            const std::int64_t i = above * kTile + r;
            const std::int64_t j = below * kTile + c;
            if (active && lane == 0 && i < j && j < p.rows) { out[i * p.rows + j] = sqrtf(sum); }
        }
    }
}

// A group per pair of tiles, each pair once: tile t meets the tiles t, t + 1, … half way round, t + tiles / 2.
__global__ void __launch_bounds__(kThreads)
    find_distances(PairSpread p, Tiles unit, std::int64_t first, float* distances) {
    const std::int64_t meetings = unit.tiles * (unit.tiles + 1) / 2;
    const std::int64_t image = blockIdx.y;
    const std::int64_t wanted = std::int64_t{blockIdx.x} * kGroups + threadIdx.x / kLanes;
    const std::int64_t meeting = wanted < meetings ? wanted : 0;  // idle groups keep their warp complete
    const std::int64_t one = meeting % unit.tiles;
    const std::int64_t other = (one + meeting / unit.tiles) % unit.tiles;
    meet(p, unit, first + image, one < other ? one : other, one < other ? other : one, wanted < meetings,
         distances + image * p.rows * p.rows);
}

// A block per image: a thread per column sum S_j = d_0j + d_1j + …, then S_1 + S_2 + … by one.
__global__ void find_means(PairSpread p, const float* distances, std::int64_t first) {
    __shared__ double columns[kThreads];
    const float* d = distances + blockIdx.x * p.rows * p.rows;
    double sum = 0.0;
    for (std::int64_t base = 0; base < p.rows; base += kThreads) {
        const std::int64_t j = base + threadIdx.x;
        double column = 0.0;
#pragma unroll 8
        for (std::int64_t i = 0; i < j && j < p.rows; ++i) { column += static_cast<double>(d[i * p.rows + j]); }
        columns[threadIdx.x] = column;
        __syncthreads();
        const std::int64_t present = p.rows - base < kThreads ? p.rows - base : kThreads;
        for (std::int64_t k = base == 0 ? 1 : 0; threadIdx.x == 0 && k < present; ++k) { sum += columns[k]; }
        __syncthreads();
    }
    if (threadIdx.x != 0) { return; }
    p.out[first + blockIdx.x] = sum / (0.5 * static_cast<double>(p.rows) * static_cast<double>(p.rows - 1));
}

}  // namespace

void pair_spread(const PairSpread& p, const Place& place) {
    const DeviceGuard guard(place.index);
    const cudaStream_t stream = stream_of(place.stream);
    const std::int64_t tiles = packs_in(p.rows, kTile);
    const std::int64_t steps = packs_in(p.width, kLanes);
    const Scratch<float> unit(std::max<std::int64_t>(p.count * tiles * steps * kTile * kLanes, 1), stream);
    const Scratch<double> inverse_norms(p.count * p.rows, stream);
    const std::int64_t images = std::clamp<std::int64_t>(kDistances / (p.rows * p.rows), 1, 65535);
    const Scratch<float> distances(std::min(images, p.count) * p.rows * p.rows, stream);
    const Tiles layout{tiles, steps, unit.data()};
    find_inverse_norms<<<blocks_for(p.count * p.rows * kLanes), kThreads, 0, stream>>>(p, inverse_norms.data());
    check(cudaGetLastError(), "pair_spread");
    if (steps > 0) {
        make_tiles<<<grid_for(steps * kLanes, p.count * tiles), kThreads, 0, stream>>>(p, inverse_norms.data(), layout);
        check(cudaGetLastError(), "pair_spread");
    }
    for (std::int64_t first = 0; first < p.count; first += images) {
        const auto some = static_cast<unsigned>(std::min(images, p.count - first));
        const auto blocks = static_cast<unsigned>(packs_in(tiles * (tiles + 1) / 2, kGroups));
        find_distances<<<dim3(blocks, some), kThreads, 0, stream>>>(p, layout, first, distances.data());
        check(cudaGetLastError(), "pair_spread");
        find_means<<<some, kThreads, 0, stream>>>(p, distances.data(), first);
        check(cudaGetLastError(), "pair_spread");
    }
}

}  // namespace fiqx::cuda
