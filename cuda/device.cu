#include "fiqx/device.hpp"

#include <atomic>
#include <cstdlib>
#include <map>
#include <mutex>
#include <set>
#include <vector>

#include "launch.cuh"

namespace fiqx::device {

using cuda::check;
using cuda::DeviceGuard;
using cuda::stream_of;

namespace {

/// Limit of released memory that a device's pool keeps for reuse; the driver takes back the rest.
constexpr std::uint64_t kKept = std::uint64_t{1} << 30;

std::atomic<std::uint64_t> copied_up{0};
std::atomic<std::uint64_t> copied_down{0};

// Never destroyed: arrays may be released while the process ends.
std::mutex& idle_mutex() {
    static auto* mutex = new std::mutex;
    return *mutex;
}

std::map<int, std::vector<std::uintptr_t>>& idle_streams() {
    static auto* streams = new std::map<int, std::vector<std::uintptr_t>>;
    return *streams;
}

/// By default a pool frees everything whenever the host waits, and the next allocation is slow.
void keep_released_memory(int index) {
    static auto* done = new std::set<int>;
    const std::lock_guard<std::mutex> lock(idle_mutex());
    if (!done->insert(index).second) { return; }
    cudaMemPool_t pool = nullptr;
    check(cudaDeviceGetDefaultMemPool(&pool, index), "cudaDeviceGetDefaultMemPool");
    std::uint64_t kept = 0;
    check(cudaMemPoolGetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &kept), "cudaMemPoolGetAttribute");
    if (kept >= kKept) { return; }
    kept = kKept;
    check(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &kept), "cudaMemPoolSetAttribute");
}

}  // namespace

bool built() { return true; }

int count() {
    int devices = 0;
    if (cudaGetDeviceCount(&devices) == cudaSuccess) { return devices; }
    (void)cudaGetLastError();
    return 0;
}

std::string reason() {
    int devices = 0;
    const cudaError_t status = cudaGetDeviceCount(&devices);
    if (status == cudaSuccess && devices > 0) { return ""; }
    (void)cudaGetLastError();
    const std::string why = status == cudaSuccess ? "no device is visible" : cudaGetErrorString(status);
    return "no CUDA device can be used here (" + why +
           "); give NumPy arrays, or check nvidia-smi and CUDA_VISIBLE_DEVICES";
}

int owner(const void* pointer, const std::string& name) {
    if (count() == 0) { throw CudaUnavailableError(reason()); }
    cudaPointerAttributes attributes{};
    check(cudaPointerGetAttributes(&attributes, pointer), "cudaPointerGetAttributes");
    const bool device = attributes.type == cudaMemoryTypeDevice || attributes.type == cudaMemoryTypeManaged;
    if (device) { return attributes.device; }
    throw InvalidInputError(name +
                            " has a __cuda_array_interface__ that points to host memory; give the NumPy array itself");
}

void* allocate(std::size_t bytes, const Place& place) {
    if (count() == 0) { throw CudaUnavailableError(reason()); }
    const DeviceGuard guard(place.index);
    keep_released_memory(place.index);
    void* pointer = nullptr;
    if (bytes > 0) { check(cudaMallocAsync(&pointer, bytes, stream_of(place.stream)), "cudaMallocAsync"); }
    return pointer;
}

void release(void* pointer, const Place& place, bool wait) noexcept {
    if (pointer == nullptr) { return; }
    try {
        const DeviceGuard guard(place.index);
        if (wait) { (void)cudaDeviceSynchronize(); }
        (void)cudaFreeAsync(pointer, stream_of(place.stream));
    } catch (const CudaError&) {  // the driver is shutting down and has freed everything
    }
}

std::uintptr_t open_stream(int index) {
    if (count() == 0) { throw CudaUnavailableError(reason()); }
    {
        const std::lock_guard<std::mutex> lock(idle_mutex());
        auto& idle = idle_streams()[index];
        if (!idle.empty()) {
            const std::uintptr_t stream = idle.back();
            idle.pop_back();
            return stream;
        }
    }
    const DeviceGuard guard(index);
    cudaStream_t stream = nullptr;
    check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
    return reinterpret_cast<std::uintptr_t>(stream);
}

void close_stream(std::uintptr_t stream, int index) noexcept {
    const std::lock_guard<std::mutex> lock(idle_mutex());
    idle_streams()[index].push_back(stream);
}

void* allocate_pinned(std::size_t bytes) {
    if (count() == 0) { return std::malloc(bytes); }
    void* pointer = nullptr;
    check(cudaHostAlloc(&pointer, bytes, cudaHostAllocPortable), "cudaHostAlloc");
    return pointer;
}

void release_pinned(void* pointer) noexcept {
    if (count() == 0) {
        std::free(pointer);
    } else {
        (void)cudaFreeHost(pointer);
    }
}

void copy(void* target, const void* source, std::size_t bytes, Way way, const Place& place) {
    const DeviceGuard guard(place.index);
    const cudaMemcpyKind kind = way == Way::up     ? cudaMemcpyHostToDevice
                                : way == Way::down ? cudaMemcpyDeviceToHost
                                                   : cudaMemcpyDefault;
    check(cudaMemcpyAsync(target, source, bytes, kind, stream_of(place.stream)), "cudaMemcpyAsync");
    if (way == Way::up) { copied_up += bytes; }
    if (way == Way::down) { copied_down += bytes; }
}

void zero(void* target, std::size_t bytes, const Place& place) {
    const DeviceGuard guard(place.index);
    check(cudaMemsetAsync(target, 0, bytes, stream_of(place.stream)), "cudaMemsetAsync");
}

Traffic traffic() { return {copied_up, copied_down}; }

void wait(const Place& place, std::uintptr_t other) {
    const DeviceGuard guard(place.index);
    cudaEvent_t event = nullptr;
    check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "cudaEventCreateWithFlags");
    cudaError_t status = cudaEventRecord(event, stream_of(other));
    if (status == cudaSuccess) { status = cudaStreamWaitEvent(stream_of(place.stream), event, 0); }
    (void)cudaEventDestroy(event);
    check(status, "cudaStreamWaitEvent");
}

void synchronize(const Place& place) {
    const DeviceGuard guard(place.index);
    check(cudaStreamSynchronize(stream_of(place.stream)), "cudaStreamSynchronize");
}

}  // namespace fiqx::device
