#pragma once
// Sums down the columns of a matrix whose order is fixed: one thread per column adds, all threads of the block load.

#include "launch.cuh"

namespace fiqx::cuda {

/// For every row from first to last: `take(of_row(row), value)` in the thread of each column, threads 0 … Columns - 1.
///
/// `data` points to the first of `columns` (at most Columns) neighbouring columns of a matrix with `stride` columns.
/// Tiles of `Rows` rows go through shared memory, two by turns: the loads of one are under way while another is added.
template <int Columns, int Rows, class OfRow, class Take>
__device__ void down_columns(const float* data, std::int64_t rows, std::int64_t stride, std::int64_t columns,
                             const OfRow& of_row, const Take& take) {
    static_assert(kThreads % Columns == 0 && Columns * Rows % kThreads == 0 && Columns + Rows <= kThreads);
    constexpr int kStep = kThreads / Columns;  // rows that are loaded side by side
    constexpr int kLoads = Rows / kStep;
    using Common = decltype(of_row(rows));
    __shared__ float tiles[2][Rows][Columns];
    __shared__ Common common[2][Rows];
    const int column = threadIdx.x % Columns;
    const int first = threadIdx.x / Columns;
    const int helper = static_cast<int>(threadIdx.x) - (kThreads - Rows);  // 0 or more: does what rows have in common
    float next[kLoads];
    const auto fetch = [&](std::int64_t top) {
#pragma unroll
        for (int k = 0; k < kLoads; ++k) {
            const std::int64_t row = top + first + k * kStep;
            next[k] = row < rows && column < columns ? data[row * stride + column] : 0.0F;
        }
    };
    fetch(0);
    __syncthreads();  // all reads of an earlier call are done
    int turn = 0;
    for (std::int64_t top = 0; top < rows; top += Rows) {
#pragma unroll
        for (int k = 0; k < kLoads; ++k) { tiles[turn][first + k * kStep][column] = next[k]; }
        if (helper >= 0 && top + helper < rows) { common[turn][helper] = of_row(top + helper); }
        __syncthreads();
        fetch(top + Rows);
        const int present = static_cast<int>(rows - top < Rows ? rows - top : Rows);
        if (threadIdx.x < columns) {
#pragma unroll 8
            for (int r = 0; r < present; ++r) { take(common[turn][r], tiles[turn][r][column]); }
        }
        turn = 1 - turn;
    }
}

}  // namespace fiqx::cuda
