#include "arrays.hpp"
#include "fiqx/pnet.hpp"

namespace fiqx::python {
namespace {

py::object pnet(const py::object& picture, const py::object& parameters, const py::object& out) {
    Call call("pnet");
    const Tensor in = call.input(picture, "picture");
    const Tensor numbers = call.input(parameters, "parameters");
    return call.run([&] { fiqx::pnet(in, numbers, call.output(out)); });
}

}  // namespace

void bind_pnet(py::module_& module) {
    module.def("pnet", &pnet, py::arg("picture"), py::arg("parameters"), py::kw_only(), py::arg("out") = py::none());
}

}  // namespace fiqx::python
