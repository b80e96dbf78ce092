#include "fiqx/pnet.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "fiqx/hd.hpp"
#include "fiqx/registers.hpp"

// Each layer is made row by row as soon as the rows below it are there, in strips so narrow that the rows of all layers
// stay in the second-level cache. A pixel has its channels side by side, 16 at a time, so the three convolutions are
// one loop. This file alone is compiled with contraction: a product and a sum are one instruction where there is one.

namespace fiqx {
namespace {

constexpr int kChannels = 16;        // of a pixel; a layer of 32 is two of these
constexpr int kBlock = 6;            // pixels whose sums stay in registers
constexpr std::int64_t kStrip = 96;  // windows side by side
constexpr int kColors = 3, kFirst = 10, kSecond = 16, kThird = 32, kAnswers = 5, kHeads = 8;
constexpr int kMost = kStrip + 4 + kBlock;  // pixels of a row of any layer after the first, and what a last block adds

using Rows = const float* const[3];

/// A convolution 3×3 to 16 channels (the last ones zeros where there are fewer), and its slopes for negative values.
template <int In>
struct alignas(64) Convolution {
    float kernel[9 * In][kChannels] = {};
    float bias[kChannels] = {};
    float slope[kChannels] = {};
};

/// The logit and the regression, and three zeros.
struct alignas(64) Heads {
    float kernel[kThird][kHeads] = {};
    float bias[kHeads] = {};
};

struct Network {
    Convolution<kColors> first;
    Convolution<kFirst> second;
    Convolution<kSecond> third[2];
    Heads heads;
};

/// The last rows of each layer: row y lies at y modulo their number.
struct alignas(64) Buffers {
    float colors[4][2 * kMost * kColors + 2 * kColors] = {};
    float pooled[3][kMost * kChannels] = {};
    float second[3][kMost * kChannels] = {};
    float third[kMost * kThird] = {};
};

/// Sums of a block of pixels: `bias`, and the products of `Taps` numbers of each of three rows (or of one) with
/// `weights`, which has `Width` numbers for each. A pixel has `Step` numbers, of which a tap reads the first `In`.
template <int Lanes, int Vectors, int Rows, int Pixels, int In, int Step, int Width>
struct Sums {
    Lane<Lanes> at[kBlock][Vectors];

    FIQX_HD void of(const float* const* rows, std::int64_t first, const float* weights, const float* bias) {
        for (auto& pixel : at) {
            for (int v = 0; v < Vectors; ++v) { pixel[v] = lanes<Lanes>(bias + v * Lanes); }
        }
        for (int y = 0; y < Rows; ++y) {
            const float* in = rows[y] + first;
            for (int x = 0; x < Pixels; ++x, in += Step) {
                for (int c = 0; c < In; ++c, weights += Width) { add(in + c, weights); }
            }
        }
    }

    FIQX_HD void add(const float* in, const float* weights) {
        Lane<Lanes> weight[Vectors];
        FIQX_UNROLL
        for (int v = 0; v < Vectors; ++v) { weight[v] = lanes<Lanes>(weights + v * Lanes); }
        FIQX_UNROLL
        for (int p = 0; p < kBlock; ++p) {
            FIQX_UNROLL
            for (int v = 0; v < Vectors; ++v) { at[p][v] += weight[v] * in[p * Step]; }
        }
    }
};

/// A block of pixels of a convolution and its PReLU, `To` numbers from one to the next.
template <int Lanes, int In, int Step, int To>
FIQX_HD void block(const Convolution<In>& layer, Rows& rows, std::int64_t x, float* out) {
    constexpr int kVectors = Lanes == kChannels ? 1 : 2;
    for (int c = 0; c < kChannels; c += kVectors * Lanes) {
        Sums<Lanes, kVectors, 3, 3, In, Step, kChannels> sums;
        sums.of(rows, x * Step, layer.kernel[0] + c, layer.bias + c);
        FIQX_UNROLL
        for (int p = 0; p < kBlock; ++p) {
            FIQX_UNROLL
            for (int v = 0; v < kVectors; ++v) {
                const auto& sum = sums.at[p][v];
                const int at = c + v * Lanes;
                lanes<Lanes>(out + p * To + at) = sum > 0 ? sum : sum * lanes<Lanes>(layer.slope + at);
            }
        }
    }
}

template <int Lanes, int In, int To>
FIQX_HD void convolved(const Convolution<In>& layer, Rows& rows, std::int64_t n, float* out) {
    for (std::int64_t x = 0; x < n; x += kBlock) { block<Lanes, In, kChannels, To>(layer, rows, x, out + x * To); }
}

template <int Lanes>
FIQX_HD void widen(Lane<Lanes>& most, const float* at) {
    const auto& value = lanes<Lanes>(at);
    most = value > most ? value : most;
}

/// The first convolution, and the largest of each 2×2 of it: a row of n from four rows of colours.
template <int Lanes>
FIQX_HD void pooled_row(const Convolution<kColors>& layer, const float* const* rows, std::int64_t n, float* out) {
    Rows upper = {rows[0], rows[1], rows[2]};
    Rows lower = {rows[1], rows[2], rows[3]};
    alignas(64) float above[kBlock * kChannels];
    alignas(64) float below[kBlock * kChannels];
    for (std::int64_t x = 0; x < n; x += kBlock / 2, out += kBlock / 2 * kChannels) {
        block<Lanes, kColors, kColors, kChannels>(layer, upper, 2 * x, above);
        block<Lanes, kColors, kColors, kChannels>(layer, lower, 2 * x, below);
        FIQX_UNROLL
        for (int i = 0; i < kBlock / 2 * kChannels; i += Lanes) {
            const int at = i / kChannels * 2 * kChannels + i % kChannels;
            Lane<Lanes> most = lanes<Lanes>(above + at);
            widen<Lanes>(most, above + at + kChannels);
            widen<Lanes>(most, below + at);
            widen<Lanes>(most, below + at + kChannels);
            lanes<Lanes>(out + i) = most;
        }
    }
}

template <int Lanes>
FIQX_HD void answers(const Heads& heads, const float* in, std::int64_t n, float* out) {
    constexpr int kWide = Lanes < kHeads ? Lanes : kHeads;
    for (std::int64_t x = 0; x < n; x += kBlock) {
        Sums<kWide, kHeads / kWide, 1, 1, kThird, kThird, kHeads> sums;
        sums.of(&in, x * kThird, heads.kernel[0], heads.bias);
        const std::int64_t count = std::min<std::int64_t>(kBlock, n - x);
        for (std::int64_t p = 0; p < count; ++p, out += kAnswers) {
            std::memcpy(out, sums.at[p], kAnswers * sizeof(float));
        }
    }
}

FIQX_HD void normalise(const std::uint8_t* in, std::int64_t n, float* out) {
    for (std::int64_t i = 0; i < n; ++i) { out[i] = (static_cast<float>(in[i]) - 127.5F) / 128.0F; }
}

/// The windows `first` to `first + n` of every row.
template <int Lanes>
FIQX_HD void strip(const Network& net, const Pnet& a, std::int64_t first, std::int64_t n, Buffers& buffers) {
    const std::int64_t rows = a.height / 2 - 5;
    const std::int64_t columns = a.width / 2 - 5;
    const std::int64_t pixels = std::min(a.width - 2 * first, 2 * (n + 4) + 2);
    for (std::int64_t y = 0; y < 2 * rows + 10; ++y) {
        normalise(a.picture + (y * a.width + 2 * first) * kColors, pixels * kColors, buffers.colors[y % 4]);
        if (y < 3 || y % 2 == 0) { continue; }
        const std::int64_t pooled = y / 2 - 1;  // what can be made now: a row of each layer, this one in the first
        const float* four[4];
        for (int i = 0; i < 4; ++i) { four[i] = buffers.colors[(y - 3 + i) % 4]; }
        pooled_row<Lanes>(net.first, four, n + 4, buffers.pooled[pooled % 3]);
        if (pooled < 2) { continue; }
        const auto three = [&](const auto& ring, std::int64_t last, const float** out) {
            for (int i = 0; i < 3; ++i) { out[i] = ring[(last - 2 + i) % 3]; }
        };
        const float* below[3];
        three(buffers.pooled, pooled, below);
        convolved<Lanes, kFirst, kChannels>(net.second, below, n + 2, buffers.second[(pooled - 2) % 3]);
        if (pooled < 4) { continue; }
        three(buffers.second, pooled - 2, below);
        convolved<Lanes, kSecond, kThird>(net.third[0], below, n, buffers.third);
        convolved<Lanes, kSecond, kThird>(net.third[1], below, n, buffers.third + kChannels);
        answers<Lanes>(net.heads, buffers.third, n, a.out + ((pooled - 4) * columns + first) * kAnswers);
    }
}

template <int Lanes>
FIQX_HD void strips(const Network& net, const Pnet& a, Buffers& buffers) {
    const std::int64_t columns = a.width / 2 - 5;
    for (std::int64_t first = 0; first < columns; first += kStrip) {
        strip<Lanes>(net, a, first, std::min(kStrip, columns - first), buffers);
    }
}

using Strips = void (*)(const Network&, const Pnet&, Buffers&);

void strips_of_4(const Network& net, const Pnet& a, Buffers& buffers) { strips<4>(net, a, buffers); }
FIQX_LANES_8 void strips_of_8(const Network& net, const Pnet& a, Buffers& buffers) { strips<8>(net, a, buffers); }
FIQX_LANES_16 void strips_of_16(const Network& net, const Pnet& a, Buffers& buffers) { strips<16>(net, a, buffers); }

/// Takes arrays off the parameters, in their order.
class Reader {
public:
    explicit Reader(const float* from) : from_(from) {}

    /// `rows` of `n` numbers, every number from `first` to `first + 16` where there is one.
    void read(float (*to)[kChannels], int rows, int n, int first = 0) {
        for (int r = 0; r < rows; ++r) {
            for (int i = first; i < std::min(n, first + kChannels); ++i) { to[r][i - first] = from_[r * n + i]; }
        }
    }
    void skip(int n) { from_ += n; }

    template <int In>
    void read(Convolution<In>* layers, int out) {
        for (int first = 0; first < out; first += kChannels) {
            Convolution<In>& layer = layers[first / kChannels];
            Reader part = *this;
            part.read(layer.kernel, 9 * In, out, first);
            part.skip(9 * In * out);
            part.read(&layer.bias, 1, out, first);
            part.skip(out);
            part.read(&layer.slope, 1, out, first);
        }
        skip(9 * In * out + 2 * out);
    }
    float operator[](int i) const { return from_[i]; }

private:
    const float* from_;
};

Network network_of(const float* parameters) {
    Network net;
    Reader reader(parameters);
    reader.read(&net.first, kFirst);
    reader.read(&net.second, kSecond);
    reader.read(net.third, kThird);
    Reader logits = reader;
    logits.skip(4 * (kThird + 1));
    for (int c = 0; c <= kThird; ++c) {  // the last is the bias
        float* to = c < kThird ? net.heads.kernel[c] : net.heads.bias;
        to[0] = logits[2 * c + 1] - logits[2 * c];
        for (int i = 0; i < 4; ++i) { to[1 + i] = reader[4 * c + i]; }
    }
    return net;
}

}  // namespace

void cpu::pnet(const Pnet& a, int lanes) {
    const Network net = network_of(a.parameters);
    const auto buffers = std::make_unique<Buffers>();
    const Strips strips = lanes == 16 ? strips_of_16 : lanes == 8 ? strips_of_8 : strips_of_4;
    strips(net, a, *buffers);
}

Tensor pnet(const Tensor& picture, const Tensor& parameters, const Output& out) {
    const Checker check("pnet");
    check.array(picture, DType::u8, "(H, W, 3)");
    check.array(parameters, DType::f32, "(6632)");
    const Shape& s = picture.shape;
    check.require(std::min(s[0], s[1]) >= kPnetWindow,
                  "picture has shape " + shape_text(s) + ", wanted at least 12 pixels high and wide, one window");
    const Place place = check.place({&picture, &parameters}, {});
    check.require(place.device == Device::cpu,
                  "picture is on a GPU, and this runs on the CPU alone; give NumPy arrays");
    const Tensor result = check.output(out, DType::f32, {s[0] / 2 - 5, s[1] / 2 - 5, kAnswers}, place);
    cpu::pnet({picture.as<const std::uint8_t>(), parameters.as<const float>(), result.as<float>(), s[0], s[1]},
              widest_lanes());
    return result;
}

}  // namespace fiqx
