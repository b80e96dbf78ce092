#include "arrays.hpp"
#include "fiqx/row_products.hpp"

namespace fiqx::python {
namespace {

py::object row_power(const py::object& x, const py::object& weights, const py::object& out, Stream stream) {
    Call call("row_power");
    const Tensor rows = call.input(x, "x");
    const auto w = call.optional_input(weights, "weights");
    return call.run([&] { fiqx::row_power(rows, w, call.output(out), stream); });
}

py::object row_cosine(const py::object& x, const py::object& references, const py::object& index, const py::object& out,
                      Stream stream) {
    Call call("row_cosine");
    const Tensor rows = call.input(x, "x");
    const Tensor others = call.input(references, "references");
    const auto which = call.optional_input(index, "index");
    return call.run([&] { fiqx::row_cosine(rows, others, which, call.output(out), stream); });
}

}  // namespace

void bind_row_products(py::module_& module) {
    module.def("row_power", &row_power, py::arg("x"), py::arg("weights") = py::none(), py::kw_only(),
               py::arg("out") = py::none(), py::arg("stream") = py::none());
    module.def("row_cosine", &row_cosine, py::arg("x"), py::arg("references"), py::arg("index") = py::none(),
               py::kw_only(), py::arg("out") = py::none(), py::arg("stream") = py::none());
}

}  // namespace fiqx::python
