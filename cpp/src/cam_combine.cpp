#include "fiqx/cam_combine.hpp"

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "fiqx/hd.hpp"
#include "fiqx/launch.hpp"
#include "fiqx/parallel.hpp"
#include "fiqx/upsample.hpp"

namespace fiqx {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

FIQX_SIMD void add_channel(double* __restrict sums, float weight, const float* __restrict channel, std::int64_t n,
                           const body::CombineRule& rule) {
    for (std::int64_t i = 0; i < n; ++i) { sums[i] = body::add_weighted(sums[i], weight, channel[i], rule); }
}

/// Limits of a finite array; NaN, NaN of another.
body::Limits safe_limits(const float* x, std::int64_t n) {
    if (!cpu::all_finite(x, n)) { return {kNaN, kNaN}; }
    return cpu::limits_of(x, n);
}

void finish(float* x, std::int64_t n, const body::Limits& limits) {
    for (std::int64_t i = 0; i < n; ++i) { x[i] = body::finished(x[i], limits); }
}

void make_grid(const CamCombine& a, std::int64_t image, float* grid) {
    const std::int64_t cells = a.h * a.w;
    thread_local std::vector<double> sums;
    sums.assign(static_cast<std::size_t>(cells), 0.0);
    for (std::int64_t c = 0; c < a.channels; ++c) {
        const std::int64_t channel = image * a.channels + c;
        if (!body::counts(a.weights[channel])) { continue; }
        add_channel(sums.data(), a.weights[channel], a.activations + channel * cells, cells, a.rule);
    }
    for (std::int64_t i = 0; i < cells; ++i) { grid[i] = body::cell(sums[static_cast<std::size_t>(i)], a.rule); }
    if (a.rule.minmax_twice) { finish(grid, cells, safe_limits(grid, cells)); }
}

}  // namespace

void cpu::cam_combine(const CamCombine& a) {
    const Upsampler upsample(a.h, a.w, a.H, a.W, a.rule.align_corners);
    const std::int64_t pixels = a.H * a.W;
    parallel_for(a.count, a.count * (pixels * 4 + a.channels * a.h * a.w), [&](std::int64_t image) {
        float* grid = a.grids + image * a.h * a.w;
        float* map = a.maps + image * pixels;
        make_grid(a, image, grid);
        upsample(grid, map);
        for (std::int64_t i = 0; i < pixels; ++i) { map[i] = body::pixel(map[i], a.rule); }
        const body::Limits limits = safe_limits(map, pixels);
        finish(map, pixels, limits);
        a.limits[2 * image] = limits.low;
        a.limits[2 * image + 1] = limits.high;
    });
}

void cam_combine(const Tensor& activations, const Tensor& weights, std::int64_t H, std::int64_t W,
                 body::CombineRule rule, const Output& maps, const Output& grids, const Output& limits,
                 std::optional<std::uintptr_t> stream) {
    const Checker check("cam_combine");
    check.array(activations, DType::f32, "(N, C, h, w)");
    check.array(weights, DType::f32, "(N, C)");
    const Shape& s = activations.shape;
    check.shape(weights, {s[0], s[1]}, "(N, C) of activations");
    check.require(H > 0 && W > 0, "size is " + shape_text({H, W}) + ", wanted a height and a width above 0");
    check.require(s[0] == 0 || s[2] * s[3] > 0, "activations has shape " + shape_text(s) + ", without cells");
    const Place place = check.place({&activations, &weights}, stream);
    const Tensor map = check.output(maps, DType::f32, {s[0], H, W}, place);
    const Tensor grid = check.output(grids, DType::f32, {s[0], s[2], s[3]}, place);
    const Tensor limit = check.output(limits, DType::f32, {s[0], 2}, place);
    const CamCombine args{activations.as<const float>(),
                          weights.as<const float>(),
                          map.as<float>(),
                          grid.as<float>(),
                          limit.as<float>(),
                          s[0],
                          s[1],
                          s[2],
                          s[3],
                          H,
                          W,
                          rule};
    if (args.count > 0) { FIQX_LAUNCH(place, cam_combine, args); }
}

}  // namespace fiqx
