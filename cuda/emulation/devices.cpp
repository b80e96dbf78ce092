#include "devices.hpp"

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "emulated/driver.hpp"
#include "memory.hpp"

namespace emulated {
namespace {

std::mutex mutex;
std::set<int> contexts;
thread_local int chosen = 0;             // by cudaSetDevice
thread_local std::vector<int> pushed{};  // by cuCtxPushCurrent

std::string setting(const char* name, const char* otherwise) {
    const char* given = std::getenv(name);
    return given == nullptr ? otherwise : given;
}

int number_of_devices() { return std::atoi(setting("FIQX_EMULATED_DEVICES", "1").c_str()); }
bool lost() { return setting("FIQX_EMULATED_DEVICES", "1") == "lost"; }
bool is_device(int device) { return device == 0 || (device > 0 && device < number_of_devices()); }
int current() { return pushed.empty() ? chosen : pushed.back(); }

void give_context(int device) {
    const std::lock_guard<std::mutex> lock(mutex);
    contexts.insert(device);
}

/// A context's handle is its device's number and one more, so that it is not null.
CUresult retain(CUcontext* context, CUdevice device) {
    if (!is_device(device)) { return CUDA_ERROR_INVALID_DEVICE; }
    give_context(device);
    *context = reinterpret_cast<CUcontext>(static_cast<std::uintptr_t>(device) + 1);
    return CUDA_SUCCESS;
}

CUresult push(CUcontext context) {
    if (context == nullptr) { return CUDA_ERROR_INVALID_CONTEXT; }
    pushed.push_back(static_cast<int>(reinterpret_cast<std::uintptr_t>(context)) - 1);
    return CUDA_SUCCESS;
}

CUresult pop(CUcontext* context) {
    if (pushed.empty()) { return CUDA_ERROR_INVALID_CONTEXT; }
    *context = reinterpret_cast<CUcontext>(static_cast<std::uintptr_t>(pushed.back()) + 1);
    pushed.pop_back();
    return CUDA_SUCCESS;
}

}  // namespace

bool has_context(int device) {
    const std::lock_guard<std::mutex> lock(mutex);
    return contexts.count(device) > 0;
}

void use_context() { give_context(current()); }

}  // namespace emulated

using namespace emulated;

cudaError_t cudaGetDeviceCount(int* count) {
    *count = number_of_devices();
    return result(lost() ? cudaErrorLaunchFailure : cudaSuccess);
}

cudaError_t cudaGetDevice(int* device) {
    *device = current();
    return cudaSuccess;
}

/// Since CUDA 12 this creates the device's context.
cudaError_t cudaSetDevice(int device) {
    if (!is_device(device)) { return result(cudaErrorInvalidDevice); }
    give_context(device);
    (pushed.empty() ? chosen : pushed.back()) = device;
    return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
    if (!is_device(device)) { return result(cudaErrorInvalidDevice); }
    const std::string capability = setting("FIQX_EMULATED_CAPABILITY", "8.6");
    switch (attribute) {
        case cudaDevAttrMaxThreadsPerBlock: *value = 1024; break;
        case cudaDevAttrMaxSharedMemoryPerBlock: *value = static_cast<int>(kStaticShared); break;
        case cudaDevAttrWarpSize: *value = 32; break;
        case cudaDevAttrMultiProcessorCount: *value = 3; break;  // few: grid-stride loops take several strides
        case cudaDevAttrMaxThreadsPerMultiProcessor: *value = 1536; break;
        case cudaDevAttrComputeCapabilityMajor: *value = std::atoi(capability.c_str()); break;
        case cudaDevAttrComputeCapabilityMinor:
            *value = std::atoi(capability.c_str() + capability.find('.') + 1);
            break;
        case cudaDevAttrMaxSharedMemoryPerBlockOptin: *value = static_cast<int>(kDynamicShared); break;
        case cudaDevAttrMemoryPoolsSupported: *value = std::atoi(setting("FIQX_EMULATED_POOLS", "1").c_str()); break;
    }
    return cudaSuccess;
}

cudaError_t cudaGetDriverEntryPointByVersion(const char* symbol, void** function, unsigned, unsigned long long,
                                             cudaDriverEntryPointQueryResult* outcome) {
    *function = std::strcmp(symbol, "cuDevicePrimaryCtxRetain") == 0 ? reinterpret_cast<void*>(&retain)
                : std::strcmp(symbol, "cuCtxPushCurrent") == 0       ? reinterpret_cast<void*>(&push)
                : std::strcmp(symbol, "cuCtxPopCurrent") == 0        ? reinterpret_cast<void*>(&pop)
                                                                     : nullptr;
    *outcome = *function == nullptr ? cudaDriverEntryPointSymbolNotFound : cudaDriverEntryPointSuccess;
    return cudaSuccess;
}
