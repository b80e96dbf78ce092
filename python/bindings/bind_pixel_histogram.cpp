#include "arrays.hpp"
#include "fiqx/pixel_histogram.hpp"

namespace fiqx::python {
namespace {

void pixel_histogram(const py::object& maps, const py::object& counts, Stream stream) {
    Call call("pixel_histogram", stream);
    const Tensor x = call.input(maps, "maps");
    const Tensor c = call.writable(counts, "counts");
    const Unlocked released;
    fiqx::pixel_histogram(x, c, stream);
}

void pixel_histogram_merge(const py::object& counts, const py::object& other, Stream stream) {
    Call call("pixel_histogram_merge", stream);
    const Tensor c = call.writable(counts, "counts");
    const Tensor o = call.input(other, "other");
    const Unlocked released;
    fiqx::pixel_histogram_merge(c, o, stream);
}

py::object pixel_histogram_quantile(const py::object& counts, double q, const py::object& out, Stream stream) {
    Call call("pixel_histogram_quantile");
    const Tensor c = call.input(counts, "counts");
    return call.run([&] { fiqx::pixel_histogram_quantile(c, q, call.output(out), stream); });
}

}  // namespace

void bind_pixel_histogram(py::module_& module) {
    module.def("pixel_histogram", &pixel_histogram, py::arg("maps"), py::arg("counts"), py::kw_only(),
               py::arg("stream") = py::none());
    module.def("pixel_histogram_merge", &pixel_histogram_merge, py::arg("counts"), py::arg("other"), py::kw_only(),
               py::arg("stream") = py::none());
    module.def("pixel_histogram_quantile", &pixel_histogram_quantile, py::arg("counts"), py::arg("q"), py::kw_only(),
               py::arg("out") = py::none(), py::arg("stream") = py::none());
}

}  // namespace fiqx::python
