// Work that runs as late as CUDA allows.

#include <cuda_runtime.h>

#include <cstdlib>

#include "check.hpp"

namespace {

cudaStream_t open_stream(unsigned flags) {
    cudaStream_t stream = nullptr;
    CHECK(cudaStreamCreateWithFlags(&stream, flags) == cudaSuccess);
    return stream;
}

/// Four bytes on the device, page-locked on the host, and in ordinary memory.
struct Places {
    Places() {
        CHECK(cudaMalloc(&device, 4) == cudaSuccess);
        CHECK(cudaHostAlloc(&pinned, 4, cudaHostAllocDefault) == cudaSuccess);
    }
    ~Places() {
        (void)cudaFree(device);
        (void)cudaFreeHost(pinned);
    }
    int* device = nullptr;
    int* pinned = nullptr;
    int plain = 0;
};

void copies_of_page_locked_memory_are_late(cudaStream_t stream) {
    Places at;
    *at.pinned = 1;
    CHECK(cudaMemcpyAsync(at.device, at.pinned, 4, cudaMemcpyHostToDevice, stream) == cudaSuccess);
    *at.pinned = 2;  // before the copy has read it
    CHECK(cudaMemcpyAsync(&at.plain, at.device, 4, cudaMemcpyDeviceToHost, stream) == cudaSuccess);
    CHECK(at.plain == 2);

    at.plain = 3;
    CHECK(cudaMemcpyAsync(at.device, &at.plain, 4, cudaMemcpyHostToDevice, stream) == cudaSuccess);
    at.plain = 4;  // ordinary memory has been read
    CHECK(cudaMemcpyAsync(at.pinned, at.device, 4, cudaMemcpyDeviceToHost, stream) == cudaSuccess);
    CHECK(*at.pinned == 2);
    CHECK(cudaStreamSynchronize(stream) == cudaSuccess);
    CHECK(*at.pinned == 3);
}

void events_order_streams(cudaStream_t first, cudaStream_t second, bool wait) {
    Places at;
    cudaEvent_t event = nullptr;
    CHECK(cudaEventCreateWithFlags(&event, cudaEventDisableTiming) == cudaSuccess);
    *at.pinned = -2;
    CHECK(cudaMemsetAsync(at.device, 0, 4, first) == cudaSuccess);
    CHECK(cudaEventRecord(event, first) == cudaSuccess);
    if (wait) { CHECK(cudaStreamWaitEvent(second, event, 0) == cudaSuccess); }
    CHECK(cudaEventDestroy(event) == cudaSuccess);
    CHECK(cudaMemcpyAsync(at.pinned, at.device, 4, cudaMemcpyDeviceToHost, second) == cudaSuccess);
    CHECK(cudaStreamSynchronize(second) == cudaSuccess);
    CHECK(*at.pinned == (wait ? 0 : -1));  // new memory is full of ones
    CHECK(cudaDeviceSynchronize() == cudaSuccess);
}

void the_legacy_stream_waits_for_blocking_ones(cudaStream_t stream, bool waits) {
    Places at;
    CHECK(cudaMemsetAsync(at.device, 0, 4, stream) == cudaSuccess);
    CHECK(cudaMemcpy(&at.plain, at.device, 4, cudaMemcpyDeviceToHost) == cudaSuccess);
    CHECK(at.plain == (waits ? 0 : -1));
}

}  // namespace

void streams() {
    (void)setenv("FIQX_EMULATED_STREAMS", "late", 1);
    const cudaStream_t first = open_stream(cudaStreamNonBlocking);
    const cudaStream_t second = open_stream(cudaStreamNonBlocking);
    const cudaStream_t blocking = open_stream(cudaStreamDefault);
    copies_of_page_locked_memory_are_late(first);
    events_order_streams(first, second, true);
    events_order_streams(first, second, false);
    the_legacy_stream_waits_for_blocking_ones(blocking, true);
    the_legacy_stream_waits_for_blocking_ones(first, false);
    for (const cudaStream_t stream : {first, second, blocking}) { CHECK(cudaStreamDestroy(stream) == cudaSuccess); }
    CHECK(cudaStreamSynchronize(first) == cudaErrorInvalidResourceHandle);
    (void)cudaGetLastError();
    (void)unsetenv("FIQX_EMULATED_STREAMS");
}
