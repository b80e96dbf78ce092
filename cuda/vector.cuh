#pragma once
// Neighbours in one access: a thread that moves 16 bytes at a time keeps more of them in flight.

#include <cstdint>

namespace fiqx::cuda {

/// N neighbours that are loaded and stored together, from an address that is a multiple of their size.
template <class T, int N>
struct alignas(sizeof(T) * N) Pack {
    T at[N];
};

/// Whether arrays of rows of `width` values can be read in packs: every row begins at a multiple of a pack.
template <class T, int N>
bool packs_fit(const T* data, std::int64_t width) {
    return reinterpret_cast<std::uintptr_t>(data) % sizeof(Pack<T, N>) == 0 && width % N == 0;
}

/// Neighbours `at` … `at + N - 1` of a row of `width` values, zeros beyond its end. `Whole`: packs_fit holds.
template <int N, bool Whole, class T>
__device__ Pack<T, N> load(const T* row, std::int64_t at, std::int64_t width) {
    if constexpr (Whole) {
        return *reinterpret_cast<const Pack<T, N>*>(row + at);
    } else {
        Pack<T, N> pack;
        for (int k = 0; k < N; ++k) { pack.at[k] = at + k < width ? row[at + k] : T{}; }
        return pack;
    }
}

}  // namespace fiqx::cuda
