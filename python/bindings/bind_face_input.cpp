#include <array>

#include "arrays.hpp"
#include "fiqx/face_input.hpp"

namespace fiqx::python {
namespace {

py::object face_input(const py::object& faces, const std::array<float, 3>& mean, const std::array<float, 3>& std,
                      const std::string& color, const std::string& dtype, const py::object& out, Stream stream) {
    const char* kernel = "face_input";
    FaceInput settings{};
    settings.color =
        choice<Color>(kernel, "color", color, {{"rgb", Color::rgb}, {"bgr", Color::bgr}, {"gray", Color::gray}});
    settings.half = choice<bool>(kernel, "dtype", dtype, {{"float32", false}, {"float16", true}});
    for (int c = 0; c < 3; ++c) {
        settings.mean[c] = mean[c];
        settings.std[c] = std[c];
    }
    Call call(kernel);
    const Tensor in = call.input(faces, "faces");
    return call.run([&] { fiqx::face_input(in, settings, call.output(out), stream); });
}

}  // namespace

void bind_face_input(py::module_& module) {
    module.def("face_input", &face_input, py::arg("faces"), py::kw_only(), py::arg("mean"), py::arg("std"),
               py::arg("color"), py::arg("dtype"), py::arg("out") = py::none(), py::arg("stream") = py::none());
}

}  // namespace fiqx::python
