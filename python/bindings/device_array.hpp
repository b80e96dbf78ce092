#pragma once
// The device memory that kernels return when the caller gives no `out`.

#include <memory>
#include <utility>

#include "fiqx/device.hpp"
#include "fiqx/tensor.hpp"

namespace fiqx::python {

/// C-contiguous memory of one device, whole or a part of it. Its contents become valid on `place.stream`.
struct DeviceArray {
    /// Memory of its own; it goes back, in the order of `place.stream`, with the last array that shares it.
    DeviceArray(DType dtype_, Shape shape_, const Place& place_)
        : dtype(dtype_), shape(std::move(shape_)), place(place_), data(device::allocate(nbytes(), place)) {
        owner = std::shared_ptr<void>(data, [place = place](void* pointer) { device::release(pointer, place); });
    }
    /// Memory that `owner_` keeps alive.
    DeviceArray(DType dtype_, Shape shape_, const Place& place_, void* data_, std::shared_ptr<void> owner_)
        : dtype(dtype_), shape(std::move(shape_)), place(place_), data(data_), owner(std::move(owner_)) {}

    std::int64_t size() const {
        std::int64_t count = 1;
        for (const std::int64_t axis : shape) { count *= axis; }
        return count;
    }
    std::size_t nbytes() const { return static_cast<std::size_t>(size() * dtype_size(dtype)); }

    DType dtype;
    Shape shape;
    Place place;
    void* data;
    std::shared_ptr<void> owner;
};

}  // namespace fiqx::python
