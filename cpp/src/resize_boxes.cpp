#include "fiqx/resize_boxes.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "fiqx/body/resize_boxes.hpp"
#include "fiqx/body/upsample.hpp"
#include "fiqx/hd.hpp"

// Rows first, then columns: a row of the result is a weighted sum of rows of the picture, which are long and lie side
// by side in memory; what is left for the columns is as short as the result.

namespace fiqx {
namespace {

constexpr int kColors = 3;
constexpr std::int64_t kFarthest = std::int64_t{1} << 20;  // pixels from the corner: bounds the memory of a row

/// A pixel and one number that is not used: a vector of 16 bytes.
using Pixel = float __attribute__((vector_size(16), may_alias, aligned(4)));
using Levels = std::int32_t __attribute__((vector_size(16)));
using Bytes = std::uint8_t __attribute__((vector_size(4)));

/// How each of `to` pixels is made: of `taps` pixels from `first` on, with their weights.
struct Axis {
    std::int64_t taps;
    std::vector<std::int64_t> first;
    std::vector<float> weights;
};

Axis axis(std::int64_t from, std::int64_t to) {
    Axis made{std::min<std::int64_t>(from, 2), {}, {}};
    for (std::int64_t x = 0; x < to && from > to; ++x) { made.taps = std::max(made.taps, body::covered(x, from, to)); }
    made.weights.resize(static_cast<std::size_t>(to * made.taps));
    for (std::int64_t x = 0; x < to; ++x) {
        const body::Sample between = body::sample(x, from, to, false);
        const std::int64_t first = std::min(from > to ? x * from / to : between.low, from - made.taps);
        float* weights = &made.weights[static_cast<std::size_t>(x * made.taps)];
        for (std::int64_t t = 0; t < made.taps && from > to; ++t) { weights[t] = body::share(x, first + t, from, to); }
        if (from <= to) {
            weights[between.low - first] += 1.0F - between.t;
            weights[between.high - first] += between.t;
        }
        made.first.push_back(first);
    }
    return made;
}

FIQX_SIMD void add_row(const std::uint8_t* __restrict in, float weight, std::int64_t n, float* __restrict out) {
    for (std::int64_t i = 0; i < n; ++i) { out[i] += weight * static_cast<float>(in[i]); }
}

FIQX_HD Bytes pixel(const float* in, const float* weights, std::int64_t taps) {
    Pixel sum = {0.5F, 0.5F, 0.5F, 0.5F};
    for (std::int64_t t = 0; t < taps; ++t) { sum += weights[t] * *reinterpret_cast<const Pixel*>(in + t * kColors); }
    return __builtin_convertvector(__builtin_convertvector(sum, Levels), Bytes);
}

/// A row of the result. Each pixel but the last writes a byte too many, which the next one overwrites. Most means are
/// of two to four pixels: a loop of known length takes half the time.
template <int Taps>
FIQX_HD void pixels(const float* line, const std::int64_t* first, const float* weights, std::int64_t taps,
                    std::int64_t last, std::uint8_t* out) {
    const std::int64_t n = Taps > 0 ? Taps : taps;
    for (std::int64_t x = 0; x < last; ++x) {
        const Bytes bytes = pixel(line + first[x] * kColors, weights + x * n, n);
        std::memcpy(out + x * kColors, &bytes, 4);
    }
    const Bytes bytes = pixel(line + first[last] * kColors, weights + last * n, n);
    std::memcpy(out + last * kColors, &bytes, kColors);
}

FIQX_SIMD void write_row(const float* line, const std::int64_t* first, const float* weights, std::int64_t taps,
                         std::int64_t last, std::uint8_t* out) {
    switch (taps) {
        case 2: pixels<2>(line, first, weights, taps, last, out); break;
        case 3: pixels<3>(line, first, weights, taps, last, out); break;
        case 4: pixels<4>(line, first, weights, taps, last, out); break;
        default: pixels<0>(line, first, weights, taps, last, out);
    }
}

void resize(const ResizeBoxes& a, const std::int64_t* box, std::vector<float>& line, std::uint8_t* out) {
    const Axis columns = axis(box[2] - box[0], a.width);
    const Axis rows = axis(box[3] - box[1], a.height);
    const std::int64_t left = std::clamp<std::int64_t>(box[0], 0, a.W);
    const std::int64_t right = std::clamp<std::int64_t>(box[2], left, a.W);
    line.resize(static_cast<std::size_t>((box[2] - box[0]) * kColors + 1));
    for (std::int64_t y = 0; y < a.height; ++y) {
        std::fill(line.begin(), line.end(), 0.0F);
        for (std::int64_t t = 0; t < rows.taps; ++t) {
            const std::int64_t row = box[1] + rows.first[static_cast<std::size_t>(y)] + t;
            const float weight = rows.weights[static_cast<std::size_t>(y * rows.taps + t)];
            if (row < 0 || row >= a.H || weight == 0.0F) { continue; }
            add_row(a.picture + (row * a.W + left) * kColors, weight, (right - left) * kColors,
                    &line[static_cast<std::size_t>((left - box[0]) * kColors)]);
        }
        write_row(line.data(), columns.first.data(), columns.weights.data(), columns.taps, a.width - 1,
                  out + y * a.width * kColors);
    }
}

}  // namespace

void cpu::resize_boxes(const ResizeBoxes& a) {
    std::vector<float> line;
    for (std::int64_t k = 0; k < a.count; ++k) {
        resize(a, a.boxes + 4 * k, line, a.out + k * a.height * a.width * kColors);
    }
}

Tensor resize_boxes(const Tensor& picture, const Tensor& boxes, std::int64_t height, std::int64_t width,
                    const Output& out) {
    const Checker check("resize_boxes");
    check.array(picture, DType::u8, "(H, W, 3)");
    check.array(boxes, DType::i64, "(K, 4)");
    check.require(std::min(height, width) >= 1, "height and width are " + std::to_string(height) + " and " +
                                                    std::to_string(width) + ", wanted at least 1");
    const Place place = check.place({&picture, &boxes}, {});
    check.require(place.device == Device::cpu,
                  "picture is on a GPU, and this runs on the CPU alone; give NumPy arrays");
    const auto* edges = boxes.as<const std::int64_t>();
    for (std::int64_t k = 0; k < boxes.shape[0]; ++k, edges += 4) {
        const auto [least, most] = std::minmax_element(edges, edges + 4);
        const bool near = *least >= -kFarthest && *most <= kFarthest;
        check.require(near && edges[0] < edges[2] && edges[1] < edges[3],
                      "box " + std::to_string(k) +
                          " of boxes is empty, upside down or too far away; wanted (x0, y0, "
                          "x1, y1) with x0 < x1 and y0 < y1");
    }
    const Tensor result = check.output(out, DType::u8, {boxes.shape[0], height, width, kColors}, place);
    cpu::resize_boxes({picture.as<const std::uint8_t>(), boxes.as<const std::int64_t>(), result.as<std::uint8_t>(),
                       picture.shape[0], picture.shape[1], boxes.shape[0], height, width});
    return result;
}

}  // namespace fiqx
