#pragma once
// Checked calls, and the device that is current in this thread.

#include <cuda.h>
#include <cuda_runtime.h>

#include <map>
#include <mutex>
#include <string>

#include "fiqx/error.hpp"

namespace fiqx::cuda {

/// Throws CudaError naming the call. Clears the error first, so that the next call does not report it again.
inline void check(cudaError_t status, const char* call) {
    if (status == cudaSuccess) { return; }
    (void)cudaGetLastError();
    throw CudaError(std::string(call) + ": " + cudaGetErrorName(status) + ": " + cudaGetErrorString(status));
}

/// A function of the driver, which this library is not linked with: it is not on every machine that imports us.
template <class Function>
Function* driver_function(const char* name) {
    void* found = nullptr;
    cudaDriverEntryPointQueryResult result{};
#if CUDART_VERSION >= 12050
    check(cudaGetDriverEntryPointByVersion(name, &found, 12000, cudaEnableDefault, &result), name);
#else
    check(cudaGetDriverEntryPoint(name, &found, cudaEnableDefault, &result), name);
#endif
    if (result != cudaDriverEntryPointSuccess) { throw CudaError(std::string(name) + " is not in the CUDA driver"); }
    return reinterpret_cast<Function*>(found);
}

inline void check_driver(CUresult status, const char* call) {
    if (status != CUDA_SUCCESS) {
        throw CudaError(std::string(call) + ": the CUDA driver returned " + std::to_string(static_cast<int>(status)));
    }
}

/// The driver's functions that the runtime has no call for.
struct ContextCalls {
    CUresult (*retain)(CUcontext*,
                       CUdevice) = driver_function<CUresult(CUcontext*, CUdevice)>("cuDevicePrimaryCtxRetain");
    CUresult (*push)(CUcontext) = driver_function<CUresult(CUcontext)>("cuCtxPushCurrent");
    CUresult (*pop)(CUcontext*) = driver_function<CUresult(CUcontext*)>("cuCtxPopCurrent");
};

inline const ContextCalls& context_calls() {
    static const ContextCalls calls;
    return calls;
}

/// The context that the runtime uses on a device too; never given back, as the runtime's own is not.
inline CUcontext primary_context(int index) {
    static auto* mutex = new std::mutex;
    static auto* contexts = new std::map<int, CUcontext>;
    const std::lock_guard<std::mutex> lock(*mutex);
    CUcontext& context = (*contexts)[index];
    if (context == nullptr) { check_driver(context_calls().retain(&context, index), "cuDevicePrimaryCtxRetain"); }
    return context;
}

/// Makes a device current, and what was current before again at the end of the scope.
///
/// cudaSetDevice gives its device a context of about half a gigabyte. Setting the caller's device again would do that
/// to a device that nobody may use, mostly 0. Pushing the primary context and popping it touches one device only.
class DeviceGuard {
public:
    explicit DeviceGuard(int index) {
        int before = 0;
        check(cudaGetDevice(&before), "cudaGetDevice");
        if (index == before) { return; }
        check_driver(context_calls().push(primary_context(index)), "cuCtxPushCurrent");
        pushed_ = true;
    }
    ~DeviceGuard() {
        CUcontext context = nullptr;
        if (pushed_) { (void)context_calls().pop(&context); }
    }
    DeviceGuard(const DeviceGuard&) = delete;
    DeviceGuard& operator=(const DeviceGuard&) = delete;

private:
    bool pushed_ = false;
};

}  // namespace fiqx::cuda
