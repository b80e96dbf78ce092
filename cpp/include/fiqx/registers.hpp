#pragma once
/// Floats side by side in one register, for CPU loops that keep their sums in registers: these must be as wide as those
/// of the processor, because the compiler keeps wider vectors in memory. A loop is a template over the number of lanes,
/// always inlined (FIQX_HD) into a function for each kind of processor (FIQX_LANES_8, FIQX_LANES_16).

#include "fiqx/hd.hpp"

namespace fiqx {

template <int Lanes>
struct Register;
template <>
struct Register<4> {
    using type = float __attribute__((vector_size(16), may_alias, aligned(4)));
};
template <>
struct Register<8> {
    using type = float __attribute__((vector_size(32), may_alias, aligned(4)));
};
template <>
struct Register<16> {
    using type = float __attribute__((vector_size(64), may_alias, aligned(4)));
};

/// `Lanes` floats at any address. Passed by reference only: by value it would depend on the processor chosen.
template <int Lanes>
using Lane = typename Register<Lanes>::type;

template <int Lanes>
FIQX_HD const Lane<Lanes>& lanes(const float* at) {
    return *reinterpret_cast<const Lane<Lanes>*>(at);
}
template <int Lanes>
FIQX_HD Lane<Lanes>& lanes(float* at) {
    return *reinterpret_cast<Lane<Lanes>*>(at);
}

#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GNUC__) && !defined(__clang__)
#define FIQX_LANES_8 __attribute__((target("arch=x86-64-v3")))
#define FIQX_LANES_16 __attribute__((target("arch=x86-64-v4")))
/// The widest registers of this processor: 16, 8 or 4 floats.
inline int widest_lanes() {
    return __builtin_cpu_supports("x86-64-v4") ? 16 : __builtin_cpu_supports("x86-64-v3") ? 8 : 4;
}
#else  // all three are then the same
#define FIQX_LANES_8
#define FIQX_LANES_16
inline int widest_lanes() { return 4; }
#endif

}  // namespace fiqx
