#pragma once
// What memory there is, and whose.

#include <cstddef>

namespace emulated {

enum class Owner { pageable, pinned, device, mixed };

constexpr std::size_t kStaticShared = 48U << 10U;   // of a block, by default
constexpr std::size_t kDynamicShared = 99U << 10U;  // at most, by cudaFuncAttributeMaxDynamicSharedMemorySize
constexpr std::size_t kDeviceMemory = std::size_t{1} << 30U;

/// Whose memory a range is; mixed if it is not wholly of one allocation.
Owner owner_of(const void* start, std::size_t bytes);
/// New memory, or null beyond kDeviceMemory.
void* obtain(std::size_t bytes, Owner owner);
/// False if `start` begins no allocation of this owner.
bool give_back(void* start, Owner owner);
std::size_t device_bytes();
/// Whether nothing has written beyond an allocation.
bool memory_intact();

}  // namespace emulated
