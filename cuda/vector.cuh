#pragma once
// Neighbours in one access: a thread that moves 16 bytes at a time keeps more of them in flight.

#include <cuda_runtime.h>

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "fiqx/body/half.hpp"

#if defined(__CUDACC__)
#include <cuda_fp16.h>
#endif

namespace fiqx::cuda {

/// N neighbours that are loaded and stored together, at an address that is a multiple of their size.
template <class T, int N>
struct alignas(sizeof(T) * N) Pack {
    T at[N];
};

template <int Bytes>
struct WordOf;
template <>
struct WordOf<1> {
    using type = unsigned char;
};
template <>
struct WordOf<2> {
    using type = unsigned short;
};
template <>
struct WordOf<4> {
    using type = unsigned;
};
template <>
struct WordOf<8> {
    using type = uint2;
};
template <>
struct WordOf<16> {
    using type = uint4;
};

/// The type of a pack's accesses: one word, or several of 16 bytes.
template <class Pack>
struct Words {
    using Word = typename WordOf<(sizeof(Pack) < 16 ? sizeof(Pack) : 16)>::type;
    Word at[sizeof(Pack) / sizeof(Word)];
};

/// Whether rows of `width` values, one after the other from `data` on, consist of whole packs.
template <int N, class T>
bool packs_fit(const T* data, std::int64_t width) {
    return reinterpret_cast<std::uintptr_t>(data) % sizeof(Pack<T, N>) == 0 && width % N == 0;
}

/// Packs that hold `width` values.
FIQX_HD constexpr std::int64_t packs_in(std::int64_t width, int each) { return (width + each - 1) / each; }

/// Writes a pack to device memory.
template <class Pack>
__device__ __forceinline__ void store_whole(Pack* to, const Pack& pack) {
    using All = Words<Pack>;
    All words;
    memcpy(&words, &pack, sizeof pack);
    auto* target = reinterpret_cast<typename All::Word*>(to);
#pragma unroll
    for (int k = 0; k < static_cast<int>(sizeof words / sizeof words.at[0]); ++k) {
#if defined(__CUDA_ARCH__)
        __stwb(target + k, words.at[k]);  // a plain assignment may be split into its elements
#else
        target[k] = words.at[k];
#endif
    }
}

/// Neighbours `at` … `at + N - 1` of a row of `width` values, zeros beyond its end. `Whole`: packs_fit holds.
template <int N, bool Whole, class T>
__device__ __forceinline__ Pack<T, N> load(const T* row, std::int64_t at, std::int64_t width) {
    if constexpr (Whole) {
        return *reinterpret_cast<const Pack<T, N>*>(row + at);
    } else {
        Pack<T, N> pack;
#pragma unroll
        for (int k = 0; k < N; ++k) { pack.at[k] = at + k < width ? row[at + k] : T{}; }
        return pack;
    }
}

/// The way back; nothing is written beyond the end of the row.
template <bool Whole, class T, int N>
__device__ __forceinline__ void store(T* row, std::int64_t at, std::int64_t width, const Pack<T, N>& pack) {
    if constexpr (Whole) {
        store_whole(reinterpret_cast<Pack<T, N>*>(row + at), pack);
    } else {
#pragma unroll
        for (int k = 0; k < N; ++k) {
            if (at + k < width) { row[at + k] = pack.at[k]; }
        }
    }
}

/// A float as an element of a runtime's input: itself, or the nearest half. The half has the formula's bits, except for
/// NaN, which is 0x7FFF here, and 0x7E00 with its sign in the formula.
template <class Value>
__device__ __forceinline__ Value stored(float x) {
    if constexpr (std::is_same_v<Value, float>) {
        return x;
    } else {
#if defined(__CUDA_ARCH__)
        return __half_as_ushort(__float2half_rn(x));  // one instruction
#else
        return body::half_bits(x);
#endif
    }
}

}  // namespace fiqx::cuda
