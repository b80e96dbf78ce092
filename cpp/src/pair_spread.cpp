#include "fiqx/pair_spread.hpp"

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "fiqx/body/pair_spread.hpp"
#include "fiqx/hd.hpp"
#include "fiqx/launch.hpp"
#include "fiqx/parallel.hpp"
#include "fiqx/vector.hpp"

namespace fiqx {
namespace {

static_assert(body::kLanes == kLanes, "a lane per element of the vector");

/// Sixteen components of a normalised row: one cache line.
struct alignas(64) Line {
    float value[kLanes];
};

FIQX_HD const Floats& lanes_of(const Line& line) { return *reinterpret_cast<const Floats*>(line.value); }

/// Normalises one row into `out`, padded with zeros to whole lanes. False if the row has no direction.
FIQX_SIMD bool normalise_row(const float* row, std::int64_t width, float* out, std::int64_t stride) {
    double lanes[kLanes] = {};
    std::int64_t d = 0;
    for (; d + kLanes <= width; d += kLanes) {
        for (int l = 0; l < kLanes; ++l) { lanes[l] = body::add_square(lanes[l], row[d + l]); }
    }
    for (int l = 0; d + l < width; ++l) { lanes[l] = body::add_square(lanes[l], row[d + l]); }
    const double norm = std::sqrt(body::lane_sum<kLanes>(lanes));
    if (!(norm > 0.0) || !std::isfinite(norm)) { return false; }
    const double inverse = 1.0 / norm;
    for (d = 0; d < width; ++d) { out[d] = body::scaled(row[d], inverse); }
    for (; d < stride; ++d) { out[d] = 0.0F; }
    return true;
}

/// Distances between row `a` and `Count` consecutive rows from `b` on.
template <int Count>
FIQX_HD void distances(const Line* a, const Line* b, std::int64_t steps, double* sums) {
    Floats sum[Count] = {};
    for (std::int64_t s = 0; s < steps; ++s) {
        const Floats x = lanes_of(a[s]);
        for (int k = 0; k < Count; ++k) { body::add_squared_difference(sum[k], x, lanes_of(b[k * steps + s])); }
    }
    for (int k = 0; k < Count; ++k) {
        Line lanes;
        std::memcpy(&lanes, &sum[k], sizeof lanes);
        sums[k] += static_cast<double>(std::sqrt(body::lane_sum<kLanes>(lanes.value)));
    }
}

/// Adds d_ij to the column sums of all j > i.
FIQX_SIMD void add_row(const Line* rows, std::int64_t i, std::int64_t count, std::int64_t steps, double* columns) {
    const Line* a = rows + i * steps;
    std::int64_t j = i + 1;
    for (; j + 8 <= count; j += 8) { distances<8>(a, rows + j * steps, steps, columns + j); }
    for (; j < count; ++j) { distances<1>(a, rows + j * steps, steps, columns + j); }
}

double image_spread(const PairSpread& p, const float* embeddings, Line* rows, double* columns) {
    const std::int64_t steps = (p.width + kLanes - 1) / kLanes;
    for (std::int64_t i = 0; i < p.rows; ++i) {
        columns[i] = 0.0;
        if (!normalise_row(embeddings + i * p.width, p.width, rows[i * steps].value, steps * kLanes)) {
            return std::numeric_limits<double>::quiet_NaN();
        }
    }
    for (std::int64_t i = 0; i < p.rows; ++i) { add_row(rows, i, p.rows, steps, columns); }
    double sum = 0.0;
    for (std::int64_t j = 1; j < p.rows; ++j) { sum += columns[j]; }
    return sum / (0.5 * static_cast<double>(p.rows) * static_cast<double>(p.rows - 1));
}

}  // namespace

void cpu::pair_spread(const PairSpread& p) {
    const std::int64_t steps = (p.width + kLanes - 1) / kLanes;
    parallel_for(p.count, p.count * p.rows * p.rows * p.width, [&](std::int64_t image) {
        thread_local std::vector<Line> rows;
        thread_local std::vector<double> columns;
        rows.resize(static_cast<std::size_t>(p.rows * steps));
        columns.resize(static_cast<std::size_t>(p.rows));
        p.out[image] = image_spread(p, p.embeddings + image * p.rows * p.width, rows.data(), columns.data());
    });
}

Tensor pair_spread(const Tensor& embeddings, const Output& out, std::optional<std::uintptr_t> stream) {
    const Checker check("pair_spread");
    check.array(embeddings, DType::f32, "(N, m, D)");
    const Shape& s = embeddings.shape;
    check.require(s[1] >= 2, "embeddings has shape " + shape_text(s) + ", wanted m of 2 or more: a spread needs pairs");
    const Place place = check.place({&embeddings}, stream);
    const Tensor result = check.output(out, DType::f64, {s[0]}, place);
    const PairSpread args{embeddings.as<const float>(), result.as<double>(), s[0], s[1], s[2]};
    if (args.count > 0) { FIQX_LAUNCH(place, pair_spread, args); }
    return result;
}

}  // namespace fiqx
