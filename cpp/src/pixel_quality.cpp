#include "fiqx/pixel_quality.hpp"

#include <cmath>
#include <string>

#include "fiqx/body/pixel_quality.hpp"
#include "fiqx/hd.hpp"
#include "fiqx/launch.hpp"
#include "fiqx/parallel.hpp"

namespace fiqx {
namespace {

using body::kNormLanes;

FIQX_SIMD double squared_norm(const float* x, std::int64_t n) {
    double lanes[kNormLanes] = {};
    std::int64_t i = 0;
    for (; i + kNormLanes <= n; i += kNormLanes) {
        for (int l = 0; l < kNormLanes; ++l) { lanes[l] = body::add_square(lanes[l], x[i + l]); }
    }
    for (int l = 0; i + l < n; ++l) { lanes[l] = body::add_square(lanes[l], x[i + l]); }
    return body::lane_sum<kNormLanes>(lanes);
}

FIQX_SIMD void write_weighted(const float* __restrict g, const float* __restrict contrast, std::int64_t pixels,
                              float factor, float ten_to_gamma, float* __restrict saliency, float* __restrict map) {
    for (std::int64_t i = 0; i < pixels; ++i) {
        const float s = body::saliency(g[i], g[pixels + i], g[2 * pixels + i], factor, contrast[i]);
        saliency[i] = s;
        map[i] = body::quality(s, ten_to_gamma);
    }
}

FIQX_SIMD void write_maps(const float* __restrict g, std::int64_t pixels, float factor, float ten_to_gamma,
                          float* __restrict saliency, float* __restrict map) {
    for (std::int64_t i = 0; i < pixels; ++i) {
        const float s = body::saliency(g[i], g[pixels + i], g[2 * pixels + i], factor);
        saliency[i] = s;
        map[i] = body::quality(s, ten_to_gamma);
    }
}

}  // namespace

void cpu::pixel_quality(const PixelQuality& a) {
    parallel_for(a.count, a.count * a.pixels * 4, [&](std::int64_t image) {
        const float* gradient = a.gradient + image * 3 * a.pixels;
        double scale = std::fabs(a.scale[image]);
        a.clipped[image] = false;
        if (a.clip >= 0.0) {
            const double factor = body::clip_factor(std::sqrt(squared_norm(gradient, 3 * a.pixels)) * scale, a.clip);
            a.clipped[image] = factor < 1.0;
            scale *= factor;
        }
        const auto factor = static_cast<float>(scale / 3.0);
        float* saliency = a.saliency + image * a.pixels;
        float* map = a.maps + image * a.pixels;
        if (a.contrast != nullptr) {
            write_weighted(gradient, a.contrast + image * a.pixels, a.pixels, factor, a.ten_to_gamma, saliency, map);
        } else {
            write_maps(gradient, a.pixels, factor, a.ten_to_gamma, saliency, map);
        }
    });
}

void pixel_quality(const Tensor& gradient, const Tensor& scale, const std::optional<Tensor>& contrast, double gamma,
                   std::optional<double> clip, const Output& maps, const Output& saliency, const Output& clipped,
                   std::optional<std::uintptr_t> stream) {
    const Checker check("pixel_quality");
    check.array(gradient, DType::f32, "(N, 3, H, W)");
    check.array(scale, DType::f64, "(N,)");
    const Shape& s = gradient.shape;
    check.shape(scale, {s[0]}, "(N,) of gradient");
    if (contrast) {
        check.array(*contrast, DType::f32, "(N, H, W)");
        check.shape(*contrast, {s[0], s[2], s[3]}, "(N, H, W) of gradient");
    }
    check.require(std::fabs(gamma) <= 30.0,
                  "gamma is " + std::to_string(gamma) + ", wanted a number in [-30, 30]; 7.5 is ArcFace's");
    check.require(!clip || (std::isfinite(*clip) && *clip > 0.0),
                  "clip is " + std::to_string(clip.value_or(0.0)) + ", wanted a norm above 0, or None");
    const Place place = check.place({&gradient, &scale, contrast ? &*contrast : &scale}, stream);
    const Tensor map = check.output(maps, DType::f32, {s[0], s[2], s[3]}, place);
    const Tensor raw = check.output(saliency, DType::f32, {s[0], s[2], s[3]}, place);
    const Tensor flags = check.output(clipped, DType::boolean, {s[0]}, place);
    const PixelQuality args{gradient.as<const float>(),
                            scale.as<const double>(),
                            contrast ? contrast->as<const float>() : nullptr,
                            map.as<float>(),
                            raw.as<float>(),
                            flags.as<bool>(),
                            s[0],
                            s[2] * s[3],
                            static_cast<float>(std::pow(10.0, gamma)),
                            clip.value_or(-1.0)};
    if (args.count > 0) { FIQX_LAUNCH(place, pixel_quality, args); }
}

}  // namespace fiqx
