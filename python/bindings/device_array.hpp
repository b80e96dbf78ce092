#pragma once
// The device memory that kernels return when the caller gives no `out`.

#include <memory>
#include <utility>

#include "fiqx/device.hpp"
#include "fiqx/tensor.hpp"
#include "unlocked.hpp"

namespace fiqx::python {

/// Base of the owners that keep an array's memory alive.
class Owner {
public:
    Owner() = default;
    virtual ~Owner() = default;
    Owner(const Owner&) = delete;
    Owner& operator=(const Owner&) = delete;
    /// Records that another library has the address, and may read it on its own streams.
    virtual void lend() {}
};

/// Memory that is freed in the order of its stream; once lent, after all work of the device.
class Block : public Owner {
public:
    Block(std::size_t bytes, const Place& place) : place_(place), data_(device::allocate(bytes, place)) {}
    ~Block() override {
        if (lent_ && PyGILState_Check() != 0) {
            const Unlocked released;  // other threads run during the wait
            device::release(data_, place_, true);
        } else {
            device::release(data_, place_, lent_);
        }
    }
    void lend() override { lent_ = true; }
    void* data() const { return data_; }

private:
    Place place_;
    void* data_;
    bool lent_ = false;
};

/// C-contiguous memory of one device, whole or a part of it. Its contents become valid on `place.stream`.
struct DeviceArray {
    /// Memory of its own, which lives as long as the last array that shares it.
    DeviceArray(DType dtype_, Shape shape_, const Place& place_)
        : dtype(dtype_), shape(std::move(shape_)), place(place_), data(nullptr) {
        const auto block = std::make_shared<Block>(nbytes(), place);
        data = block->data();
        owner = block;
    }
    /// Memory that `owner_` keeps alive.
    DeviceArray(DType dtype_, Shape shape_, const Place& place_, void* data_, std::shared_ptr<Owner> owner_)
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
    std::shared_ptr<Owner> owner;
};

}  // namespace fiqx::python
