#include "arrays.hpp"
#include "fiqx/resize_boxes.hpp"

namespace fiqx::python {
namespace {

py::object resize_boxes(const py::object& picture, const py::object& boxes, std::int64_t height, std::int64_t width,
                        const py::object& out) {
    Call call("resize_boxes");
    const Tensor in = call.input(picture, "picture");
    const Tensor edges = call.input(boxes, "boxes");
    return call.run([&] { fiqx::resize_boxes(in, edges, height, width, call.output(out)); });
}

}  // namespace

void bind_resize_boxes(py::module_& module) {
    module.def("resize_boxes", &resize_boxes, py::arg("picture"), py::arg("boxes"), py::kw_only(), py::arg("height"),
               py::arg("width"), py::arg("out") = py::none());
}

}  // namespace fiqx::python
