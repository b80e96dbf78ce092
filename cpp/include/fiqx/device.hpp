#pragma once
/// The services of the CUDA runtime that the portable code needs. Built without CUDA, `count` is 0 and everything
/// else throws CudaUnavailableError; built with it, every function throws CudaError when a CUDA call fails.

#include <cstddef>
#include <cstdint>
#include <string>

#include "fiqx/tensor.hpp"

namespace fiqx::device {

/// Which way a copy goes.
enum class Way : std::uint8_t { up, down, within };

/// Bytes that were copied up to devices and down from them.
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
/// Number of usable devices; 0 without a driver. Never throws.
int count();
/// Why `count` is 0, in words; empty otherwise.
std::string reason();
/// Index of the device that owns a pointer. Throws InvalidInputError for host memory.
int owner(const void* pointer, const std::string& name);

/// Memory of a device, ordered on the stream of `place`: a released block may be given out again for work that is
/// queued there later. Neither blocks the host; memory is kept for reuse up to a limit. `wait` first waits for all of
/// the device's work: streams that nobody here knows of may be reading.
void* allocate(std::size_t bytes, const Place& place);
void release(void* pointer, const Place& place, bool wait) noexcept;

/// A stream that does not wait for the default one. Streams are never destroyed, only handed back and given out again:
/// memory that is released on one may outlive its user.
std::uintptr_t open_stream(int index);
void close_stream(std::uintptr_t stream, int index) noexcept;

/// Page-locked host memory, which copies run from and to while the host goes on; ordinary memory where `count` is 0.
void* allocate_pinned(std::size_t bytes);
void release_pinned(void* pointer) noexcept;

/// Copies between any two places, at least one of them a device, on the stream of `place`. Blocks only where the host's
/// side is not page-locked.
void copy(void* target, const void* source, std::size_t bytes, Way way, const Place& place);
/// Zeroes memory on the stream of `place`.
void zero(void* target, std::size_t bytes, const Place& place);
/// What `copy` moved so far in this process.
Traffic traffic();

/// Makes the stream of `place` wait for what `other` has been given so far. Does not block the host.
void wait(const Place& place, std::uintptr_t other);
/// Blocks until the stream of `place` is idle.
void synchronize(const Place& place);

}  // namespace fiqx::device
