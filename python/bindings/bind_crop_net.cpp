#include "arrays.hpp"
#include "fiqx/crop_net.hpp"

namespace fiqx::python {
namespace {

py::object crop_net(const py::object& crops, const py::object& layers, const py::object& parameters,
                    const py::object& out) {
    Call call("crop_net");
    const Tensor in = call.input(crops, "crops");
    const Tensor rows = call.input(layers, "layers");
    const Tensor numbers = call.input(parameters, "parameters");
    return call.run([&] { fiqx::crop_net(in, rows, numbers, call.output(out)); });
}

}  // namespace

void bind_crop_net(py::module_& module) {
    module.def("crop_net", &crop_net, py::arg("crops"), py::arg("layers"), py::arg("parameters"), py::kw_only(),
               py::arg("out") = py::none());
}

}  // namespace fiqx::python
