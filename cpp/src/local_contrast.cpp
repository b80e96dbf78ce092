#include "fiqx/local_contrast.hpp"

#include <algorithm>

#include "fiqx/body/local_contrast.hpp"
#include "fiqx/hd.hpp"
#include "fiqx/launch.hpp"
#include "fiqx/parallel.hpp"

namespace fiqx {
namespace {

using body::kReach;

constexpr std::int64_t kRows = 32;      // of a job: a strip of one face
constexpr std::int64_t kColumns = 256;  // of a block, whose sums stay in the first-level cache

/// Sums down the columns of a block and of its neighbours to either side; zeros beyond the picture.
struct Sums {
    std::int32_t grey[kColumns + 2 * kReach] = {};
    std::int64_t squares[kColumns + 2 * kReach] = {};
};

FIQX_SIMD void add_row(const std::uint8_t* __restrict row, std::int64_t n, std::int32_t sign,
                       std::int32_t* __restrict grey, std::int64_t* __restrict squares) {
    for (std::int64_t i = 0; i < n; ++i) {
        const std::int32_t x = body::grey(row[3 * i], row[3 * i + 1], row[3 * i + 2]);
        grey[i] += sign * x;
        squares[i] += std::int64_t{sign * x} * x;
    }
}

FIQX_SIMD void write_row(const Sums& sums, std::int64_t first, std::int64_t n, std::int64_t width, std::int32_t rows,
                         float* __restrict out) {
    for (std::int64_t i = 0; i < n; ++i) {
        std::int32_t sum = 0;
        std::int64_t squares = 0;
        FIQX_UNROLL
        for (int k = 0; k < body::kWindow; ++k) {
            sum += sums.grey[i + k];
            squares += sums.squares[i + k];
        }
        out[i] = body::deviation(rows * body::inside(first + i, width), sum, squares);
    }
}

/// The rows `top` to `bottom` of the columns `first` to `first + n` of a face: a row comes in below, one goes above.
void block(const LocalContrast& a, std::int64_t face, std::int64_t top, std::int64_t first, std::int64_t n) {
    const std::int64_t bottom = std::min(top + kRows, a.height);
    const std::int64_t left = std::max<std::int64_t>(first - kReach, 0);
    const std::int64_t right = std::min(first + n + kReach, a.width);
    Sums sums;
    const auto add = [&](std::int64_t y, std::int32_t sign) {
        if (y < 0 || y >= a.height) { return; }
        const std::int64_t at = left - first + kReach;
        add_row(a.faces + ((face * a.height + y) * a.width + left) * 3, right - left, sign, sums.grey + at,
                sums.squares + at);
    };
    for (std::int64_t y = top - kReach; y < top + kReach; ++y) { add(y, 1); }
    for (std::int64_t y = top; y < bottom; ++y) {
        add(y + kReach, 1);
        write_row(sums, first, n, a.width, body::inside(y, a.height), a.out + (face * a.height + y) * a.width + first);
        add(y - kReach, -1);
    }
}

}  // namespace

void cpu::local_contrast(const LocalContrast& a) {
    const std::int64_t strips = (a.height + kRows - 1) / kRows;
    parallel_for(a.count * strips, a.count * a.height * a.width * 8, [&](std::int64_t job) {
        for (std::int64_t first = 0; first < a.width; first += kColumns) {
            block(a, job / strips, job % strips * kRows, first, std::min(kColumns, a.width - first));
        }
    });
}

Tensor local_contrast(const Tensor& faces, const Output& out, std::optional<std::uintptr_t> stream) {
    const Checker check("local_contrast");
    check.array(faces, DType::u8, "(N, H, W, 3)");
    const Shape& s = faces.shape;
    const Place place = check.place({&faces}, stream);
    const Tensor result = check.output(out, DType::f32, {s[0], s[1], s[2]}, place);
    const LocalContrast args{faces.as<const std::uint8_t>(), result.as<float>(), s[0], s[1], s[2]};
    if (result.size() > 0) { FIQX_LAUNCH(place, local_contrast, args); }
    return result;
}

}  // namespace fiqx
