#include "fiqx/stores.hpp"

#include <cstring>

#include "fiqx/body/half.hpp"
#include "fiqx/hd.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace fiqx {
namespace {

FIQX_SIMD void half_by_formula(const float* __restrict in, std::uint16_t* __restrict out, std::int64_t n) {
    for (std::int64_t i = 0; i < n; ++i) { out[i] = body::half_bits(in[i]); }
}

}  // namespace

#if defined(__x86_64__)

namespace {

__attribute__((target("avx,f16c"))) void half_by_instruction(const float* in, std::uint16_t* out, std::int64_t n) {
    std::int64_t i = 0;
    for (; i + 8 <= n; i += 8) {
        const __m128i halves = _mm256_cvtps_ph(_mm256_loadu_ps(in + i), _MM_FROUND_TO_NEAREST_INT);
        _mm_storeu_si128(reinterpret_cast<__m128i*>(out + i), halves);
    }
    for (; i < n; ++i) { out[i] = body::half_bits(in[i]); }
}

}  // namespace

void store_half(const float* in, std::uint16_t* out, std::int64_t n) {
    static const bool instruction = __builtin_cpu_supports("f16c") != 0;
    (instruction ? half_by_instruction : half_by_formula)(in, out, n);
}

void store_past_cache(const float* in, float* out, std::int64_t n) {
    std::int64_t i = 0;
    for (; i < n && reinterpret_cast<std::uintptr_t>(out + i) % 16 != 0; ++i) { out[i] = in[i]; }
    for (; i + 4 <= n; i += 4) { _mm_stream_ps(out + i, _mm_loadu_ps(in + i)); }
    for (; i < n; ++i) { out[i] = in[i]; }
    _mm_sfence();  // other threads read the result after an ordinary barrier, which does not cover such stores
}

#else

void store_half(const float* in, std::uint16_t* out, std::int64_t n) { half_by_formula(in, out, n); }

void store_past_cache(const float* in, float* out, std::int64_t n) {
    std::memcpy(out, in, static_cast<std::size_t>(n) * sizeof(float));
}

#endif

}  // namespace fiqx
