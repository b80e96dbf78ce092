#pragma once
/// `pair_spread`: the mean distance between m embeddings of one image.

#include <cstdint>
#include <optional>

#include "fiqx/tensor.hpp"

namespace fiqx {

/// Arguments of both loops.
struct PairSpread {
    const float* embeddings;
    double* out;
    std::int64_t count, rows, width;
};

/// (N, m, D) float32 to (N,) float64: the mean Euclidean distance over the m (m - 1) / 2 pairs of L2-normalised rows.
///
/// Norms are float64; distances are float32 sums of squared differences in 16 lanes; the distances are added in
/// float64: column sums S_j = d_0j + d_1j + …, then S_1 + S_2 + …. An image with a row that is zero or not finite gives
/// NaN.
/// @throws InvalidInputError, DeviceMismatchError, CudaError
/// On CUDA the work is queued on the stream of the call; the host does not wait.
Tensor pair_spread(const Tensor& embeddings, const Output& out, std::optional<std::uintptr_t> stream);

namespace cpu {
void pair_spread(const PairSpread& args);
}
namespace cuda {
void pair_spread(const PairSpread& args, const Place& place);
}

}  // namespace fiqx
