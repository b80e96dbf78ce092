#pragma once
/// `row_products`: weighted powers of rows, and cosines between rows.

#include <cstdint>
#include <optional>

#include "fiqx/tensor.hpp"

namespace fiqx {

/// Arguments of both loops. `weights` may be null: ones.
struct RowPower {
    const float* x;
    const double* weights;
    double* out;
    std::int64_t rows, width;
};

/// `references` is float64 where `wide`, else float32. `index` may be null: each row its own.
struct RowCosine {
    const float* x;
    const void* references;
    bool wide;
    const std::int64_t* index;
    double* out;
    std::int64_t rows, width, reference_rows;
};

/// (N, F) float32 and weights (F,) float64, or ones, to (N,) float64: Σ_k w_k x_k², a float64 sum in 128 lanes.
/// @throws InvalidInputError, DeviceMismatchError, CudaError
/// On CUDA the work is queued on the stream of the call; the host does not wait.
Tensor row_power(const Tensor& x, const std::optional<Tensor>& weights, const Output& out,
                 std::optional<std::uintptr_t> stream);

/// (K, D) float32 and references (n, D) float32 or float64 to (K,) float64: the cosine of row k and reference
/// index[k], 0 where either is zero or not finite. Float64 sums in 128 lanes.
///
/// `index` (K,) int64; without it n is K and row k has reference k. On the CPU an index outside 0 … n - 1 throws; on
/// CUDA, where the host cannot read it, it gives NaN.
Tensor row_cosine(const Tensor& x, const Tensor& references, const std::optional<Tensor>& index, const Output& out,
                  std::optional<std::uintptr_t> stream);

namespace cpu {
void row_power(const RowPower& args);
void row_cosine(const RowCosine& args);
}  // namespace cpu
namespace cuda {
void row_power(const RowPower& args, const Place& place);
void row_cosine(const RowCosine& args, const Place& place);
}  // namespace cuda

}  // namespace fiqx
