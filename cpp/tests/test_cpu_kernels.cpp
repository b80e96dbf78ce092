// Every CPU kernel through its public function, on odd sizes and on exactly as much memory as it is given: what the
// sanitizers need to see a read or a write beyond an end.

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "check.hpp"
#include "fiqx/cam_combine.hpp"
#include "fiqx/cam_masks.hpp"
#include "fiqx/crop_net.hpp"
#include "fiqx/dropout_expand.hpp"
#include "fiqx/error.hpp"
#include "fiqx/face_input.hpp"
#include "fiqx/local_contrast.hpp"
#include "fiqx/pair_spread.hpp"
#include "fiqx/pixel_histogram.hpp"
#include "fiqx/pixel_median.hpp"
#include "fiqx/pixel_moments.hpp"
#include "fiqx/pixel_quality.hpp"
#include "fiqx/pnet.hpp"
#include "fiqx/registers.hpp"
#include "fiqx/resize_boxes.hpp"
#include "fiqx/row_products.hpp"

using namespace fiqx;

namespace {

std::vector<std::unique_ptr<char[]>> memory;

Tensor make(DType dtype, const Shape& shape, const Place& = {}) {
    Tensor tensor;
    tensor.name = "array";
    tensor.dtype = dtype;
    tensor.shape = shape;
    memory.push_back(std::make_unique<char[]>(static_cast<std::size_t>(tensor.size() * dtype_size(dtype))));
    tensor.data = memory.back().get();
    return tensor;
}

Tensor numbers(const Shape& shape) {
    const Tensor tensor = make(DType::f32, shape);
    for (std::int64_t i = 0; i < tensor.size(); ++i) {
        tensor.as<float>()[i] = static_cast<float>(i * 37 % 101) / 100.0F;
    }
    return tensor;
}

const Output kNew = [](DType dtype, const Shape& shape, const Place& place) { return make(dtype, shape, place); };

void faces_and_scores(std::int64_t n, std::int64_t odd) {
    for (const Color color : {Color::rgb, Color::bgr, Color::gray}) {
        for (const bool half : {false, true}) {
            FaceInput settings{};
            settings.color = color;
            settings.half = half;
            for (int c = 0; c < 3; ++c) { settings.std[c] = 1.0F; }
            CHECK(face_input(make(DType::u8, {n, odd, odd + 2, 3}), settings, kNew, {}).shape[1] == 3);
        }
    }
    CHECK(local_contrast(make(DType::u8, {n, odd, odd + 2, 3}), kNew, {}).size() == n * odd * (odd + 2));
    CHECK(dropout_expand(numbers({n, odd * odd}), 3, 0.5, 1, kNew, {}).shape[0] == 3 * n);
    CHECK(dropout_masks(odd, 3, 0.5, 1, kNew).size() == 3 * odd);
    CHECK(pair_spread(numbers({n, odd + 1, odd}), kNew, {}).size() == n);
    CHECK(row_power(numbers({n, odd * odd}), make(DType::f64, {odd * odd}), kNew, {}).size() == n);
    CHECK(row_power(numbers({n, odd}), {}, kNew, {}).size() == n);
    for (const DType dtype : {DType::f32, DType::f64}) {
        CHECK(row_cosine(numbers({n, odd * odd}), make(dtype, {n, odd * odd}), {}, kNew, {}).size() == n);
        CHECK(row_cosine(numbers({n, odd}), make(dtype, {3, odd}), make(DType::i64, {n}), kNew, {}).size() == n);
    }
}

void maps_of_an_image(std::int64_t n, std::int64_t odd) {
    const Tensor channels = make(DType::i64, {2});
    channels.as<std::int64_t>()[1] = n;
    for (const bool half : {false, true}) {
        cam_masks(numbers({n + 1, odd, 3}), numbers({3, 2 * odd, odd + 4}), channels, half, {half, half, !half, half},
                  kNew, {});
    }
    CHECK(cam_constant(numbers({n, 2, odd, odd}), false, kNew, {}).size() == 2 * n);
    cam_combine(numbers({n, 5, odd, 3}), numbers({n, 5}), 2 * odd + 1, odd, {}, kNew, kNew, kNew, {});
    for (const bool weighed : {false, true}) {
        const auto contrast = weighed ? std::optional(numbers({n, odd, odd + 2})) : std::nullopt;
        pixel_quality(numbers({n, 3, odd, odd + 2}), make(DType::f64, {n}), contrast, 1.0, 0.5, kNew, kNew, kNew, {});
    }
}

void streams_of_maps(std::int64_t n, std::int64_t odd) {
    const Tensor maps = numbers({n, odd, odd + 1});
    const Tensor mean = make(DType::f64, {odd, odd + 1});
    const Tensor m2 = make(DType::f64, {odd, odd + 1});
    CHECK(pixel_moments(maps, mean, m2, 0, {}) == n);
    CHECK(pixel_range(maps, kNew, {}).as<float>()[0] == (n > 0 ? 0.0F : INFINITY));
    CHECK(pixel_moments_merge(mean, m2, n, mean, m2, n, {}) == 2 * n);
    const Tensor counts = make(DType::u32, {odd, odd + 1, 9});
    pixel_histogram(maps, counts, {});
    pixel_histogram_merge(counts, counts, {});
    pixel_histogram_quantile(counts, 0.5, kNew, {});
    if (n > 0) { pixel_median(maps, kNew, {}); }
}

void a_picture_with_faces(std::int64_t n, std::int64_t odd) {
    const Tensor picture = make(DType::u8, {odd + 11, 3 * odd + 11, 3});
    CHECK(pnet(picture, numbers({kPnetParameters}), kNew).shape[0] == (odd + 1) / 2);
    const Tensor boxes = make(DType::i64, {n, 4});
    for (std::int64_t k = 0; k < n; ++k) {  // over each edge, and over all of them
        const std::int64_t edges[4] = {(k % 3 - 1) * odd, (k % 2) * odd - 1, 2 * odd + 1, 2 * odd + 1 + k};
        std::copy(edges, edges + 4, boxes.as<std::int64_t>() + 4 * k);
    }
    for (const std::int64_t side : {std::int64_t{1}, odd, 3 * odd}) {
        CHECK(resize_boxes(picture, boxes, side, 2, kNew).size() == n * side * 2 * 3);
    }
}

/// `answers(lanes)` of 4 lanes and of every other number that this processor has.
template <class Answers>
void the_same_at_every_width(const Answers& answers) {
    const Tensor narrow = answers(4);
    for (int lanes = 8; lanes <= widest_lanes(); lanes *= 2) {
        const Tensor wide = answers(lanes);
        for (std::int64_t i = 0; i < wide.size(); ++i) {
            CHECK(near(wide.as<float>()[i], narrow.as<float>()[i], 1e-5));
        }
    }
}

Tensor small(std::int64_t n) {
    const Tensor tensor = numbers({n});
    for (std::int64_t i = 0; i < n; ++i) { tensor.as<float>()[i] = tensor.as<float>()[i] / 8 - 0.06F; }
    return tensor;
}

Tensor pixels(const Shape& shape) {
    const Tensor tensor = make(DType::u8, shape);
    for (std::int64_t i = 0; i < tensor.size(); ++i) {
        tensor.as<std::uint8_t>()[i] = static_cast<std::uint8_t>(i * i);
    }
    return tensor;
}

void networks() {
    const Tensor picture = pixels({31, 223, 3});
    const Tensor proposals = small(kPnetParameters);
    the_same_at_every_width([&](int lanes) {
        const Tensor made = make(DType::f32, {10, 106, 5});
        cpu::pnet({picture.as<std::uint8_t>(), proposals.as<float>(), made.as<float>(), 31, 223}, lanes);
        return made;
    });
    const std::vector<CropLayer> layers = {{3, 3, 32, 3, 1}, {2, 28, 48, 2, 0}, {2, 48, 16, 0, 0}, {1, 7, 16, 0, 0}};
    const std::int64_t count = 29 * 32 + (4 * 28 + 2) * 48 + (4 * 48 + 2) * 16 + 9 * 16;
    const Tensor parameters = small(count);
    const Tensor table = make(DType::i64, {4, 5});
    for (std::size_t i = 0; i < 4; ++i) {
        const CropLayer& l = layers[i];
        const std::int64_t row[5] = {l.size, l.in, l.out, l.pool, l.end};
        std::copy(row, row + 5, table.as<std::int64_t>() + 5 * i);
    }
    for (const std::int64_t n : {0, 1, 6, 7}) {
        const Tensor crops = pixels({n, 12, 12, 3});
        CHECK(crop_net(crops, table, parameters, kNew).shape[1] == 16);
        the_same_at_every_width([&](int lanes) {
            const Tensor made = make(DType::f32, {n, 16});
            cpu::crop_net({crops.as<std::uint8_t>(), parameters.as<float>(), made.as<float>(), n, 12, layers}, lanes);
            return made;
        });
    }
}

void a_refusal() {
    std::string text;
    try {
        pair_spread(numbers({1, 1, 4}), kNew, {});
    } catch (const InvalidInputError& error) { text = error.what(); }
    CHECK(text.find("wanted m of 2 or more") != std::string::npos);
}

}  // namespace

int main() {
    for (const std::int64_t n : {0, 1, 5}) {
        for (const std::int64_t odd : {1, 7, 16, 67}) {
            faces_and_scores(n, odd);
            maps_of_an_image(n, odd);
            streams_of_maps(n, odd);
            a_picture_with_faces(n, odd);
        }
    }
    networks();
    a_refusal();
    return failures;
}
