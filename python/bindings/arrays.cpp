#include "arrays.hpp"

#include <memory>

#include "device_array.hpp"
#include "fiqx/device.hpp"
#include "fiqx/error.hpp"

namespace fiqx::python {
namespace {

struct Known {
    DType dtype;
    char kind;
    std::int64_t size;
};
constexpr Known kKnown[] = {{DType::boolean, 'b', 1}, {DType::u8, 'u', 1},  {DType::u32, 'u', 4}, {DType::i64, 'i', 8},
                            {DType::f16, 'f', 2},     {DType::f32, 'f', 4}, {DType::f64, 'f', 8}};

std::string type_name(const py::handle& object) { return py::type::of(object).attr("__name__").cast<std::string>(); }

bool native(const py::array& array) {
    const bool order = array.dtype().attr("isnative").cast<bool>();
    const bool aligned = array.attr("flags").attr("aligned").cast<bool>();
    return order && aligned && (array.flags() & py::array::c_style) != 0;
}

/// NumPy's rule: the strides of axes of length 1, and of empty arrays, are ignored.
bool c_contiguous(const py::object& strides, const Shape& shape, std::int64_t item) {
    if (strides.is_none()) { return true; }
    const auto given = strides.cast<Shape>();
    for (std::size_t i = shape.size(); i-- > 0;) {
        if (shape[i] == 0) { return true; }
        if (shape[i] != 1 && given[i] != item) { return false; }
        item *= shape[i];
    }
    return true;
}

DType known_dtype(const Checker& check, const char* name, const py::dtype& dtype) {
    const auto known = dtype_of(dtype.kind(), dtype.itemsize());
    if (!known) {  // NumPy takes its time to name a dtype
        check.require(false, std::string(name) + " has dtype " + py::str(dtype).cast<std::string>() +
                                 ", which no kernel reads; convert it, for example with .astype(\"float32\")");
    }
    return *known;
}

}  // namespace

py::dtype numpy_dtype(DType dtype) { return py::dtype(dtype_name(dtype)); }

std::optional<DType> dtype_of(char kind, std::int64_t size) {
    for (const Known& known : kKnown) {
        if (known.kind == kind && known.size == size) { return known.dtype; }
    }
    return std::nullopt;
}

py::object allocate(DType dtype, const Shape& shape, const Place& place) {
    if (place.device == Device::cpu) { return py::array(numpy_dtype(dtype), shape); }
    return py::cast(std::make_unique<DeviceArray>(dtype, shape, place));
}

Tensor Call::host(const py::array& array, const char* name, bool write) {
    const Checker check(kernel_);
    check.require(!write || array.writeable(), std::string(name) + " is read-only; give an array of your own");
    check.require(!write || native(array),
                  std::string(name) + " is not C-contiguous; give np.empty(shape, dtype) or a slice of whole rows");
    py::array kept = array;
    if (!native(array)) {
        const py::object plain = array.dtype().attr("newbyteorder")("=");
        kept = py::module_::import("numpy").attr("require")(array, plain, py::make_tuple("C", "A"));
    }
    Tensor tensor;
    tensor.name = name;
    tensor.dtype = known_dtype(check, name, kept.dtype());
    tensor.data = const_cast<void*>(kept.data());
    tensor.shape.assign(kept.shape(), kept.shape() + kept.ndim());
    alive_.push_back(std::move(kept));
    return tensor;
}

Tensor Call::device(const py::object& object, const char* name, bool write) {
    const Checker check(kernel_);
    const py::dict interface = object.attr("__cuda_array_interface__");
    const auto data = interface["data"].cast<py::tuple>();
    const py::dtype dtype(interface["typestr"].cast<std::string>());
    Tensor tensor;
    tensor.name = name;
    tensor.dtype = known_dtype(check, name, dtype);
    tensor.shape = interface["shape"].cast<Shape>();
    tensor.data = reinterpret_cast<void*>(data[0].cast<std::uintptr_t>());
    tensor.device = Device::cuda;
    if (device::count() == 0) {
        throw CudaUnavailableError(std::string(kernel_) + ": " + name + " is a device array: " + device::reason(0));
    }
    const auto get = [&](const char* key) { return interface.contains(key) ? py::object(interface[key]) : py::none(); };
    check.require(get("mask").is_none(), std::string(name) + " is a masked device array; fill its masked values first");
    check.require(!write || !data[1].cast<bool>(), std::string(name) + " is read-only; give an array of your own");
    check.require(c_contiguous(get("strides"), tensor.shape, dtype.itemsize()),
                  std::string(name) + " is not C-contiguous; give x.contiguous() or cupy.ascontiguousarray(x)");
    if (tensor.size() > 0) { tensor.index = device::owner(tensor.data, name); }
    const py::object stream = get("stream");
    if (!stream.is_none()) { tensor.stream = stream.cast<std::uintptr_t>(); }
    alive_.push_back(object);
    return tensor;
}

Tensor Call::own(const DeviceArray& array, const char* name) {
    places_.push_back(array.place);
    Tensor tensor;
    tensor.name = name;
    tensor.data = array.data;
    tensor.dtype = array.dtype;
    tensor.shape = array.shape;
    tensor.device = Device::cuda;
    tensor.index = array.place.index;
    tensor.stream = array.place.stream;
    return tensor;
}

Call::~Call() {
    if (places_.empty()) { return; }
    const std::uintptr_t used = launched_.value_or(asked_.value_or(places_.front().stream));
    for (const Place& place : places_) {
        if (place.stream == used) { continue; }
        try {
            device::wait(place, used);
        } catch (const CudaError&) {  // the call that failed has been reported
        }
    }
}

Tensor Call::view(const py::object& object, const char* name, bool write) {
    if (py::isinstance<py::array>(object)) { return host(py::reinterpret_borrow<py::array>(object), name, write); }
    if (py::isinstance<DeviceArray>(object)) {
        alive_.push_back(object);
        return own(py::cast<const DeviceArray&>(object), name);
    }
    if (py::hasattr(object, "__cuda_array_interface__")) { return device(object, name, write); }
    Checker(kernel_).require(false, std::string(name) + " is a " + type_name(object) +
                                        ", wanted a NumPy array or an array with __cuda_array_interface__; "
                                        "np.asarray(x) makes the former");
    return {};
}

Tensor Call::input(const py::object& object, const char* name) { return view(object, name, false); }
Tensor Call::writable(const py::object& object, const char* name) { return view(object, name, true); }

Output Call::output(const py::object& out) {
    return [this, out = out.ptr()](DType dtype, const Shape& shape, const Place& place) {
        const py::gil_scoped_acquire gil;
        launched(place);
        const auto given = py::reinterpret_borrow<py::object>(out);
        results_.push_back(given.is_none() ? allocate(dtype, shape, place) : given);
        return writable(results_.back(), "out");
    };
}

}  // namespace fiqx::python
