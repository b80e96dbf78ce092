#pragma once
// What a thread sees: who it is, the threads it waits for, the memory it shares with them.

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "emulated/guarded.hpp"
#include "emulated/types.hpp"

namespace emulated {

/// Where in the source a thread waits.
struct Site {
    const char* what;
    const char* file;
    int line;
    bool operator==(const Site& other) const {
        const auto same = [](const char* a, const char* b) { return a == b || std::strcmp(a, b) == 0; };
        return line == other.line && same(what, other.what) && same(file, other.file);
    }
};

/// Waits for every thread of the block; what becomes of their predicates.
struct Votes {
    int count;
    bool all, any;
};
Votes barrier(Site site, bool predicate);

/// Waits for the lanes of `mask`. Each gives 8 bytes and takes those of the lane `source`.
struct Exchanged {
    std::uint64_t value;
    std::uint32_t ballot;
};
Exchanged exchange(Site site, std::uint32_t mask, std::uint64_t value, unsigned source, bool predicate);
unsigned own_lane();

/// Ends the launch with an error that says so.
[[noreturn]] void misused(Site site, const char* why);

extern uint3 thread_index, block_index;
extern dim3 block_extent, grid_extent;

/// A `__shared__` variable, one for the whole grid: blocks come one after the other.
class SharedVariable {
public:
    explicit SharedVariable(std::size_t bytes) : memory_(bytes) {}
    /// Its memory, undefined again where this block has not touched it yet.
    void* touch();

private:
    Guarded memory_;
    std::uint64_t block_ = 0;
};

template <class T, class Declaration>
T& shared(Declaration) {
    static_assert(std::is_trivially_destructible_v<T>);
    static SharedVariable variable(sizeof(T));
    return *static_cast<T*>(variable.touch());
}

void* dynamic_shared_memory();

template <class T>
T* dynamic_shared() {
    return static_cast<T*>(dynamic_shared_memory());
}

template <class T>
T shuffle(Site site, std::uint32_t mask, T value, unsigned source) {
    static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= 8 && sizeof(T) >= 4, "no shuffle takes this type");
    std::uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof value);
    bits = exchange(site, mask, bits, source, false).value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

/// The first lane of one's own group of `width` lanes.
inline unsigned group_start(Site site, int width) {
    const bool power = width > 0 && width <= 32 && (width & (width - 1)) == 0;
    if (!power) { misused(site, "width is not 1, 2, 4, 8, 16 or 32"); }
    return own_lane() & ~static_cast<unsigned>(width - 1);
}

}  // namespace emulated

static constexpr int warpSize = 32;
static constexpr const uint3& threadIdx = emulated::thread_index;
static constexpr const uint3& blockIdx = emulated::block_index;
static constexpr const dim3& blockDim = emulated::block_extent;
static constexpr const dim3& gridDim = emulated::grid_extent;

// The caller's place, as a default argument sees it.
#define EMULATED_AT const char *file = __builtin_FILE(), int line = __builtin_LINE()
#define EMULATED_SITE \
    ::emulated::Site { __func__, file, line }

inline void __syncthreads(EMULATED_AT) { emulated::barrier(EMULATED_SITE, false); }
inline int __syncthreads_and(int x, EMULATED_AT) { return emulated::barrier(EMULATED_SITE, x != 0).all; }
inline int __syncthreads_or(int x, EMULATED_AT) { return emulated::barrier(EMULATED_SITE, x != 0).any; }
inline int __syncthreads_count(int x, EMULATED_AT) { return emulated::barrier(EMULATED_SITE, x != 0).count; }

inline void __syncwarp(unsigned mask = 0xFFFFFFFFU, EMULATED_AT) {
    emulated::exchange(EMULATED_SITE, mask, 0, emulated::own_lane(), false);
}
inline unsigned __ballot_sync(unsigned mask, int x, EMULATED_AT) {
    return emulated::exchange(EMULATED_SITE, mask, 0, emulated::own_lane(), x != 0).ballot;
}
inline int __any_sync(unsigned mask, int x, EMULATED_AT) {
    return emulated::exchange(EMULATED_SITE, mask, 0, emulated::own_lane(), x != 0).ballot != 0;
}
inline int __all_sync(unsigned mask, int x, EMULATED_AT) {
    return emulated::exchange(EMULATED_SITE, mask, 0, emulated::own_lane(), x == 0).ballot == 0;
}

template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32, EMULATED_AT) {
    const unsigned start = emulated::group_start(EMULATED_SITE, width);
    return emulated::shuffle(EMULATED_SITE, mask, value, start + (static_cast<unsigned>(source) & (width - 1U)));
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, EMULATED_AT) {
    const unsigned lane = emulated::own_lane();
    const bool inside = lane - emulated::group_start(EMULATED_SITE, width) >= delta;
    return emulated::shuffle(EMULATED_SITE, mask, value, inside ? lane - delta : lane);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, EMULATED_AT) {
    const unsigned lane = emulated::own_lane();
    const bool inside = lane + delta < emulated::group_start(EMULATED_SITE, width) + width;
    return emulated::shuffle(EMULATED_SITE, mask, value, inside ? lane + delta : lane);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int with, int width = 32, EMULATED_AT) {
    const unsigned lane = emulated::own_lane();
    const unsigned source = lane ^ static_cast<unsigned>(with);
    const bool inside = source < emulated::group_start(EMULATED_SITE, width) + width;
    return emulated::shuffle(EMULATED_SITE, mask, value, inside ? source : lane);
}
#undef EMULATED_SITE
#undef EMULATED_AT

inline void __threadfence() {}
inline void __threadfence_block() {}

// One thread runs at a time, and changes only where it waits: a plain update is atomic.
#define EMULATED_ATOMIC(name, type, update)       \
    inline type name(type* address, type value) { \
        const type old = *address;                \
        *address = (update);                      \
        return old;                               \
    }
#define EMULATED_INTEGER_ATOMICS(type)                               \
    EMULATED_ATOMIC(atomicMin, type, old < value ? old : value)      \
    EMULATED_ATOMIC(atomicMax, type, old < value ? value : old)      \
    EMULATED_ATOMIC(atomicAnd, type, old& value)                     \
    EMULATED_ATOMIC(atomicOr, type, old | value)                     \
    EMULATED_ATOMIC(atomicXor, type, old ^ value)                    \
    EMULATED_ATOMIC(atomicExch, type, value)                         \
    inline type atomicCAS(type* address, type compare, type value) { \
        const type old = *address;                                   \
        *address = old == compare ? value : old;                     \
        return old;                                                  \
    }
EMULATED_INTEGER_ATOMICS(int)
EMULATED_INTEGER_ATOMICS(unsigned)
EMULATED_INTEGER_ATOMICS(unsigned long long)
EMULATED_ATOMIC(atomicAdd, int, static_cast<int>(static_cast<unsigned>(old) + static_cast<unsigned>(value)))
EMULATED_ATOMIC(atomicAdd, unsigned, old + value)
EMULATED_ATOMIC(atomicAdd, unsigned long long, old + value)
EMULATED_ATOMIC(atomicAdd, float, old + value)
EMULATED_ATOMIC(atomicAdd, double, old + value)
#undef EMULATED_INTEGER_ATOMICS
#undef EMULATED_ATOMIC
