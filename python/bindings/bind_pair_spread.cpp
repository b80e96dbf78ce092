#include "arrays.hpp"
#include "fiqx/pair_spread.hpp"

namespace fiqx::python {
namespace {

py::object pair_spread(const py::object& embeddings, const py::object& out, Stream stream) {
    Call call("pair_spread");
    const Tensor in = call.input(embeddings, "embeddings");
    return call.run([&] { fiqx::pair_spread(in, call.output(out), stream); });
}

}  // namespace

void bind_pair_spread(py::module_& module) {
    module.def("pair_spread", &pair_spread, py::arg("embeddings"), py::kw_only(), py::arg("out") = py::none(),
               py::arg("stream") = py::none());
}

}  // namespace fiqx::python
