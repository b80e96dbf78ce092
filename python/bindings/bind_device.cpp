#include <cstdlib>
#include <cstring>

#include "arrays.hpp"
#include "device_array.hpp"
#include "fiqx/device.hpp"
#include "fiqx/error.hpp"

namespace fiqx::python {
namespace {

/// A stream of its own for the length of an object's life; see device::open_stream.
struct StreamHandle {
    explicit StreamHandle(int index_) : index(index_), handle(device::open_stream(index_)) {}
    ~StreamHandle() { device::close_stream(handle, index); }
    StreamHandle(const StreamHandle&) = delete;
    StreamHandle& operator=(const StreamHandle&) = delete;

    Place place() const { return {Device::cuda, index, handle}; }

    int index;
    std::uintptr_t handle;
};

/// An object of Python's that owns memory.
class Foreign : public Owner {
public:
    explicit Foreign(py::object object) : object_(std::move(object)) {}
    ~Foreign() override {
        const py::gil_scoped_acquire gil;
        object_.release().dec_ref();
    }

private:
    py::object object_;
};

DType known_dtype(const char* user, const py::object& dtype, const Shape& shape) {
    const py::dtype wanted = py::dtype::from_args(dtype);
    const auto known = dtype_of(wanted.kind(), wanted.itemsize());
    const Checker check(user);
    check.require(known.has_value(), "dtype " + py::str(wanted).cast<std::string>() + " is known to no kernel");
    for (const std::int64_t axis : shape) {
        check.require(axis >= 0, "shape is " + shape_text(shape) + ", wanted axes of 0 or more");
    }
    return *known;
}

std::unique_ptr<DeviceArray> empty(const Shape& shape, const py::object& dtype, int index, std::uintptr_t stream) {
    const DType known = known_dtype("DeviceArray", dtype, shape);
    return std::make_unique<DeviceArray>(known, shape, Place{Device::cuda, index, stream});
}

std::unique_ptr<DeviceArray> zeros(const Shape& shape, const py::object& dtype, int index, std::uintptr_t stream) {
    auto made = empty(shape, dtype, index, stream);
    if (made->nbytes() > 0) { device::zero(made->data, made->nbytes(), made->place); }
    return made;
}

py::array to_host(const DeviceArray& self) {
    py::array host(numpy_dtype(self.dtype), self.shape);
    void* target = host.mutable_data();
    if (self.nbytes() == 0) { return host; }
    {
        const Unlocked released;
        device::copy(target, self.data, self.nbytes(), device::Way::down, self.place);
        device::synchronize(self.place);
    }
    return host;
}

std::unique_ptr<DeviceArray> from_host(const py::array& array, int index, std::uintptr_t stream) {
    const py::array plain = py::module_::import("numpy").attr("ascontiguousarray")(array);
    const Shape shape(array.shape(), array.shape() + array.ndim());
    auto made = empty(shape, plain.dtype(), index, stream);
    if (made->nbytes() > 0) {
        const void* source = plain.data();
        const Unlocked released;
        device::copy(made->data, source, made->nbytes(), device::Way::up, made->place);
        device::synchronize(made->place);
    }
    return made;
}

/// An array of another library, without a copy. The reference to it is dropped with the last view of it.
std::unique_ptr<DeviceArray> borrow(const py::object& array, Stream stream) {
    Call call("DeviceArray.borrow");
    const Tensor tensor = call.input(array, "array");
    Checker("DeviceArray.borrow")
        .require(tensor.device == Device::cuda, "array is a NumPy array; give an array on a device, or use from_host");
    const Place place{Device::cuda, tensor.index, stream.value_or(tensor.stream.value_or(0))};
    if (tensor.stream && *tensor.stream != place.stream) { device::wait(place, *tensor.stream); }
    return std::make_unique<DeviceArray>(tensor.dtype, tensor.shape, place, tensor.data,
                                         std::make_shared<Foreign>(array));
}

std::unique_ptr<DeviceArray> rows(const DeviceArray& self, std::int64_t start, std::int64_t stop) {
    const Checker check("DeviceArray.rows");
    check.require(!self.shape.empty() && 0 <= start && start <= stop && stop <= self.shape.front(),
                  "rows " + std::to_string(start) + " to " + std::to_string(stop) + " of an array of shape " +
                      shape_text(self.shape) + "; give 0 <= start <= stop <= its length");
    Shape shape = self.shape;
    shape.front() = stop - start;
    const std::int64_t row = self.shape.front() == 0 ? 0 : self.size() / self.shape.front() * dtype_size(self.dtype);
    return std::make_unique<DeviceArray>(self.dtype, shape, self.place, static_cast<char*>(self.data) + start * row,
                                         self.owner);
}

std::unique_ptr<DeviceArray> reshape(const DeviceArray& self, const Shape& shape) {
    auto view = std::make_unique<DeviceArray>(self.dtype, shape, self.place, self.data, self.owner);
    Checker("DeviceArray.reshape")
        .require(view->size() == self.size(),
                 "shape is " + shape_text(shape) + ", and the array has shape " + shape_text(self.shape));
    return view;
}

py::array pinned(const Shape& shape, const py::object& dtype) {
    const DType known = known_dtype("pinned", dtype, shape);
    std::int64_t bytes = dtype_size(known);
    for (const std::int64_t axis : shape) { bytes *= axis; }
    const auto memory = device::allocate_pinned(static_cast<std::size_t>(std::max<std::int64_t>(bytes, 1)));
    if (memory.data == nullptr) { throw std::bad_alloc(); }
    // Decided here: when the array is dropped, the device may no longer be available.
    void (*const release)(void*) = memory.locked ? &device::release_pinned : &std::free;
    return py::array(numpy_dtype(known), shape, memory.data, py::capsule(memory.data, release));
}

void copy(const py::object& source, const py::object& out, Stream stream) {
    Call call("copy");
    const Tensor from = call.input(source, "source");
    const Tensor to = call.writable(out, "out");
    const Checker check("copy");
    check.require(from.dtype == to.dtype && from.shape == to.shape,
                  std::string("out is ") + dtype_name(to.dtype) + " " + shape_text(to.shape) + ", and the source " +
                      dtype_name(from.dtype) + " " + shape_text(from.shape) + "; give two of one dtype and shape");
    const auto bytes = static_cast<std::size_t>(from.size() * dtype_size(from.dtype));
    const bool up = from.device == Device::cpu;
    const bool down = to.device == Device::cpu;
    if (up && down) {
        std::memmove(to.data, from.data, bytes);
        return;
    }
    const Tensor& first = up ? to : from;
    const Place place{Device::cuda, first.index, stream.value_or(first.stream.value_or(0))};
    call.launched(place);
    if (bytes == 0) { return; }
    const Unlocked released;
    for (const Tensor* tensor : {&from, &to}) {
        if (tensor->stream && *tensor->stream != place.stream) { device::wait(place, *tensor->stream); }
    }
    device::copy(to.data, from.data, bytes,
                 up     ? device::Way::up
                 : down ? device::Way::down
                        : device::Way::within,
                 place);
}

py::dict interface(const DeviceArray& self) {
    self.owner->lend();
    // 0 is not allowed here: the legacy default stream is spelt 1.
    const std::uintptr_t stream = self.place.stream == 0 ? 1 : self.place.stream;
    py::dict entries;
    entries["shape"] = py::tuple(py::cast(self.shape));
    entries["typestr"] = numpy_dtype(self.dtype).attr("str");
    entries["data"] = py::make_tuple(reinterpret_cast<std::uintptr_t>(self.data), false);
    entries["strides"] = py::none();
    entries["version"] = 3;
    entries["stream"] = stream;
    return entries;
}

void bind_services(py::module_& module) {
    module.attr("cuda_built") = device::built();
    module.attr("cuda_emulated") = device::emulated();
    module.def("cuda_device_count", &device::count);
    module.def("cuda_reason", &device::reason, py::arg("device") = 0);
    module.def("pinned", &pinned, py::arg("shape"), py::arg("dtype"));
    module.def("copy", &copy, py::arg("source"), py::arg("out"), py::kw_only(), py::arg("stream") = py::none());
    module.def("traffic", [] { return py::make_tuple(device::traffic().up, device::traffic().down); });
    py::class_<StreamHandle>(module, "Stream")
        .def(py::init<int>(), py::arg("device") = 0)
        .def_readonly("device", &StreamHandle::index)
        .def_readonly("handle", &StreamHandle::handle)
        .def(
            "wait", [](const StreamHandle& self, std::uintptr_t other) { device::wait(self.place(), other); },
            py::arg("other"))
        .def(
            "synchronize", [](const StreamHandle& self) { device::synchronize(self.place()); },
            py::call_guard<Unlocked>());
}

}  // namespace

void bind_device(py::module_& module) {
    bind_services(module);
    py::class_<DeviceArray>(module, "DeviceArray")
        .def(py::init(&empty), py::arg("shape"), py::arg("dtype"), py::kw_only(), py::arg("device") = 0,
             py::arg("stream") = 0)
        .def_static("zeros", &zeros, py::arg("shape"), py::arg("dtype"), py::kw_only(), py::arg("device") = 0,
                    py::arg("stream") = 0)
        .def_static("from_host", &from_host, py::arg("array"), py::kw_only(), py::arg("device") = 0,
                    py::arg("stream") = 0)
        .def_static("borrow", &borrow, py::arg("array"), py::kw_only(), py::arg("stream") = py::none())
        .def("rows", &rows, py::arg("start"), py::arg("stop"))
        .def("reshape", &reshape, py::arg("shape"))
        .def("to_host", &to_host)
        .def(
            "__array__",
            [](const DeviceArray& self, const py::object& dtype, const py::object& /*copy*/) -> py::object {
                const py::array host = to_host(self);
                return dtype.is_none() ? py::object(host) : host.attr("astype")(dtype);
            },
            py::arg("dtype") = py::none(), py::arg("copy") = py::none())
        .def("__len__", [](const DeviceArray& self) { return self.shape.empty() ? 0 : self.shape.front(); })
        .def_property_readonly("shape", [](const DeviceArray& self) { return py::tuple(py::cast(self.shape)); })
        .def_property_readonly("ndim", [](const DeviceArray& self) { return self.shape.size(); })
        .def_property_readonly("dtype", [](const DeviceArray& self) { return numpy_dtype(self.dtype); })
        .def_property_readonly("nbytes", &DeviceArray::nbytes)
        .def_property_readonly("device", [](const DeviceArray& self) { return self.place.index; })
        .def_property_readonly("stream", [](const DeviceArray& self) { return self.place.stream; })
        .def_property_readonly("pointer",
                               [](const DeviceArray& self) { return reinterpret_cast<std::uintptr_t>(self.data); })
        .def_property_readonly("__cuda_array_interface__", &interface);
}

}  // namespace fiqx::python
