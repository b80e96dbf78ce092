#pragma once
/// The services of the CUDA runtime that the portable code needs. Built without CUDA, `count` is 0 and everything
/// else throws CudaUnavailableError; built with it, every function throws CudaError when a CUDA call fails.

#include <cstddef>
#include <cstdint>
#include <string>

#include "fiqx/tensor.hpp"

namespace fiqx::device {

/// Direction of a copy.
enum class Way : std::uint8_t { up, down, within };

/// Bytes copied to devices and from them.
struct Traffic {
    std::uint64_t up = 0;
    std::uint64_t down = 0;
};

/// Whether this library was compiled by nvcc.
bool built();
/// Whether its "CUDA" is the emulation of cuda/emulation, which only tests use.
constexpr bool emulated() {
#if defined(FIQX_CUDA_EMULATED)
    return true;
#else
    return false;
#endif
}
/// Number of visible devices; 0 without a driver, and if none of them can be used.
int count();
/// The reason why a device cannot be used, as a text; empty otherwise.
std::string reason(int index);
/// Index of the device that owns a pointer. Throws InvalidInputError for host memory.
int owner(const void* pointer, const std::string& name);

/// Memory of a device, ordered on the stream of `place`: a released block may be reused by work that is queued there
/// later. Neither call blocks the host; memory is kept for reuse up to a limit. With `wait`, `release` first waits for
/// all work of the device, for memory that unknown streams may read.
void* allocate(std::size_t bytes, const Place& place);
void release(void* pointer, const Place& place, bool wait) noexcept;

/// A stream that does not wait for the default one. Streams are never destroyed, but returned and reused: memory that
/// is released on a stream may outlive the user of the stream.
std::uintptr_t open_stream(int index);
void close_stream(std::uintptr_t stream, int index) noexcept;

/// Host memory; free it by `release_pinned` if it is page-locked, else by std::free.
struct HostMemory {
    void* data = nullptr;
    bool locked = false;
};
/// Page-locked host memory, for copies that do not block the host; ordinary memory where `count` is 0.
HostMemory allocate_pinned(std::size_t bytes);
/// Frees page-locked memory, also if `count` is 0 by then: in a forked child, or after a failed launch.
void release_pinned(void* pointer) noexcept;

/// Copies between any two places, at least one of them a device, on the stream of `place`. Blocks only where the host's
/// side is not page-locked.
void copy(void* target, const void* source, std::size_t bytes, Way way, const Place& place);
/// Zeroes memory on the stream of `place`.
void zero(void* target, std::size_t bytes, const Place& place);
/// Bytes copied by `copy` in this process.
Traffic traffic();

/// Makes the stream of `place` wait for all work queued on `other` so far. Does not block the host.
void wait(const Place& place, std::uintptr_t other);
/// Blocks until the stream of `place` is idle.
void synchronize(const Place& place);

}  // namespace fiqx::device
