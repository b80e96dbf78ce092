#include "fiqx/cam_masks.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "fiqx/hd.hpp"
#include "fiqx/launch.hpp"
#include "fiqx/parallel.hpp"
#include "fiqx/stores.hpp"
#include "fiqx/upsample.hpp"

namespace fiqx {
namespace {

FIQX_SIMD void multiply(const float* __restrict mask, const float* __restrict face, float* __restrict out,
                        std::int64_t n) {
    for (std::int64_t i = 0; i < n; ++i) { out[i] = body::masked(mask[i], face[i]); }
}

void multiply_half(const float* mask, const float* face, std::uint16_t* out, std::int64_t n) {
    constexpr std::int64_t kStrip = 1024;
    float strip[kStrip];
    for (std::int64_t i = 0; i < n; i += kStrip) {
        const std::int64_t m = std::min(kStrip, n - i);
        multiply(mask + i, face + i, strip, m);
        store_half(strip, out + i, m);
    }
}

/// Scales to [0, 1] (or by the range alone); false if there is no range.
bool scale_mask(float* x, std::int64_t n, const body::MaskRule& rule) {
    const body::Limits limits = cpu::limits_of(x, n);
    if (!body::has_range(limits)) { return false; }
    cpu::scale_in_place(x, n, body::mask_low(limits, rule), limits.high - limits.low);
    return true;
}

/// The mask of one channel; false if it has none.
bool make_mask(const CamMasks& a, const cpu::Upsampler& upsample, const float* channel, float* mask) {
    thread_local std::vector<float> grid;
    grid.assign(channel, channel + a.h * a.w);
    if (!cpu::all_finite(grid.data(), a.h * a.w)) { return false; }
    for (float& value : grid) { value = body::activation(value, a.rule); }
    if (a.rule.scale_first && !scale_mask(grid.data(), a.h * a.w, a.rule)) { return false; }
    upsample(grid.data(), mask);
    return a.rule.scale_first || scale_mask(mask, a.H * a.W, a.rule);
}

}  // namespace

void cpu::cam_masks(const CamMasks& a) {
    const Upsampler upsample(a.h, a.w, a.H, a.W, a.rule.align_corners);
    const std::int64_t pixels = a.H * a.W;
    parallel_for(a.count, a.count * pixels * 4, [&](std::int64_t k) {
        thread_local std::vector<float> mask;
        mask.resize(static_cast<std::size_t>(pixels));
        if (!make_mask(a, upsample, a.activations + a.channels[k] * a.h * a.w, mask.data())) {
            std::fill(mask.begin(), mask.end(), 0.0F);
        }
        for (std::int64_t c = 0; c < 3; ++c) {
            const std::int64_t at = (3 * k + c) * pixels;
            const float* face = a.face + c * pixels;
            if (a.half) {
                multiply_half(mask.data(), face, static_cast<std::uint16_t*>(a.out) + at, pixels);
            } else {
                multiply(mask.data(), face, static_cast<float*>(a.out) + at, pixels);
            }
        }
    });
}

void cpu::cam_constant(const CamConstant& a) {
    for (std::int64_t map = 0; map < a.maps; ++map) {
        const float* x = a.activations + map * a.cells;
        body::Limits limits{x[0], x[0]};
        for (std::int64_t i = 0; i < a.cells; ++i) { body::widen(limits, x[i]); }
        if (a.relu) { limits = {body::relu(limits.low), body::relu(limits.high)}; }
        a.out[map] = !(all_finite(x, a.cells) && body::has_range(limits));
    }
}

Tensor cam_masks(const Tensor& activations, const Tensor& face, const Tensor& channels, bool half, body::MaskRule rule,
                 const Output& out, std::optional<std::uintptr_t> stream) {
    const Checker check("cam_masks");
    check.array(activations, DType::f32, "(C, h, w)");
    check.array(face, DType::f32, "(3, H, W)");
    check.array(channels, DType::i64, "(K,)");
    const Shape& s = activations.shape;
    const std::int64_t count = channels.shape[0];
    check.require(count == 0 || (activations.size() > 0 && face.size() > 0),
                  "activations " + shape_text(s) + " or face " + shape_text(face.shape) + " is empty");
    const auto* index = channels.as<const std::int64_t>();
    for (std::int64_t k = 0; k < count; ++k) {
        check.require(index[k] >= 0 && index[k] < s[0], "channels has " + std::to_string(index[k]) + ", wanted 0 … " +
                                                            std::to_string(s[0] - 1) + ", the channels of activations");
    }
    const Place place = check.place({&activations, &face}, stream);
    const Tensor result =
        check.output(out, half ? DType::f16 : DType::f32, {count, 3, face.shape[1], face.shape[2]}, place);
    const CamMasks args{activations.as<const float>(),
                        face.as<const float>(),
                        index,
                        result.data,
                        half,
                        count,
                        s[1],
                        s[2],
                        face.shape[1],
                        face.shape[2],
                        rule};
    if (count > 0) { FIQX_LAUNCH(place, cam_masks, args); }
    return result;
}

Tensor cam_constant(const Tensor& activations, bool relu, const Output& out, std::optional<std::uintptr_t> stream) {
    const Checker check("cam_constant");
    check.array(activations, DType::f32, "(N, C, h, w)");
    const Shape& s = activations.shape;
    const Place place = check.place({&activations}, stream);
    const Tensor result = check.output(out, DType::boolean, {s[0], s[1]}, place);
    check.require(result.size() == 0 || s[2] * s[3] > 0, "activations has shape " + shape_text(s) + ", without cells");
    const CamConstant args{activations.as<const float>(), result.as<bool>(), s[0] * s[1], s[2] * s[3], relu};
    if (args.maps > 0) { FIQX_LAUNCH(place, cam_constant, args); }
    return result;
}

}  // namespace fiqx
