#include "arrays.hpp"
#include "device_array.hpp"
#include "fiqx/device.hpp"
#include "fiqx/error.hpp"

namespace fiqx::python {
namespace {

std::unique_ptr<DeviceArray> empty(const Shape& shape, const py::object& dtype, int index, std::uintptr_t stream) {
    const py::dtype wanted = py::dtype::from_args(dtype);
    const auto known = dtype_of(wanted.kind(), wanted.itemsize());
    const Checker check("DeviceArray");
    check.require(known.has_value(), "dtype " + py::str(wanted).cast<std::string>() + " is known to no kernel");
    for (const std::int64_t axis : shape) {
        check.require(axis >= 0, "shape is " + shape_text(shape) + ", wanted axes of 0 or more");
    }
    return std::make_unique<DeviceArray>(*known, shape, Place{Device::cuda, index, stream});
}

py::array to_host(const DeviceArray& self) {
    py::array host(numpy_dtype(self.dtype), self.shape);
    void* target = host.mutable_data();
    if (self.nbytes() == 0) { return host; }
    {
        const py::gil_scoped_release released;
        device::to_host(target, self.data, self.nbytes(), self.place);
    }
    return host;
}

std::unique_ptr<DeviceArray> from_host(const py::array& array, int index, std::uintptr_t stream) {
    const py::array plain = py::module_::import("numpy").attr("ascontiguousarray")(array);
    auto made = empty(Shape(plain.shape(), plain.shape() + plain.ndim()), plain.dtype(), index, stream);
    if (made->nbytes() > 0) { device::from_host(made->data, plain.data(), made->nbytes(), made->place); }
    return made;
}

py::dict interface(const DeviceArray& self) {
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

}  // namespace

void bind_device(py::module_& module) {
    module.attr("cuda_built") = device::built();
    module.def("cuda_device_count", &device::count);
    module.def("cuda_reason", &device::reason);
    py::class_<DeviceArray>(module, "DeviceArray")
        .def(py::init(&empty), py::arg("shape"), py::arg("dtype"), py::kw_only(), py::arg("device") = 0,
             py::arg("stream") = 0)
        .def_static("from_host", &from_host, py::arg("array"), py::kw_only(), py::arg("device") = 0,
                    py::arg("stream") = 0)
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
        .def_property_readonly("__cuda_array_interface__", &interface);
}

}  // namespace fiqx::python
