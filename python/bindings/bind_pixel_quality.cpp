#include "arrays.hpp"
#include "fiqx/pixel_quality.hpp"

namespace fiqx::python {
namespace {

py::object pixel_quality(const py::object& gradient, const py::object& scale, const py::object& contrast, double gamma,
                         const std::optional<double>& clip, const py::object& out, Stream stream) {
    Call call("pixel_quality");
    const Tensor g = call.input(gradient, "gradient");
    const Tensor s = call.input(scale, "scale");
    const auto c = call.optional_input(contrast, "contrast");
    const py::none make;
    return call.run([&] {
        fiqx::pixel_quality(g, s, c, gamma, clip, call.output(out), call.output(make), call.output(make), stream);
    });
}

}  // namespace

void bind_pixel_quality(py::module_& module) {
    module.def("pixel_quality", &pixel_quality, py::arg("gradient"), py::arg("scale"), py::arg("contrast") = py::none(),
               py::kw_only(), py::arg("gamma"), py::arg("clip"), py::arg("out") = py::none(),
               py::arg("stream") = py::none());
}

}  // namespace fiqx::python
