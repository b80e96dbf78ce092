#include "fiqx/face_input.hpp"

#include <algorithm>
#include <cmath>

#include "fiqx/body/face_input.hpp"
#include "fiqx/hd.hpp"
#include "fiqx/launch.hpp"
#include "fiqx/parallel.hpp"
#include "fiqx/stores.hpp"

namespace fiqx {
namespace {

// Pixels per block: its 48 KiB of float output stay in the second-level cache while the three planes are written.
constexpr std::int64_t kBlock = 4096;

template <int First>  // 0: R, G, B; 2: B, G, R
FIQX_HD void planes(const std::uint8_t* faces, float* out, std::int64_t n, std::int64_t pixels, const FaceInput& a) {
    float* __restrict p0 = out;
    float* __restrict p1 = out + pixels;
    float* __restrict p2 = out + 2 * pixels;
    const std::uint8_t* __restrict in = faces;
    for (std::int64_t i = 0; i < n; ++i) {
        p0[i] = body::normalise(in[3 * i + First], a.mean[0], a.std[0]);
        p1[i] = body::normalise(in[3 * i + 1], a.mean[1], a.std[1]);
        p2[i] = body::normalise(in[3 * i + 2 - First], a.mean[2], a.std[2]);
    }
}

FIQX_SIMD void rgb_planes(const std::uint8_t* in, float* out, std::int64_t n, std::int64_t pixels, const FaceInput& a) {
    planes<0>(in, out, n, pixels, a);
}

FIQX_SIMD void bgr_planes(const std::uint8_t* in, float* out, std::int64_t n, std::int64_t pixels, const FaceInput& a) {
    planes<2>(in, out, n, pixels, a);
}

FIQX_SIMD void gray_planes(const std::uint8_t* in, float* out, std::int64_t n, std::int64_t pixels,
                           const FaceInput& a) {
    for (std::int64_t i = 0; i < n; ++i) {
        const float y = body::luma(in[3 * i], in[3 * i + 1], in[3 * i + 2]);
        for (int c = 0; c < 3; ++c) { out[c * pixels + i] = body::normalise(y, a.mean[c], a.std[c]); }
    }
}

void block(const FaceInput& a, const std::uint8_t* in, float* out, std::int64_t n, std::int64_t pixels) {
    const auto write = a.color == Color::gray ? gray_planes : a.color == Color::bgr ? bgr_planes : rgb_planes;
    write(in, out, n, pixels, a);
}

// The three planes of a strip stay in the first-level cache between the formula and the conversion.
void half_block(const FaceInput& a, const std::uint8_t* in, std::uint16_t* out, std::int64_t n) {
    constexpr std::int64_t kStrip = 512;
    float planes[3 * kStrip];
    for (std::int64_t i = 0; i < n; i += kStrip) {
        const std::int64_t m = std::min(kStrip, n - i);
        block(a, in + 3 * i, planes, m, kStrip);
        for (int c = 0; c < 3; ++c) { store_half(planes + c * kStrip, out + c * a.pixels + i, m); }
    }
}

}  // namespace

void cpu::face_input(const FaceInput& a) {
    const std::int64_t blocks = (a.pixels + kBlock - 1) / kBlock;
    parallel_for(a.count * blocks, a.count * a.pixels, [&](std::int64_t job) {
        const std::int64_t face = job / blocks;
        const std::int64_t first = job % blocks * kBlock;
        const std::int64_t n = std::min(kBlock, a.pixels - first);
        const std::uint8_t* in = a.faces + (face * a.pixels + first) * 3;
        const std::int64_t at = face * 3 * a.pixels + first;
        if (a.half) {
            half_block(a, in, static_cast<std::uint16_t*>(a.out) + at, n);
        } else {
            block(a, in, static_cast<float*>(a.out) + at, n, a.pixels);
        }
    });
}

Tensor face_input(const Tensor& faces, const FaceInput& settings, const Output& out,
                  std::optional<std::uintptr_t> stream) {
    const Checker check("face_input");
    check.array(faces, DType::u8, "(N, H, W, 3)");
    FaceInput args = settings;
    for (int c = 0; c < 3; ++c) {
        check.require(std::isfinite(args.mean[c]), "mean must be finite");
        check.require(std::isfinite(args.std[c]) && args.std[c] > 0, "std must be finite and above 0");
    }
    const Place place = check.place({&faces}, stream);
    const Shape& s = faces.shape;
    const Tensor result = check.output(out, args.half ? DType::f16 : DType::f32, {s[0], 3, s[1], s[2]}, place);
    args.faces = faces.as<const std::uint8_t>();
    args.out = result.data;
    args.count = s[0];
    args.pixels = s[1] * s[2];
    if (args.count * args.pixels > 0) { FIQX_LAUNCH(place, face_input, args); }
    return result;
}

}  // namespace fiqx
