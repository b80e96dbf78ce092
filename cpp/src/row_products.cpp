#include "fiqx/row_products.hpp"

#include <algorithm>
#include <string>

#include "fiqx/body/row_products.hpp"
#include "fiqx/hd.hpp"
#include "fiqx/launch.hpp"
#include "fiqx/parallel.hpp"

namespace fiqx {
namespace {

using body::kRowLanes;

/// `add(l, i)` for every term i of its lane l.
template <class Add>
FIQX_HD void over_lanes(std::int64_t n, const Add& add) {
    std::int64_t i = 0;
    for (; i + kRowLanes <= n; i += kRowLanes) {
        for (int l = 0; l < kRowLanes; ++l) { add(l, i + l); }
    }
    for (int l = 0; i + l < n; ++l) { add(l, i + l); }
}

FIQX_SIMD double plain_power(const float* x, std::int64_t n) {
    double lanes[kRowLanes] = {};
    over_lanes(n, [&](int l, std::int64_t i) { lanes[l] = body::add_square(lanes[l], x[i]); });
    return body::lane_sum<kRowLanes>(lanes);
}

FIQX_SIMD double weighted_power(const float* x, const double* weights, std::int64_t n) {
    double lanes[kRowLanes] = {};
    over_lanes(n, [&](int l, std::int64_t i) { lanes[l] = body::add_power(lanes[l], x[i], weights[i]); });
    return body::lane_sum<kRowLanes>(lanes);
}

template <class Reference>
FIQX_HD double cosine_of(const float* x, const Reference* y, std::int64_t n) {
    double both[kRowLanes] = {};
    double first[kRowLanes] = {};
    double second[kRowLanes] = {};
    over_lanes(n, [&](int l, std::int64_t i) {
        both[l] = body::add_product(both[l], x[i], y[i]);
        first[l] = body::add_square(first[l], x[i]);
        second[l] = body::add_square(second[l], y[i]);
    });
    return body::cosine(
        {body::lane_sum<kRowLanes>(both), body::lane_sum<kRowLanes>(first), body::lane_sum<kRowLanes>(second)});
}

FIQX_SIMD double narrow_cosine(const float* x, const float* y, std::int64_t n) { return cosine_of(x, y, n); }
FIQX_SIMD double wide_cosine(const float* x, const double* y, std::int64_t n) { return cosine_of(x, y, n); }

/// `row(k)` for every row, in parallel blocks of some ten thousand values.
template <class Row>
void over_rows(std::int64_t rows, std::int64_t width, const Row& row) {
    const std::int64_t size = std::max<std::int64_t>(1, 16384 / std::max<std::int64_t>(1, width));
    parallel_for((rows + size - 1) / size, rows * width, [&](std::int64_t block) {
        const std::int64_t end = std::min(rows, (block + 1) * size);
        for (std::int64_t k = block * size; k < end; ++k) { row(k); }
    });
}

void check_index(const Checker& check, const Tensor& index, std::int64_t references) {
    const auto* values = index.as<const std::int64_t>();
    for (std::int64_t k = 0; k < index.size(); ++k) {
        check.require(values[k] >= 0 && values[k] < references, "index has " + std::to_string(values[k]) +
                                                                    ", wanted 0 … " + std::to_string(references - 1) +
                                                                    ", the rows of references");
    }
}

}  // namespace

void cpu::row_power(const RowPower& a) {
    over_rows(a.rows, a.width, [&](std::int64_t k) {
        const float* x = a.x + k * a.width;
        a.out[k] = a.weights == nullptr ? plain_power(x, a.width) : weighted_power(x, a.weights, a.width);
    });
}

void cpu::row_cosine(const RowCosine& a) {
    over_rows(a.rows, a.width, [&](std::int64_t k) {
        const float* x = a.x + k * a.width;
        const std::int64_t at = (a.index == nullptr ? k : a.index[k]) * a.width;
        a.out[k] = a.wide ? wide_cosine(x, static_cast<const double*>(a.references) + at, a.width)
                          : narrow_cosine(x, static_cast<const float*>(a.references) + at, a.width);
    });
}

Tensor row_power(const Tensor& x, const std::optional<Tensor>& weights, const Output& out,
                 std::optional<std::uintptr_t> stream) {
    const Checker check("row_power");
    check.array(x, DType::f32, "(N, F)");
    if (weights) {
        check.array(*weights, DType::f64, "(F,)");
        check.shape(*weights, {x.shape[1]}, "(F,) of x");
    }
    const Place place = check.place({&x, weights ? &*weights : &x}, stream);
    const Tensor result = check.output(out, DType::f64, {x.shape[0]}, place);
    const RowPower args{x.as<const float>(), weights ? weights->as<const double>() : nullptr, result.as<double>(),
                        x.shape[0], x.shape[1]};
    if (args.rows > 0) { FIQX_LAUNCH(place, row_power, args); }
    return result;
}

Tensor row_cosine(const Tensor& x, const Tensor& references, const std::optional<Tensor>& index, const Output& out,
                  std::optional<std::uintptr_t> stream) {
    const Checker check("row_cosine");
    check.array(x, DType::f32, "(K, D)");
    const bool wide = references.dtype == DType::f64;
    check.array(references, wide ? DType::f64 : DType::f32, "(n, D)");
    const std::int64_t rows = x.shape[0];
    check.shape(references, {index ? references.shape[0] : rows, x.shape[1]},
                index ? "(n, D), with the D of x" : "(K, D) of x; give an index to compare with other rows");
    if (index) {
        check.array(*index, DType::i64, "(K,)");
        check.shape(*index, {rows}, "(K,) of x");
    }
    const Place place = check.place({&x, &references, index ? &*index : &x}, stream);
    if (index && place.device == Device::cpu) { check_index(check, *index, references.shape[0]); }
    const Tensor result = check.output(out, DType::f64, {rows}, place);
    const RowCosine args{x.as<const float>(),
                         references.data,
                         wide,
                         index ? index->as<const std::int64_t>() : nullptr,
                         result.as<double>(),
                         rows,
                         x.shape[1],
                         references.shape[0]};
    if (args.rows > 0) { FIQX_LAUNCH(place, row_cosine, args); }
    return result;
}

}  // namespace fiqx
