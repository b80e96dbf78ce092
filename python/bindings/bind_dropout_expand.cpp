#include "arrays.hpp"
#include "fiqx/dropout_expand.hpp"

namespace fiqx::python {
namespace {

py::object dropout_expand(const py::object& h, std::int64_t passes, double dropout, std::uint64_t seed,
                          const py::object& out, Stream stream) {
    Call call("dropout_expand");
    const Tensor in = call.input(h, "h");
    return call.run([&] { fiqx::dropout_expand(in, passes, dropout, seed, call.output(out), stream); });
}

py::object dropout_masks(std::int64_t features, std::int64_t passes, double dropout, std::uint64_t seed) {
    Call call("dropout_masks");
    const py::none allocate;
    return call.run([&] { fiqx::dropout_masks(features, passes, dropout, seed, call.output(allocate)); });
}

}  // namespace

void bind_dropout_expand(py::module_& module) {
    module.def("dropout_expand", &dropout_expand, py::arg("h"), py::kw_only(), py::arg("passes"), py::arg("dropout"),
               py::arg("seed"), py::arg("out") = py::none(), py::arg("stream") = py::none());
    module.def("dropout_masks", &dropout_masks, py::arg("features"), py::kw_only(), py::arg("passes"),
               py::arg("dropout"), py::arg("seed"));
}

}  // namespace fiqx::python
