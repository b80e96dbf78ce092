#include "arrays.hpp"
#include "fiqx/local_contrast.hpp"

namespace fiqx::python {
namespace {

py::object local_contrast(const py::object& faces, const py::object& out, Stream stream) {
    Call call("local_contrast");
    const Tensor in = call.input(faces, "faces");
    return call.run([&] { fiqx::local_contrast(in, call.output(out), stream); });
}

}  // namespace

void bind_local_contrast(py::module_& module) {
    module.def("local_contrast", &local_contrast, py::arg("faces"), py::kw_only(), py::arg("out") = py::none(),
               py::arg("stream") = py::none());
}

}  // namespace fiqx::python
