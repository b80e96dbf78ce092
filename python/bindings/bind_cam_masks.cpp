#include "arrays.hpp"
#include "fiqx/cam_masks.hpp"

namespace fiqx::python {
namespace {

py::object cam_masks(const py::object& activations, const py::object& face, const py::array& channels,
                     const std::string& dtype, bool align_corners, bool scale_first, bool subtract_min, bool relu,
                     const py::object& out, Stream stream) {
    const char* kernel = "cam_masks";
    const bool half = choice<bool>(kernel, "dtype", dtype, {{"float32", false}, {"float16", true}});
    Call call(kernel);
    const Tensor a = call.input(activations, "activations");
    const Tensor f = call.input(face, "face");
    const Tensor c = call.input(channels, "channels");
    const body::MaskRule rule{align_corners, scale_first, subtract_min, relu};
    return call.run([&] { fiqx::cam_masks(a, f, c, half, rule, call.output(out), stream); });
}

py::object cam_constant(const py::object& activations, bool relu, const py::object& out, Stream stream) {
    Call call("cam_constant");
    const Tensor a = call.input(activations, "activations");
    return call.run([&] { fiqx::cam_constant(a, relu, call.output(out), stream); });
}

}  // namespace

void bind_cam_masks(py::module_& module) {
    module.def("cam_masks", &cam_masks, py::arg("activations"), py::arg("face"), py::arg("channels"), py::kw_only(),
               py::arg("dtype"), py::arg("align_corners"), py::arg("scale_first"), py::arg("subtract_min"),
               py::arg("relu"), py::arg("out") = py::none(), py::arg("stream") = py::none());
    module.def("cam_constant", &cam_constant, py::arg("activations"), py::kw_only(), py::arg("relu"),
               py::arg("out") = py::none(), py::arg("stream") = py::none());
}

}  // namespace fiqx::python
