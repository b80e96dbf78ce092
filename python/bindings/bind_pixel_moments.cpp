#include "arrays.hpp"
#include "fiqx/pixel_moments.hpp"

namespace fiqx::python {
namespace {

std::int64_t pixel_moments(const py::object& maps, const py::object& mean, const py::object& m2, std::int64_t count,
                           Stream stream) {
    Call call("pixel_moments", stream);
    const Tensor x = call.input(maps, "maps");
    const Tensor a = call.writable(mean, "mean");
    const Tensor b = call.writable(m2, "m2");
    const Unlocked released;
    return fiqx::pixel_moments(x, a, b, count, stream);
}

std::int64_t pixel_moments_merge(const py::object& mean, const py::object& m2, std::int64_t count,
                                 const py::object& other_mean, const py::object& other_m2, std::int64_t other_count,
                                 Stream stream) {
    Call call("pixel_moments_merge", stream);
    const Tensor a = call.writable(mean, "mean");
    const Tensor b = call.writable(m2, "m2");
    const Tensor c = call.input(other_mean, "other_mean");
    const Tensor d = call.input(other_m2, "other_m2");
    const Unlocked released;
    return fiqx::pixel_moments_merge(a, b, count, c, d, other_count, stream);
}

py::object pixel_range(const py::object& maps, const py::object& out, Stream stream) {
    Call call("pixel_range");
    const Tensor x = call.input(maps, "maps");
    return call.run([&] { fiqx::pixel_range(x, call.output(out), stream); });
}

}  // namespace

void bind_pixel_moments(py::module_& module) {
    module.def("pixel_moments", &pixel_moments, py::arg("maps"), py::arg("mean"), py::arg("m2"), py::kw_only(),
               py::arg("count"), py::arg("stream") = py::none());
    module.def("pixel_moments_merge", &pixel_moments_merge, py::arg("mean"), py::arg("m2"), py::arg("count"),
               py::arg("other_mean"), py::arg("other_m2"), py::arg("other_count"), py::kw_only(),
               py::arg("stream") = py::none());
    module.def("pixel_range", &pixel_range, py::arg("maps"), py::kw_only(), py::arg("out") = py::none(),
               py::arg("stream") = py::none());
}

}  // namespace fiqx::python
