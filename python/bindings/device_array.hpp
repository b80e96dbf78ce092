#pragma once
// The device memory that kernels return when the caller gives no `out`.

#include <memory>

#include "fiqx/device.hpp"
#include "fiqx/tensor.hpp"

namespace fiqx::python {

/// Owns C-contiguous memory of one device. Its contents become valid on `place.stream`.
struct DeviceArray {
    DeviceArray(DType dtype_, Shape shape_, const Place& place_)
        : dtype(dtype_), shape(std::move(shape_)), place(place_), data(device::allocate(nbytes(), place_.index)) {}
    ~DeviceArray() { device::release(data, place.index); }
    DeviceArray(const DeviceArray&) = delete;
    DeviceArray& operator=(const DeviceArray&) = delete;

    std::size_t nbytes() const {
        std::int64_t count = dtype_size(dtype);
        for (const std::int64_t axis : shape) { count *= axis; }
        return static_cast<std::size_t>(count);
    }

    DType dtype;
    Shape shape;
    Place place;
    void* data;
};

}  // namespace fiqx::python
