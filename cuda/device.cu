#include "fiqx/device.hpp"

#include "launch.cuh"

namespace fiqx::device {

using cuda::check;
using cuda::DeviceGuard;
using cuda::stream_of;

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

void* allocate(std::size_t bytes, int index) {
    if (count() == 0) { throw CudaUnavailableError(reason()); }
    const DeviceGuard guard(index);
    void* pointer = nullptr;
    if (bytes > 0) { check(cudaMalloc(&pointer, bytes), "cudaMalloc"); }
    return pointer;
}

void release(void* pointer, int index) noexcept {
    if (pointer == nullptr) { return; }
    try {
        const DeviceGuard guard(index);
        (void)cudaFree(pointer);
    } catch (const CudaError&) {  // the driver is shutting down and has freed everything
    }
}

void to_host(void* host, const void* source, std::size_t bytes, const Place& place) {
    const DeviceGuard guard(place.index);
    check(cudaMemcpyAsync(host, source, bytes, cudaMemcpyDeviceToHost, stream_of(place.stream)), "cudaMemcpyAsync");
    synchronize(place);
}

void from_host(void* target, const void* host, std::size_t bytes, const Place& place) {
    const DeviceGuard guard(place.index);
    check(cudaMemcpyAsync(target, host, bytes, cudaMemcpyHostToDevice, stream_of(place.stream)), "cudaMemcpyAsync");
    synchronize(place);
}

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
