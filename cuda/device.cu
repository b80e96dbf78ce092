#include "fiqx/device.hpp"

#include <atomic>
#include <cstdlib>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "code.cuh"
#include "launch.cuh"

namespace fiqx::device {

using cuda::check;
using cuda::DeviceGuard;
using cuda::stream_of;

namespace {

/// Limit of released memory that a device's pool keeps for reuse; the driver takes back the rest. By default a pool
/// frees everything whenever the host waits, and the next allocation is slow.
constexpr std::uint64_t kKept = std::uint64_t{1} << 30;

/// The last device that was used: calls that need any context must not create one on another device.
std::atomic<int> used{0};

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

int attribute_of(int index, cudaDeviceAttr attribute) {
    int value = 0;
    check(cudaDeviceGetAttribute(&value, attribute, index), "cudaDeviceGetAttribute");
    return value;
}

/// The reason why a visible device cannot be used; empty otherwise. Creates no context.
std::string unusable(int index) {
    const int major = attribute_of(index, cudaDevAttrComputeCapabilityMajor);
    const int minor = attribute_of(index, cudaDevAttrComputeCapabilityMinor);
    const std::string device = "CUDA device " + std::to_string(index);
    if (!cuda::has_code(FIQX_CUDA_CODE, major, minor)) {
        return device + " has compute capability " + std::to_string(major) + "." + std::to_string(minor) +
               ", and fiqx_trt is built for " FIQX_CUDA_CODE "; give NumPy arrays, or install it again with " +
               "-C cmake.define.CMAKE_CUDA_ARCHITECTURES=" + std::to_string(10 * major + minor);
    }
    if (attribute_of(index, cudaDevAttrMemoryPoolsSupported) == 0) {
        return device + " has no memory pools (cudaMallocAsync), as some virtual GPUs; give NumPy arrays";
    }
    return "";
}

/// Throws CudaUnavailableError if a device cannot be used, and records it as used otherwise.
void require(int index) {
    const std::string why = reason(index);
    if (!why.empty()) { throw CudaUnavailableError(why); }
    used = index;
}

cudaMemPool_t new_pool(int index) {
    cudaMemPoolProps properties{};
    properties.allocType = cudaMemAllocationTypePinned;
    properties.handleTypes = cudaMemHandleTypeNone;
    properties.location.type = cudaMemLocationTypeDevice;
    properties.location.id = index;
    cudaMemPool_t pool = nullptr;
    check(cudaMemPoolCreate(&pool, &properties), "cudaMemPoolCreate");
    std::uint64_t kept = kKept;
    const cudaError_t status = cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &kept);
    if (status != cudaSuccess) { (void)cudaMemPoolDestroy(pool); }
    check(status, "cudaMemPoolSetAttribute");
    return pool;
}

}  // namespace

}  // namespace fiqx::device

namespace fiqx::cuda {

cudaMemPool_t memory_pool(int index) {
    static auto* mutex = new std::mutex;
    static auto* pools = new std::map<int, cudaMemPool_t>;  // never destroyed, as the streams
    const std::lock_guard<std::mutex> lock(*mutex);
    cudaMemPool_t& pool = (*pools)[index];
    if (pool == nullptr) { pool = device::new_pool(index); }
    return pool;
}

}  // namespace fiqx::cuda

namespace fiqx::device {

bool built() { return true; }

int count() {
    int devices = 0;
    if (cudaGetDeviceCount(&devices) != cudaSuccess) {
        (void)cudaGetLastError();
        return 0;
    }
    for (int index = 0; index < devices; ++index) {
        if (unusable(index).empty()) { return devices; }
    }
    return 0;
}

std::string reason(int index) {
    int devices = 0;
    const cudaError_t status = cudaGetDeviceCount(&devices);
    if (status == cudaSuccess && 0 <= index && index < devices) { return unusable(index); }
    (void)cudaGetLastError();
    if (status == cudaSuccess && devices > 0) {
        return "there is no CUDA device " + std::to_string(index) + "; this machine has " + std::to_string(devices);
    }
    const std::string why = status == cudaSuccess ? "no device is visible" : cudaGetErrorString(status);
    return "no CUDA device can be used here (" + why +
           "); give NumPy arrays, or check nvidia-smi and CUDA_VISIBLE_DEVICES";
}

int owner(const void* pointer, const std::string& name) {
    if (count() == 0) { throw CudaUnavailableError(reason(0)); }
    const DeviceGuard guard(used);
    cudaPointerAttributes attributes{};
    check(cudaPointerGetAttributes(&attributes, pointer), "cudaPointerGetAttributes");
    const bool device = attributes.type == cudaMemoryTypeDevice || attributes.type == cudaMemoryTypeManaged;
    if (device) { return attributes.device; }
    throw InvalidInputError(name +
                            " has a __cuda_array_interface__ that points to host memory; give the NumPy array itself");
}

void* allocate(std::size_t bytes, const Place& place) {
    require(place.index);
    const DeviceGuard guard(place.index);
    void* pointer = nullptr;
    if (bytes > 0) {
        const cudaMemPool_t pool = cuda::memory_pool(place.index);
        check(cudaMallocFromPoolAsync(&pointer, bytes, pool, stream_of(place.stream)), "cudaMallocFromPoolAsync");
    }
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
    require(index);
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

HostMemory allocate_pinned(std::size_t bytes) {
    if (count() == 0) { return {std::malloc(bytes), false}; }
    const DeviceGuard guard(used);
    void* pointer = nullptr;
    check(cudaHostAlloc(&pointer, bytes, cudaHostAllocPortable), "cudaHostAlloc");
    return {pointer, true};
}

void release_pinned(void* pointer) noexcept {
    try {
        const DeviceGuard guard(used);
        (void)cudaFreeHost(pointer);
    } catch (const CudaError&) {}
    (void)cudaGetLastError();  // in a forked child, or after an error that was reported when it happened
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
