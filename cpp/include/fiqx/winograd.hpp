#pragma once
/// Convolutions along a row with fewer products: four neighbouring results of three taps from six products, not twelve
/// (S. Winograd, 1980; A. Lavin, S. Gray, 2016: F(4, 3)). A tile of six pixels, of which the next tile has the last
/// two, becomes six parts; each part times the same part of the kernel, summed over channels and rows, gives the
/// products of four pixels.

#include <cstdint>

#include "fiqx/registers.hpp"

namespace fiqx::winograd {

constexpr int kPixels = 4;  // of a result, from one tile to the next
constexpr int kParts = 6;

/// The parts of a kernel's three taps.
FIQX_HD void kernel_parts(float a, float b, float c, float (&parts)[kParts]) {
    parts[0] = a / 4;
    parts[1] = -(a + b + c) / 6;
    parts[2] = -(a - b + c) / 6;
    parts[3] = (a + 2 * b + 4 * c) / 24;
    parts[4] = (a - 2 * b + 4 * c) / 24;
    parts[5] = c;
}

/// The parts of a tile, `Step` numbers from one pixel to the next and from one part to the next.
template <int Lanes, int Step>
FIQX_HD void tile_parts(const float* in, float* out) {
    for (int c = 0; c < Step; c += Lanes, in += Lanes, out += Lanes) {
        const auto& d0 = lanes<Lanes>(in);
        const auto& d1 = lanes<Lanes>(in + Step);
        const auto& d2 = lanes<Lanes>(in + 2 * Step);
        const auto& d3 = lanes<Lanes>(in + 3 * Step);
        const auto& d4 = lanes<Lanes>(in + 4 * Step);
        const auto& d5 = lanes<Lanes>(in + 5 * Step);
        const Lane<Lanes> even4 = d4 - 4 * d2;
        const Lane<Lanes> odd4 = d3 - 4 * d1;
        const Lane<Lanes> even1 = d4 - d2;
        const Lane<Lanes> odd2 = 2 * (d3 - d1);
        lanes<Lanes>(out) = 4 * d0 - 5 * d2 + d4;
        lanes<Lanes>(out + Step) = even4 + odd4;
        lanes<Lanes>(out + 2 * Step) = even4 - odd4;
        lanes<Lanes>(out + 3 * Step) = even1 + odd2;
        lanes<Lanes>(out + 4 * Step) = even1 - odd2;
        lanes<Lanes>(out + 5 * Step) = 4 * d1 - 5 * d3 + d5;
    }
}

/// The four results of six products, `step` numbers apart.
template <int Lanes>
FIQX_HD void results(const float* products, std::int64_t step, Lane<Lanes> (&of)[kPixels]) {
    const auto& m0 = lanes<Lanes>(products);
    const auto& m1 = lanes<Lanes>(products + step);
    const auto& m2 = lanes<Lanes>(products + 2 * step);
    const auto& m3 = lanes<Lanes>(products + 3 * step);
    const auto& m4 = lanes<Lanes>(products + 4 * step);
    const Lane<Lanes> sum1 = m1 + m2;
    const Lane<Lanes> sum2 = m3 + m4;
    const Lane<Lanes> difference1 = m1 - m2;
    const Lane<Lanes> difference2 = m3 - m4;
    of[0] = m0 + sum1 + sum2;
    of[1] = difference1 + 2 * difference2;
    of[2] = sum1 + 4 * sum2;
    of[3] = difference1 + 8 * difference2 + lanes<Lanes>(products + 5 * step);
}

}  // namespace fiqx::winograd
