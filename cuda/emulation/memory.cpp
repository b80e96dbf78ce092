#include "memory.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <memory>

#include "emulated/guarded.hpp"

namespace emulated {
namespace {

struct Allocation {
    std::unique_ptr<Guarded> memory;
    Owner owner;
};

std::map<std::uintptr_t, Allocation> allocations;
std::size_t in_use = 0;

/// What was freed last stays a while, filled with ones: a use after the end shows.
std::deque<std::unique_ptr<Guarded>> freed;
std::size_t freed_bytes = 0;
constexpr std::size_t kFreedBytes = std::size_t{64} << 20U;

void retire(std::unique_ptr<Guarded> memory) {
    memory->fill();
    memory->forbid();
    freed_bytes += memory->bytes();
    freed.push_back(std::move(memory));
    while (freed_bytes > kFreedBytes) {
        freed_bytes -= freed.front()->bytes();
        freed.pop_front();
    }
}

std::uintptr_t address_of(const void* pointer) { return reinterpret_cast<std::uintptr_t>(pointer); }

}  // namespace

Owner owner_of(const void* start, std::size_t bytes) {
    const std::uintptr_t first = address_of(start);
    const std::uintptr_t end = first + (bytes > 0 ? bytes : 1);
    auto after = allocations.lower_bound(end);  // the allocation before it is the last that may overlap
    if (after == allocations.begin()) { return Owner::pageable; }
    const auto& [base, allocation] = *--after;
    const std::uintptr_t limit = base + allocation.memory->bytes();
    if (limit <= first) { return Owner::pageable; }
    return base <= first && end <= limit ? allocation.owner : Owner::mixed;
}

void* obtain(std::size_t bytes, Owner owner) {
    if (bytes > kDeviceMemory - in_use) { return nullptr; }
    auto memory = std::make_unique<Guarded>(bytes);
    void* start = memory->data();
    in_use += owner == Owner::device ? bytes : 0;
    allocations.emplace(address_of(start), Allocation{std::move(memory), owner});
    return start;
}

bool give_back(void* start, Owner owner) {
    const auto found = allocations.find(address_of(start));
    if (found == allocations.end() || found->second.owner != owner) { return false; }
    in_use -= owner == Owner::device ? found->second.memory->bytes() : 0;
    retire(std::move(found->second.memory));
    allocations.erase(found);
    return true;
}

std::size_t device_bytes() { return in_use; }

bool memory_intact() {
    for (const auto& [base, allocation] : allocations) {
        if (!allocation.memory->intact()) { return false; }
    }
    return true;
}

}  // namespace emulated
