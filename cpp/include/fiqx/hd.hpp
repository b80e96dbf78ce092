#pragma once
/// Compiler attributes of formulas and loops.
///
/// FIQX_HD    on a formula of body/: callable on host and device, always inlined into its loop.
/// FIQX_UNROLL  before a short loop of a formula, so that the loop around it can be vectorised.
/// FIQX_SIMD  on a CPU loop: compiled for AVX-512, AVX2 and baseline x86-64, chosen when the library is loaded, so
///            that one binary runs on every x86-64. The sums keep their order and contraction is off, so the three
///            versions return the same bits.

#if defined(__CUDACC__)
#define FIQX_HD __host__ __device__ __forceinline__
#define FIQX_UNROLL  // nvcc unrolls by itself
#else
#define FIQX_HD inline __attribute__((always_inline))
#define FIQX_UNROLL _Pragma("GCC unroll 16")
#endif

// AddressSanitizer is not ready when the loader chooses the version, so its build has the baseline alone.
#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__CUDACC__) && !defined(__SANITIZE_ADDRESS__)
#define FIQX_SIMD __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define FIQX_SIMD
#endif
