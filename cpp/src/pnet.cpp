#include "fiqx/pnet.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "fiqx/hd.hpp"
#include "fiqx/registers.hpp"
#include "fiqx/winograd.hpp"

// Each layer is made row by row as soon as the rows below it are there, in strips so narrow that the rows of all layers
// stay in the second-level cache. A pixel has its channels side by side, 16 at a time. Most products are those of the
// second and the third convolution, which are made of the parts of tiles (winograd.hpp). Compiled with contraction, as
// crop_net.cpp: a product and a sum are one instruction where there is one.

namespace fiqx {
namespace {

constexpr int kChannels = 16;        // of a pixel; a layer of 32 is two of these
constexpr int kBlock = 6;            // pixels or tiles whose sums stay in registers
constexpr std::int64_t kStrip = 94;  // windows side by side: with the two more of the layer below, whole tiles
constexpr int kColors = 3, kFirst = 10, kSecond = 16, kThird = 32, kAnswers = 5, kHeads = 8;
constexpr int kMost =
    kStrip + 4 + 4 * kBlock;  // pixels of a row of any layer after the first, and what a last block adds
constexpr int kTile = winograd::kParts * kChannels;
constexpr int kTiles = kMost / winograd::kPixels;
constexpr float kZeros[kChannels] = {};

/// The first convolution, 3×3 to 16 channels (the last ones zeros), and its slopes for negative values.
struct alignas(64) First {
    float kernel[9 * kColors][kChannels] = {};
    float bias[kChannels] = {};
    float slope[kChannels] = {};
};

/// A convolution 3×3 to 16 channels on the parts of tiles.
template <int In>
struct alignas(64) Convolution {
    float kernel[winograd::kParts][3 * In][kChannels] = {};
    float bias[kChannels] = {};
    float slope[kChannels] = {};
};

/// The logit and the regression, and three zeros.
struct alignas(64) Heads {
    float kernel[kThird][kHeads] = {};
    float bias[kHeads] = {};
};

struct Network {
    First first;
    Convolution<kFirst> second;
    Convolution<kSecond> third[2];
    Heads heads;
};

/// The last rows of each layer: row y lies at y modulo their number. Of the rows between layers the parts of tiles are
/// kept.
struct alignas(64) Buffers {
    float colors[4][2 * kMost * kColors + 2 * kColors] = {};
    float row[kMost * kChannels] = {};
    float pooled[3][kTiles * kTile] = {};
    float second[3][kTiles * kTile] = {};
    float products[kTiles * kTile] = {};
    float third[kMost * kThird] = {};
};

/// Sums of a block of pixels: `bias`, and the products of `Pixels` of each of `Rows` rows with `weights`, which has
/// `Width` numbers for each. A pixel has `Step` numbers, of which the first `In` are read.
template <int Lanes, int Vectors, int Rows, int Pixels, int In, int Step, int Width, int Block = kBlock>
struct Sums {
    Lane<Lanes> at[Block][Vectors];

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
        for (int p = 0; p < Block; ++p) {
            FIQX_UNROLL
            for (int v = 0; v < Vectors; ++v) { at[p][v] += weight[v] * in[p * Step]; }
        }
    }
};

template <int Lanes>
constexpr int kVectors = Lanes == kChannels ? 1 : 2;

/// PReLU.
template <int Lanes>
FIQX_HD void rectify(const Lane<Lanes>& sum, const float* slope, float* out) {
    lanes<Lanes>(out) = sum > 0 ? sum : sum * lanes<Lanes>(slope);
}

/// A block of pixels of the first convolution.
template <int Lanes>
FIQX_HD void first_block(const First& layer, const float* const* rows, std::int64_t x, float* out) {
    for (int c = 0; c < kChannels; c += kVectors<Lanes> * Lanes) {
        Sums<Lanes, kVectors<Lanes>, 3, 3, kColors, kColors, kChannels> sums;
        sums.of(rows, x * kColors, layer.kernel[0] + c, layer.bias + c);
        FIQX_UNROLL
        for (int p = 0; p < kBlock; ++p) {
            FIQX_UNROLL
            for (int v = 0; v < kVectors<Lanes>; ++v) {
                const int at = c + v * Lanes;
                rectify<Lanes>(sums.at[p][v], layer.slope + at, out + p * kChannels + at);
            }
        }
    }
}

/// One part of the products of some tiles.
template <int Lanes, int In, int Block>
FIQX_HD void part_block(const float* const* rows, std::int64_t first, const float* weights, float* products) {
    for (int c = 0; c < kChannels; c += kVectors<Lanes> * Lanes) {
        Sums<Lanes, kVectors<Lanes>, 3, 1, In, kTile, kChannels, Block> sums;
        sums.of(rows, first, weights + c, kZeros);
        FIQX_UNROLL
        for (int p = 0; p < Block; ++p) {
            FIQX_UNROLL
            for (int v = 0; v < kVectors<Lanes>; ++v) {
                lanes<Lanes>(products + p * kChannels + c + v * Lanes) = sums.at[p][v];
            }
        }
    }
}

/// A row of a convolution and its PReLU from the parts of three rows, `To` numbers from one pixel to the next.
template <int Lanes, int In, int To>
FIQX_HD void convolved(const Convolution<In>& layer, const float* const* rows, std::int64_t n, float* products,
                       float* out) {
    constexpr std::int64_t kStep = std::int64_t{kTiles} * kChannels;
    const std::int64_t tiles = (n + winograd::kPixels - 1) / winograd::kPixels;
    for (int part = 0; part < winograd::kParts; ++part) {
        const float* weights = layer.kernel[part][0];
        float* to = products + part * kStep;
        std::int64_t tile = 0;
        for (; tile + kBlock / 2 < tiles; tile += kBlock) {
            part_block<Lanes, In, kBlock>(rows, tile * kTile + part * kChannels, weights, to + tile * kChannels);
        }
        if (tile < tiles) {
            part_block<Lanes, In, kBlock / 2>(rows, tile * kTile + part * kChannels, weights, to + tile * kChannels);
        }
    }
    for (std::int64_t tile = 0; tile < tiles; ++tile, out += winograd::kPixels * To) {
        for (int c = 0; c < kChannels; c += Lanes) {
            Lane<Lanes> sums[winograd::kPixels];
            winograd::results<Lanes>(products + tile * kChannels + c, kStep, sums);
            FIQX_UNROLL
            for (int p = 0; p < winograd::kPixels; ++p) {
                const Lane<Lanes> sum = sums[p] + lanes<Lanes>(layer.bias + c);
                rectify<Lanes>(sum, layer.slope + c, out + p * To + c);
            }
        }
    }
}

/// The parts of the tiles that `n` results are made of. What the last tile has beyond their input counts as zero: it
/// cancels in the results, but what is left in the buffer could have any size.
template <int Lanes>
FIQX_HD void parts_of(float* row, std::int64_t n, float* out) {
    std::fill_n(row + (n + 2) * kChannels, winograd::kPixels * kChannels, 0.0F);
    for (std::int64_t x = 0; x < n; x += winograd::kPixels, out += kTile) {
        winograd::tile_parts<Lanes, kChannels>(row + x * kChannels, out);
    }
}

template <int Lanes>
FIQX_HD void widen(Lane<Lanes>& most, const float* at) {
    const auto& value = lanes<Lanes>(at);
    most = value > most ? value : most;
}

/// The first convolution, and the largest of each 2×2 of it: a row of n from four rows of colours.
template <int Lanes>
FIQX_HD void pooled_row(const First& layer, const float* const* rows, std::int64_t n, float* out) {
    alignas(64) float above[kBlock * kChannels];
    alignas(64) float below[kBlock * kChannels];
    for (std::int64_t x = 0; x < n; x += kBlock / 2, out += kBlock / 2 * kChannels) {
        first_block<Lanes>(layer, rows, 2 * x, above);
        first_block<Lanes>(layer, rows + 1, 2 * x, below);
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
        pooled_row<Lanes>(net.first, four, n + 4, buffers.row);
        parts_of<Lanes>(buffers.row, n + 2, buffers.pooled[pooled % 3]);
        if (pooled < 2) { continue; }
        const auto three = [&](const auto& ring, std::int64_t last, const float** out) {
            for (int i = 0; i < 3; ++i) { out[i] = ring[(last - 2 + i) % 3]; }
        };
        const float* below[3];
        three(buffers.pooled, pooled, below);
        convolved<Lanes, kFirst, kChannels>(net.second, below, n + 2, buffers.products, buffers.row);
        parts_of<Lanes>(buffers.row, n, buffers.second[(pooled - 2) % 3]);
        if (pooled < 4) { continue; }
        three(buffers.second, pooled - 2, below);
        for (int half = 0; half < 2; ++half) {
            float* third = buffers.third + half * kChannels;
            convolved<Lanes, kSecond, kThird>(net.third[half], below, n, buffers.products, third);
        }
        answers<Lanes>(net.heads, buffers.third, n, a.out + ((pooled - 4) * columns + first) * kAnswers);
    }
}

template <int Lanes>
FIQX_HD void strips(const Network& net, const Pnet& a, Buffers& buffers) {
    const std::int64_t columns = a.width / 2 - 5;
    const std::int64_t count = (columns + kStrip - 1) / kStrip;
    const std::int64_t wide = (columns + count - 1) / count;
    for (std::int64_t first = 0; first < columns; first += wide) {
        strip<Lanes>(net, a, first, std::min(wide, columns - first), buffers);
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

    void read(First& layer) {
        read(layer.kernel, 9 * kColors, kFirst);
        skip(9 * kColors * kFirst);
        read_rest(layer, kFirst, 0);
        skip(2 * kFirst);
    }

    template <int In>
    void read(Convolution<In>* layers, int out) {
        const float* kernel = from_;
        skip(9 * In * out);
        for (int first = 0; first < out; first += kChannels) {
            read_parts(layers[first / kChannels], kernel + first, out);
            read_rest(layers[first / kChannels], out, first);
        }
        skip(2 * out);
    }
    float operator[](int i) const { return from_[i]; }

private:
    template <class Layer>
    void read_rest(Layer& layer, int out, int first) {
        Reader rest = *this;
        rest.read(&layer.bias, 1, out, first);
        rest.skip(out);
        rest.read(&layer.slope, 1, out, first);
    }

    template <int In>
    static void read_parts(Convolution<In>& layer, const float* kernel, int out) {
        for (int row = 0; row < 3 * In; ++row) {
            const float* taps = kernel + (row / In * 3 * In + row % In) * out;
            for (int i = 0; i < kChannels; ++i) {
                float parts[winograd::kParts];
                winograd::kernel_parts(taps[i], taps[In * out + i], taps[2 * In * out + i], parts);
                for (int part = 0; part < winograd::kParts; ++part) { layer.kernel[part][row][i] = parts[part]; }
            }
        }
    }

    const float* from_;
};

Network network_of(const float* parameters) {
    Network net;
    Reader reader(parameters);
    reader.read(net.first);
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
