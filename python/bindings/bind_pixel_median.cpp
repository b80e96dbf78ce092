#include "arrays.hpp"
#include "fiqx/pixel_median.hpp"

namespace fiqx::python {
namespace {

py::object pixel_median(const py::object& maps, const py::object& out, Stream stream) {
    Call call("pixel_median");
    const Tensor x = call.input(maps, "maps");
    return call.run([&] { fiqx::pixel_median(x, call.output(out), stream); });
}

}  // namespace

void bind_pixel_median(py::module_& module) {
    module.def("pixel_median", &pixel_median, py::arg("maps"), py::kw_only(), py::arg("out") = py::none(),
               py::arg("stream") = py::none());
}

}  // namespace fiqx::python
