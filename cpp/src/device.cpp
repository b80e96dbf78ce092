#include "fiqx/device.hpp"

#include <cstdlib>

#include "fiqx/error.hpp"

// The functions of device.hpp in a build without CUDA; cuda/device.cu has those with CUDA.
#if !defined(FIQX_WITH_CUDA)

namespace fiqx::device {
namespace {

[[noreturn]] void unavailable() { throw CudaUnavailableError(reason(0)); }

}  // namespace

bool built() { return false; }
int count() { return 0; }

std::string reason(int /*index*/) {
    return "this build of fiqx_trt has no CUDA; give NumPy arrays (x.cpu().numpy(), cupy.asnumpy(x)), or install it "
           "again where nvcc is found, with -C cmake.define.FIQX_CUDA=ON";
}

int owner(const void*, const std::string&) { unavailable(); }
void* allocate(std::size_t, const Place&) { unavailable(); }
void release(void*, const Place&, bool) noexcept {}
std::uintptr_t open_stream(int) { unavailable(); }
void close_stream(std::uintptr_t, int) noexcept {}
HostMemory allocate_pinned(std::size_t bytes) { return {std::malloc(bytes), false}; }
void release_pinned(void*) noexcept {}
void copy(void*, const void*, std::size_t, Way, const Place&) { unavailable(); }
void zero(void*, std::size_t, const Place&) { unavailable(); }
Traffic traffic() { return {}; }
void wait(const Place&, std::uintptr_t) { unavailable(); }
void synchronize(const Place&) { unavailable(); }

}  // namespace fiqx::device

#endif
