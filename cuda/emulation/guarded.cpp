#include "emulated/guarded.hpp"

#include <algorithm>
#include <cstring>
#include <new>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(start, bytes) static_cast<void>(start)
#define ASAN_UNPOISON_MEMORY_REGION(start, bytes) static_cast<void>(start)
#endif

namespace emulated {
namespace {

constexpr std::size_t kWall = 256;  // cudaMalloc aligns to as much
constexpr std::align_val_t kAlign{kWall};
constexpr unsigned char kOnes = 0xFF;
constexpr unsigned char kBrick = 0xB5;

}  // namespace

Guarded::Guarded(std::size_t bytes)
    : bytes_(bytes), data_(static_cast<unsigned char*>(::operator new(bytes + 2 * kWall, kAlign)) + kWall) {
    std::memset(data_ - kWall, kBrick, kWall);
    std::memset(data_ + bytes_, kBrick, kWall);
    fill();
    ASAN_POISON_MEMORY_REGION(data_ - kWall, kWall);
    ASAN_POISON_MEMORY_REGION(data_ + bytes_, kWall);
}

Guarded::~Guarded() {
    ASAN_UNPOISON_MEMORY_REGION(data_ - kWall, bytes_ + 2 * kWall);
    ::operator delete(data_ - kWall, kAlign);
}

void Guarded::fill() { std::memset(data_, kOnes, bytes_); }

void Guarded::forbid() const { ASAN_POISON_MEMORY_REGION(data_, bytes_); }

bool Guarded::intact() const {
#if defined(__SANITIZE_ADDRESS__)
    return true;  // nobody gets as far as that
#else
    const auto brick = [](unsigned char byte) { return byte == kBrick; };
    return std::all_of(data_ - kWall, data_, brick) && std::all_of(data_ + bytes_, data_ + bytes_ + kWall, brick);
#endif
}

}  // namespace emulated
