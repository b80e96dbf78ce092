#include "fiqx/local_contrast.hpp"

#include "fiqx/body/local_contrast.hpp"
#include "launch.cuh"

namespace fiqx::cuda {
namespace {

constexpr int kTile = 32;  // pixels of a block each way
constexpr int kWide = kTile + 2 * body::kReach;

// A block per tile: its greys and those around it, their sums along the rows, then down the columns.
__global__ void measure(LocalContrast a) {
    __shared__ std::int32_t greys[kWide][kWide];
    __shared__ std::int32_t sums[kWide][kTile];
    __shared__ std::int64_t squares[kWide][kTile];
    const std::int64_t across = (a.width + kTile - 1) / kTile;
    const std::int64_t top = blockIdx.x / across * kTile;
    const std::int64_t left = blockIdx.x % across * kTile;
    FIQX_GRID_ROWS(face, a.count) {
        const std::uint8_t* in = a.faces + face * a.height * a.width * 3;
        for (int i = threadIdx.x; i < kWide * kWide; i += kThreads) {
            const std::int64_t y = top + i / kWide - body::kReach;
            const std::int64_t x = left + i % kWide - body::kReach;
            const bool there = y >= 0 && y < a.height && x >= 0 && x < a.width;
            const std::uint8_t* pixel = in + (y * a.width + x) * 3;
            greys[i / kWide][i % kWide] = there ? body::grey(pixel[0], pixel[1], pixel[2]) : 0;
        }
        __syncthreads();
        for (int i = threadIdx.x; i < kWide * kTile; i += kThreads) {
            const std::int32_t* row = greys[i / kTile] + i % kTile;
            std::int32_t sum = 0;
            std::int64_t square = 0;
#pragma unroll
            for (int k = 0; k < body::kWindow; ++k) {
                sum += row[k];
                square += std::int64_t{row[k]} * row[k];
            }
            sums[i / kTile][i % kTile] = sum;
            squares[i / kTile][i % kTile] = square;
        }
        __syncthreads();
        for (int i = threadIdx.x; i < kTile * kTile; i += kThreads) {
            const std::int64_t y = top + i / kTile;
            const std::int64_t x = left + i % kTile;
            if (y >= a.height || x >= a.width) { continue; }
            std::int32_t sum = 0;
            std::int64_t square = 0;
#pragma unroll
            for (int k = 0; k < body::kWindow; ++k) {
                sum += sums[i / kTile + k][i % kTile];
                square += squares[i / kTile + k][i % kTile];
            }
            const std::int32_t count = body::inside(y, a.height) * body::inside(x, a.width);
            a.out[(face * a.height + y) * a.width + x] = body::deviation(count, sum, square);
        }
    }
}

}  // namespace

void local_contrast(const LocalContrast& a, const Place& place) {
    const DeviceGuard guard(place.index);
    const std::int64_t tiles = ((a.height + kTile - 1) / kTile) * ((a.width + kTile - 1) / kTile);
    const dim3 grid(static_cast<unsigned>(tiles), grid_for(1, a.count).y);
    measure<<<grid, kThreads, 0, stream_of(place.stream)>>>(a);
    check(cudaGetLastError(), "local_contrast");
}

}  // namespace fiqx::cuda
