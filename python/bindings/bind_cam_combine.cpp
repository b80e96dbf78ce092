#include "arrays.hpp"
#include "fiqx/cam_combine.hpp"

namespace fiqx::python {
namespace {

py::object cam_combine(const py::object& activations, const py::object& weights, std::int64_t height,
                       std::int64_t width, bool align_corners, bool relu_activations, bool relu, bool upsample_first,
                       bool minmax_twice, const py::object& out, Stream stream) {
    Call call("cam_combine");
    const Tensor a = call.input(activations, "activations");
    const Tensor w = call.input(weights, "weights");
    const body::CombineRule rule{align_corners, relu_activations, relu, upsample_first, minmax_twice};
    const py::none make;
    return call.run([&] {
        fiqx::cam_combine(a, w, height, width, rule, call.output(out), call.output(make), call.output(make), stream);
    });
}

}  // namespace

void bind_cam_combine(py::module_& module) {
    module.def("cam_combine", &cam_combine, py::arg("activations"), py::arg("weights"), py::kw_only(),
               py::arg("height"), py::arg("width"), py::arg("align_corners"), py::arg("relu_activations"),
               py::arg("relu"), py::arg("upsample_first"), py::arg("minmax_twice"), py::arg("out") = py::none(),
               py::arg("stream") = py::none());
}

}  // namespace fiqx::python
