// Which devices get a context when another one is used, and for which cards there is code.

#include <cuda.h>
#include <cuda_runtime.h>

#include <cstdlib>

#include "check.hpp"
#include "code.cuh"
#include "fiqx/device.hpp"
#include "guard.cuh"

namespace {

int current() {
    int device = -1;
    CHECK(cudaGetDevice(&device) == cudaSuccess);
    return device;
}

void a_guard_leaves_other_devices_alone() {
    {
        const fiqx::cuda::DeviceGuard outer(1);
        CHECK(current() == 1);
        const fiqx::cuda::DeviceGuard same(1);
        const fiqx::cuda::DeviceGuard inner(2);
        CHECK(current() == 2);
    }
    CHECK(current() == 0);
    CHECK(emulated::has_context(1) && emulated::has_context(2) && !emulated::has_context(0));
}

void memory_of_one_device_needs_no_other() {
    const fiqx::Place place{fiqx::Device::cuda, 1, fiqx::device::open_stream(1)};
    void* block = fiqx::device::allocate(64, place);
    const auto host = fiqx::device::allocate_pinned(64);
    CHECK(host.locked);
    fiqx::device::zero(block, 64, place);
    fiqx::device::copy(host.data, block, 64, fiqx::device::Way::down, place);
    fiqx::device::synchronize(place);
    (void)fiqx::device::owner(block, "block");
    fiqx::device::release_pinned(host.data);
    fiqx::device::release(block, place, true);
    fiqx::device::close_stream(place.stream, 1);
    CHECK(current() == 0);
    CHECK(!emulated::has_context(0));
}

void setting_a_device_makes_its_context() {
    CHECK(cudaSetDevice(0) == cudaSuccess);
    CHECK(emulated::has_context(0));
    CHECK(cudaSetDevice(3) == cudaErrorInvalidDevice);
}

void code_for_cards() {
    using fiqx::cuda::has_code;
    const char* all = "75-real,80-real,86-real,89-real,90-real,100-real,120";
    CHECK(has_code(all, 7, 5) && has_code(all, 8, 0) && has_code(all, 8, 7) && has_code(all, 9, 0));
    CHECK(has_code(all, 12, 0) && has_code(all, 12, 1) && has_code(all, 13, 0));
    CHECK(!has_code(all, 7, 0) && !has_code(all, 6, 1) && !has_code(all, 11, 0));
    CHECK(has_code("80-virtual", 9, 0) && !has_code("80-virtual", 7, 5) && !has_code("80-real", 9, 0));
    CHECK(has_code("native", 5, 0) && has_code("", 5, 0) && has_code("all-major", 5, 0) && has_code("90a", 9, 0));
}

}  // namespace

void contexts() {
    (void)setenv("FIQX_EMULATED_DEVICES", "3", 1);
    a_guard_leaves_other_devices_alone();
    memory_of_one_device_needs_no_other();
    setting_a_device_makes_its_context();
    code_for_cards();
}
