#pragma once
/// The services of the CUDA runtime that the portable code needs. Built without CUDA, `count` is 0 and everything
/// else throws CudaUnavailableError; built with it, every function throws CudaError when a CUDA call fails.

#include <cstddef>
#include <cstdint>
#include <string>

#include "fiqx/tensor.hpp"

namespace fiqx::device {

/// Whether this library was compiled by nvcc.
bool built();
/// Number of usable devices; 0 without a driver. Never throws.
int count();
/// Why `count` is 0, in words; empty otherwise.
std::string reason();
/// Index of the device that owns a pointer. Throws InvalidInputError for host memory.
int owner(const void* pointer, const std::string& name);

/// Memory of a device. Neither is ordered with any stream: `release` waits for work in flight.
void* allocate(std::size_t bytes, int index);
void release(void* pointer, int index) noexcept;

/// Copies between host and device on a stream, and waits for them.
void to_host(void* host, const void* source, std::size_t bytes, const Place& place);
void from_host(void* target, const void* host, std::size_t bytes, const Place& place);

/// Makes the stream of `place` wait for what `other` has been given so far. Does not block the host.
void wait(const Place& place, std::uintptr_t other);
/// Blocks until the stream of `place` is idle.
void synchronize(const Place& place);

}  // namespace fiqx::device
