#include "emulated/runtime.hpp"

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <map>
#include <mutex>
#include <vector>

#include "devices.hpp"
#include "emulated/launch.hpp"
#include "memory.hpp"
#include "streams.hpp"

using namespace emulated;

struct CUevent_st {
    Marker marker;
};
struct CUmemPoolHandle_st {
    int device;
    std::uint64_t threshold;
};

namespace {

std::recursive_mutex mutex;  // one host thread at a time
using Lock = std::lock_guard<std::recursive_mutex>;

thread_local cudaError_t last_error = cudaSuccess;
thread_local std::string last_failure;
std::map<const void*, std::size_t> dynamic_limits;

/// What a call that waits returns: the failure of the work it waited for.
cudaError_t outcome() { return last_error == cudaErrorLaunchFailure ? last_error : cudaSuccess; }

void run(const Grid& grid) {
    const std::string error = run_grid(grid);
    if (error.empty()) { return; }
    last_failure = "the emulated launch failed: " + error;
    std::fprintf(stderr, "%s\n", last_failure.c_str());
    last_error = cudaErrorLaunchFailure;
}

cudaError_t check_shape(const Grid& g) {
    const auto within = [](dim3 n, unsigned x, unsigned y, unsigned z) {
        return n.x > 0 && n.y > 0 && n.z > 0 && n.x <= x && n.y <= y && n.z <= z;
    };
    const bool fits = within(g.block, 1024, 1024, 64) && g.block.x * g.block.y * g.block.z <= 1024 &&
                      within(g.grid, 0x7FFFFFFF, 65535, 65535);
    if (!fits) { return cudaErrorInvalidConfiguration; }
    const auto limit = dynamic_limits.find(g.kernel);
    return g.shared > (limit == dynamic_limits.end() ? kStaticShared : limit->second) ? cudaErrorInvalidValue
                                                                                      : cudaSuccess;
}

/// Refuses a copy whose direction or range is not what it says.
cudaError_t check_copy(const void* target, const void* source, std::size_t bytes, cudaMemcpyKind kind) {
    const Owner to = owner_of(target, bytes);
    const Owner from = owner_of(source, bytes);
    if (to == Owner::mixed || from == Owner::mixed) { return cudaErrorInvalidValue; }
    const int actual = (to == Owner::device ? 1 : 0) + (from == Owner::device ? 2 : 0);
    return kind == cudaMemcpyDefault || kind == actual ? cudaSuccess : cudaErrorInvalidValue;
}

cudaError_t allocate(void** pointer, std::size_t bytes, Owner owner) {
    use_context();
    *pointer = bytes == 0 ? nullptr : obtain(bytes, owner);
    return result(bytes > 0 && *pointer == nullptr ? cudaErrorMemoryAllocation : cudaSuccess);
}

}  // namespace

cudaError_t emulated::result(cudaError_t error) {
    if (error != cudaSuccess) { last_error = error; }
    return error;
}

void emulated::submit(Grid grid, cudaStream_t stream) {
    const Lock lock(mutex);
    use_context();
    if (dynamic_limits.count(grid.kernel) > 0) { grid.most_shared = kDynamicShared; }
    const auto target = emulated::stream_of(stream);
    const cudaError_t error = target == nullptr ? cudaErrorInvalidResourceHandle : check_shape(grid);
    if (result(error) != cudaSuccess) { return; }
    put(target, [grid = std::move(grid)] { run(grid); });
}

cudaError_t emulated::set_function_attribute(const void* kernel, cudaFuncAttribute, int value) {
    const Lock lock(mutex);
    if (value < 0 || static_cast<std::size_t>(value) > kDynamicShared) { return result(cudaErrorInvalidValue); }
    dynamic_limits[kernel] = static_cast<std::size_t>(value);
    return cudaSuccess;
}

cudaError_t emulated::occupancy(int* blocks, int threads, std::size_t shared) {
    *blocks = threads > 1024 || shared > kDynamicShared ? 0 : 2;
    return cudaSuccess;
}

cudaError_t cudaGetLastError() {
    const cudaError_t error = last_error;
    last_error = cudaSuccess;
    return error;
}
cudaError_t cudaPeekAtLastError() { return last_error; }

const char* cudaGetErrorName(cudaError_t error) {
    switch (error) {
        case cudaSuccess: return "cudaSuccess";
        case cudaErrorInvalidValue: return "cudaErrorInvalidValue";
        case cudaErrorMemoryAllocation: return "cudaErrorMemoryAllocation";
        case cudaErrorInvalidConfiguration: return "cudaErrorInvalidConfiguration";
        case cudaErrorInvalidMemcpyDirection: return "cudaErrorInvalidMemcpyDirection";
        case cudaErrorInvalidDevice: return "cudaErrorInvalidDevice";
        case cudaErrorInvalidResourceHandle: return "cudaErrorInvalidResourceHandle";
        case cudaErrorNotReady: return "cudaErrorNotReady";
        case cudaErrorLaunchFailure: return "cudaErrorLaunchFailure";
    }
    return "unrecognized error code";
}

const char* cudaGetErrorString(cudaError_t error) {
    switch (error) {
        case cudaSuccess: return "no error";
        case cudaErrorInvalidValue: return "invalid argument";
        case cudaErrorMemoryAllocation: return "out of memory";
        case cudaErrorInvalidConfiguration: return "invalid configuration argument";
        case cudaErrorInvalidMemcpyDirection: return "invalid copy direction for memcpy";
        case cudaErrorInvalidDevice: return "invalid device ordinal";
        case cudaErrorInvalidResourceHandle: return "invalid resource handle";
        case cudaErrorNotReady: return "device not ready";
        case cudaErrorLaunchFailure: return last_failure.c_str();
    }
    return "unrecognized error code";
}

cudaError_t cudaDeviceSynchronize() {
    const Lock lock(mutex);
    use_context();
    finish_all();
    return outcome();
}

cudaError_t cudaMalloc(void** pointer, std::size_t bytes) {
    const Lock lock(mutex);
    return allocate(pointer, bytes, Owner::device);
}

cudaError_t cudaFree(void* pointer) {
    const Lock lock(mutex);
    if (pointer == nullptr) { return cudaSuccess; }
    finish_all();
    return result(give_back(pointer, Owner::device) ? outcome() : cudaErrorInvalidValue);
}

cudaError_t cudaMallocAsync(void** pointer, std::size_t bytes, cudaStream_t stream) {
    const Lock lock(mutex);
    if (emulated::stream_of(stream) == nullptr) { return result(cudaErrorInvalidResourceHandle); }
    return bytes == 0 ? result(cudaErrorInvalidValue) : allocate(pointer, bytes, Owner::device);
}

cudaError_t cudaFreeAsync(void* pointer, cudaStream_t stream) {
    const Lock lock(mutex);
    use_context();
    const auto target = emulated::stream_of(stream);
    if (target == nullptr) { return result(cudaErrorInvalidResourceHandle); }
    if (owner_of(pointer, 1) != Owner::device) { return result(cudaErrorInvalidValue); }
    put(target, [pointer] {
        if (!give_back(pointer, Owner::device)) { last_error = cudaErrorInvalidValue; }
    });
    return cudaSuccess;
}

cudaError_t cudaHostAlloc(void** pointer, std::size_t bytes, unsigned) {
    const Lock lock(mutex);
    return allocate(pointer, bytes, Owner::pinned);
}
cudaError_t cudaMallocHost(void** pointer, std::size_t bytes) { return cudaHostAlloc(pointer, bytes, 0); }

cudaError_t cudaFreeHost(void* pointer) {
    const Lock lock(mutex);
    use_context();
    if (pointer == nullptr) { return cudaSuccess; }
    finish_all();
    return result(give_back(pointer, Owner::pinned) ? outcome() : cudaErrorInvalidValue);
}

cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
    const Lock lock(mutex);
    *total = kDeviceMemory;
    *free = kDeviceMemory - device_bytes();
    return cudaSuccess;
}

cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* pointer) {
    const Lock lock(mutex);
    use_context();
    const Owner owner = owner_of(pointer, 1);
    void* address = const_cast<void*>(pointer);
    *attributes = {cudaMemoryTypeUnregistered, -2, nullptr, address};
    if (owner == Owner::pinned) { *attributes = {cudaMemoryTypeHost, 0, address, address}; }
    if (owner == Owner::device) { *attributes = {cudaMemoryTypeDevice, 0, address, nullptr}; }
    return cudaSuccess;
}

cudaError_t cudaMemPoolCreate(cudaMemPool_t* pool, const cudaMemPoolProps* properties) {
    const bool known = properties->allocType == cudaMemAllocationTypePinned &&
                       properties->location.type == cudaMemLocationTypeDevice && properties->location.id >= 0;
    if (!known) { return result(cudaErrorInvalidValue); }
    *pool = new CUmemPoolHandle_st{properties->location.id, 0};
    return cudaSuccess;
}
cudaError_t cudaMemPoolDestroy(cudaMemPool_t pool) {
    delete pool;
    return cudaSuccess;
}
cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t pool, cudaMemPoolAttr, void* value) {
    std::memcpy(&pool->threshold, value, sizeof pool->threshold);
    return cudaSuccess;
}
cudaError_t cudaMallocFromPoolAsync(void** pointer, std::size_t bytes, cudaMemPool_t pool, cudaStream_t stream) {
    int device = 0;
    (void)cudaGetDevice(&device);
    // CUDA itself takes a pool of another device; here that is a mistake.
    if (pool == nullptr || pool->device != device) { return result(cudaErrorInvalidValue); }
    return cudaMallocAsync(pointer, bytes, stream);
}

cudaError_t cudaMemcpy(void* target, const void* source, std::size_t bytes, cudaMemcpyKind kind) {
    const Lock lock(mutex);
    const cudaError_t error = cudaMemcpyAsync(target, source, bytes, kind, nullptr);
    finish(end_of(emulated::stream_of(nullptr)));
    return error != cudaSuccess ? error : outcome();
}

cudaError_t cudaMemcpyAsync(void* target, const void* source, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
    const Lock lock(mutex);
    use_context();
    const auto on = emulated::stream_of(stream);
    if (on == nullptr) { return result(cudaErrorInvalidResourceHandle); }
    const cudaError_t error = check_copy(target, source, bytes, kind);
    if (bytes == 0 || error != cudaSuccess) { return result(error); }
    if (owner_of(source, bytes) == Owner::pageable) {  // read before the call returns, written in the stream's turn
        const auto* first = static_cast<const unsigned char*>(source);
        put(on, [target, staged = std::vector<unsigned char>(first, first + bytes)] {
            std::memcpy(target, staged.data(), staged.size());
        });
    } else {
        put(on, [=] { std::memmove(target, source, bytes); });
    }
    if (owner_of(target, bytes) == Owner::pageable) { finish(end_of(on)); }
    return outcome();
}

cudaError_t cudaMemset(void* target, int value, std::size_t bytes) {
    return cudaMemsetAsync(target, value, bytes, nullptr);
}

cudaError_t cudaMemsetAsync(void* target, int value, std::size_t bytes, cudaStream_t stream) {
    const Lock lock(mutex);
    use_context();
    const auto on = emulated::stream_of(stream);
    if (on == nullptr) { return result(cudaErrorInvalidResourceHandle); }
    if (bytes > 0 && owner_of(target, bytes) != Owner::device) { return result(cudaErrorInvalidValue); }
    put(on, [=] { std::memset(target, value, bytes); });
    return cudaSuccess;
}

cudaError_t cudaStreamCreate(cudaStream_t* stream) { return cudaStreamCreateWithFlags(stream, cudaStreamDefault); }

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
    const Lock lock(mutex);
    use_context();
    *stream = open_stream((flags & cudaStreamNonBlocking) == 0);
    return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
    const Lock lock(mutex);
    return result(close_stream(stream) ? cudaSuccess : cudaErrorInvalidResourceHandle);
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
    const Lock lock(mutex);
    use_context();
    const auto on = emulated::stream_of(stream);
    if (on == nullptr) { return result(cudaErrorInvalidResourceHandle); }
    if (stream == nullptr) {
        put(on, [] {});
    }  // the blocking streams too
    finish(end_of(on));
    return outcome();
}
cudaError_t cudaStreamQuery(cudaStream_t stream) { return cudaStreamSynchronize(stream); }

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
    const Lock lock(mutex);
    const auto on = emulated::stream_of(stream);
    if (on == nullptr || event == nullptr) { return result(cudaErrorInvalidResourceHandle); }
    if (event->marker.stream != nullptr) {
        put(on, [marker = event->marker] { finish(marker); });
    }
    return cudaSuccess;
}

cudaError_t cudaEventCreate(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, 0); }

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
    use_context();
    *event = new CUevent_st;
    return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
    delete event;
    return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
    const Lock lock(mutex);
    const auto on = emulated::stream_of(stream);
    if (on == nullptr || event == nullptr) { return result(cudaErrorInvalidResourceHandle); }
    put(on, [] {});
    event->marker = end_of(on);
    return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
    const Lock lock(mutex);
    if (event == nullptr) { return result(cudaErrorInvalidResourceHandle); }
    if (event->marker.stream != nullptr) { finish(event->marker); }
    return outcome();
}
cudaError_t cudaEventQuery(cudaEvent_t event) { return cudaEventSynchronize(event); }
