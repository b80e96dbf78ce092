#include "fiqx/crop_net.hpp"

#include <algorithm>
#include <string>

#include "fiqx/hd.hpp"
#include "fiqx/registers.hpp"

// A few crops go through the network together, so that layers that leave one pixel of each still fill the registers. A
// layer with a pool is made crop by crop: what it pools stays in the cache. Compiled with contraction, as pnet.cpp.

namespace fiqx {
namespace {

constexpr int kChannels = 16;  // of a group
constexpr int kBlock = 6;      // pixels whose sums stay in registers
constexpr int kCrops = 6;      // that go through the network together
constexpr int kColors = 3;

/// Maps of some crops: rows, columns, channels, with room for what a last block adds.
struct Maps {
    std::int64_t side = 0, channels = 0;
    std::vector<float> values;

    void shape(std::int64_t crops, std::int64_t new_side, std::int64_t new_channels) {
        side = new_side;
        channels = new_channels;
        values.resize(std::max(values.size(), static_cast<std::size_t>((crops * size() + kBlock * channels))));
    }
    std::int64_t size() const { return side * side * channels; }
    float* crop(std::int64_t k) { return values.data() + k * size(); }
};

/// A layer and where its numbers lie: kernels, biases and slopes of one group after the other.
struct Placed {
    CropLayer layer;
    const float* kernel;
    std::int64_t taps() const { return layer.size * layer.size * layer.in; }
    std::int64_t numbers() const { return layer.out * (taps() + 2); }
    const float* bias() const { return kernel + layer.out * taps(); }
    const float* slope() const { return bias() + layer.out; }
};

/// A block of pixels of `Vectors` registers of channels: `in` has the upper left input of each pixel.
template <int Lanes, int Vectors>
FIQX_HD void block(const Placed& a, const Maps& from, const float* const* in, std::int64_t first, float* out) {
    Lane<Lanes> sums[kBlock][Vectors];
    const float* weights[Vectors];
    FIQX_UNROLL
    for (int v = 0; v < Vectors; ++v) {
        const std::int64_t channel = first + v * Lanes;
        weights[v] = a.kernel + channel / kChannels * kChannels * a.taps() + channel % kChannels;
        FIQX_UNROLL
        for (int p = 0; p < kBlock; ++p) { sums[p][v] = lanes<Lanes>(a.bias() + channel); }
    }
    // Where every channel is read, the pixels of a row are one run of numbers.
    const bool whole = a.layer.in == from.channels;
    const std::int64_t runs = whole ? 1 : a.layer.size;
    const std::int64_t length = whole ? a.layer.size * a.layer.in : a.layer.in;
    std::int64_t tap = 0;
    for (std::int64_t y = 0; y < a.layer.size; ++y) {
        for (std::int64_t x = 0; x < runs; ++x) {
            const std::int64_t at = (y * from.side + x) * from.channels;
            for (std::int64_t c = at; c < at + length; ++c, tap += kChannels) {
                Lane<Lanes> weight[Vectors];
                FIQX_UNROLL
                for (int v = 0; v < Vectors; ++v) { weight[v] = lanes<Lanes>(weights[v] + tap); }
                FIQX_UNROLL
                for (int p = 0; p < kBlock; ++p) {
                    FIQX_UNROLL
                    for (int v = 0; v < Vectors; ++v) { sums[p][v] += weight[v] * in[p][c]; }
                }
            }
        }
    }
    FIQX_UNROLL
    for (int v = 0; v < Vectors; ++v) {
        const auto& slope = lanes<Lanes>(a.slope() + first + v * Lanes);
        FIQX_UNROLL
        for (int p = 0; p < kBlock; ++p) {
            const auto& sum = sums[p][v];
            lanes<Lanes>(out + p * a.layer.out + first + v * Lanes) = sum > 0 ? sum : sum * slope;
        }
    }
}

/// The convolution of some crops: pixel after pixel of one crop after the other.
template <int Lanes>
FIQX_HD void convolve(const Placed& a, const Maps& from, const float* maps, std::int64_t crops, float* out) {
    const std::int64_t side = from.side - a.layer.size + 1;
    const std::int64_t pixels = crops * side * side;
    std::int64_t x = 0;
    std::int64_t y = 0;
    for (std::int64_t first = 0; first < pixels; first += kBlock) {
        const float* in[kBlock];
        for (int p = 0; p < kBlock; ++p) {
            in[p] = maps + x * from.channels;
            if (first + p + 1 >= pixels || ++x < side) { continue; }  // the last pixel fills the last block
            x = 0;
            maps += from.side * from.channels;
            if (++y < side) { continue; }
            y = 0;
            maps += (from.side - side) * from.side * from.channels;
        }
        float* to = out + first * a.layer.out;
        std::int64_t channel = 0;
        for (; channel + 2 * Lanes <= a.layer.out; channel += 2 * Lanes) { block<Lanes, 2>(a, from, in, channel, to); }
        if (channel < a.layer.out) { block<Lanes, 1>(a, from, in, channel, to); }
    }
}

template <int Lanes>
FIQX_HD void pool(const CropLayer& layer, const Maps& wide, const float* in, const Maps& to, float* out) {
    for (std::int64_t y = 0; y < to.side; ++y) {
        for (std::int64_t x = 0; x < to.side; ++x, out += to.channels) {
            const std::int64_t bottom = std::min(2 * y + layer.pool, wide.side);
            const std::int64_t right = std::min(2 * x + layer.pool, wide.side);
            for (std::int64_t c = 0; c < to.channels; c += Lanes) {
                Lane<Lanes> most = lanes<Lanes>(in + (2 * y * wide.side + 2 * x) * wide.channels + c);
                for (std::int64_t row = 2 * y; row < bottom; ++row) {
                    for (std::int64_t column = 2 * x; column < right; ++column) {
                        const auto& value = lanes<Lanes>(in + (row * wide.side + column) * wide.channels + c);
                        most = value > most ? value : most;
                    }
                }
                lanes<Lanes>(out + c) = most;
            }
        }
    }
}

/// What some crops need: the input and the output of a layer, and a convolution before its pool.
struct Buffers {
    Maps from, to, wide;
};

template <int Lanes>
FIQX_HD void forward(const Placed& a, std::int64_t crops, Buffers& b) {
    const std::int64_t side = b.from.side - a.layer.size + 1;
    if (a.layer.pool == 0) {
        b.to.shape(crops, side, a.layer.out);
        convolve<Lanes>(a, b.from, b.from.crop(0), crops, b.to.crop(0));
    } else {
        b.wide.shape(1, side, a.layer.out);
        b.to.shape(crops, (side + a.layer.end - a.layer.pool) / 2 + 1, a.layer.out);
        for (std::int64_t k = 0; k < crops; ++k) {
            convolve<Lanes>(a, b.from, b.from.crop(k), 1, b.wide.crop(0));
            pool<Lanes>(a.layer, b.wide, b.wide.crop(0), b.to, b.to.crop(k));
        }
    }
    std::swap(b.from, b.to);
}

template <int Lanes>
FIQX_HD void network(const CropNet& a, const std::vector<Placed>& layers) {
    Buffers buffers;
    const std::int64_t pixels = a.side * a.side * kColors;
    const std::int64_t answers = layers.back().layer.out;
    for (std::int64_t first = 0; first < a.count; first += kCrops) {
        const std::int64_t crops = std::min<std::int64_t>(kCrops, a.count - first);
        buffers.from.shape(crops, a.side, kColors);
        const std::uint8_t* in = a.crops + first * pixels;
        float* out = buffers.from.crop(0);
        for (std::int64_t i = 0; i < crops * pixels; ++i) { out[i] = (static_cast<float>(in[i]) - 127.5F) / 128.0F; }
        for (const Placed& layer : layers) { forward<Lanes>(layer, crops, buffers); }
        std::copy_n(buffers.from.crop(0), crops * answers, a.out + first * answers);
    }
}

using Run = void (*)(const CropNet&, const std::vector<Placed>&);

void network_of_4(const CropNet& a, const std::vector<Placed>& layers) { network<4>(a, layers); }
FIQX_LANES_8 void network_of_8(const CropNet& a, const std::vector<Placed>& layers) { network<8>(a, layers); }
FIQX_LANES_16 void network_of_16(const CropNet& a, const std::vector<Placed>& layers) { network<16>(a, layers); }

std::vector<Placed> placed(const std::vector<CropLayer>& layers, const float* parameters) {
    std::vector<Placed> found;
    for (const CropLayer& layer : layers) {
        found.push_back({layer, parameters});
        parameters += found.back().numbers();
    }
    return found;
}

/// Checks the layers from the first to the last, and how many parameters they have.
void check_layers(const Checker& check, const CropNet& a, std::int64_t given) {
    std::int64_t side = a.side;
    std::int64_t channels = kColors;
    for (std::size_t i = 0; i < a.layers.size(); ++i) {
        const CropLayer& l = a.layers[i];
        const std::string row = "row " + std::to_string(i) + " of layers ";
        check.require(l.size >= 1 && l.size <= side, row + "has a kernel of " + std::to_string(l.size) +
                                                         ", wanted 1 … " + std::to_string(side) +
                                                         ", the side of its input");
        check.require(l.in >= 1 && l.in <= channels,
                      row + "reads " + std::to_string(l.in) + " channels, wanted 1 … " + std::to_string(channels));
        check.require(l.out >= kChannels && l.out % kChannels == 0 && l.out <= 4096,
                      row + "makes " + std::to_string(l.out) + " channels, wanted a multiple of 16 up to 4096");
        side -= l.size - 1;
        check.require(l.pool == 0 || (l.pool >= 2 && l.pool <= side + l.end && (l.end == 0 || l.end == 1)),
                      row + "has pool " + std::to_string(l.pool) + " and end " + std::to_string(l.end) +
                          ", wanted pool 0, or 2 … " + std::to_string(side) + " and end 0 or 1");
        side = l.pool == 0 ? side : (side + l.end - l.pool) / 2 + 1;
        channels = l.out;
    }
    check.require(side == 1, "the layers leave " + std::to_string(side) + " pixels a side, wanted 1");
    const auto layers = placed(a.layers, a.parameters);
    const std::int64_t wanted = layers.back().kernel + layers.back().numbers() - a.parameters;
    check.require(given == wanted, "parameters has " + std::to_string(given) + " numbers, wanted " +
                                       std::to_string(wanted) + ", those of the layers");
}

}  // namespace

void cpu::crop_net(const CropNet& a, int lanes) {
    const Run run = lanes == 16 ? network_of_16 : lanes == 8 ? network_of_8 : network_of_4;
    run(a, placed(a.layers, a.parameters));
}

Tensor crop_net(const Tensor& crops, const Tensor& layers, const Tensor& parameters, const Output& out) {
    const Checker check("crop_net");
    check.array(crops, DType::u8, "(K, S, S, 3)");
    check.array(layers, DType::i64, "(L, 5)");
    check.array(parameters, DType::f32, "(P,)");
    const Shape& s = crops.shape;
    check.require(s[1] == s[2], "crops has shape " + shape_text(s) + ", wanted squares");
    check.require(layers.shape[0] > 0, "layers is empty, wanted a row or more");
    const Place place = check.place({&crops, &layers, &parameters}, {});
    check.require(place.device == Device::cpu, "crops is on a GPU, and this runs on the CPU alone; give NumPy arrays");
    CropNet args{crops.as<const std::uint8_t>(), parameters.as<const float>(), nullptr, s[0], s[1], {}};
    const auto* rows = layers.as<const std::int64_t>();
    for (std::int64_t i = 0; i < layers.shape[0]; ++i, rows += 5) {
        args.layers.push_back({rows[0], rows[1], rows[2], rows[3], rows[4]});
    }
    check_layers(check, args, parameters.size());
    const Tensor result = check.output(out, DType::f32, {s[0], args.layers.back().out}, place);
    args.out = result.as<float>();
    cpu::crop_net(args, widest_lanes());
    return result;
}

}  // namespace fiqx
