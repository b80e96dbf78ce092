#include <exception>

#include "arrays.hpp"
#include "fiqx/error.hpp"

namespace fiqx::python {
namespace {

void raise(const char* name, const std::exception& error) {
    const py::object type = py::module_::import("fiqx_trt.errors").attr(name);
    py::set_error(type, error.what());
}

// The most derived first: each becomes the class of its own name.
void translate(std::exception_ptr pointer) {
    try {
        if (pointer) { std::rethrow_exception(pointer); }
    } catch (const DeviceMismatchError& error) {
        raise("DeviceMismatchError", error);
    } catch (const InvalidInputError& error) {
        raise("InvalidInputError", error);
    } catch (const CudaUnavailableError& error) {
        raise("CudaUnavailableError", error);
    } catch (const CudaError& error) { raise("CudaError", error); }
}

}  // namespace
}  // namespace fiqx::python

PYBIND11_MODULE(_core, module, pybind11::mod_gil_not_used()) {
    using namespace fiqx::python;
    pybind11::register_local_exception_translator(&translate);
    bind_cam_combine(module);
    bind_cam_masks(module);
    bind_crop_net(module);
    bind_device(module);
    bind_dropout_expand(module);
    bind_face_input(module);
    bind_local_contrast(module);
    bind_pair_spread(module);
    bind_pixel_histogram(module);
    bind_pixel_median(module);
    bind_pixel_moments(module);
    bind_pixel_quality(module);
    bind_pnet(module);
    bind_resize_boxes(module);
    bind_row_products(module);
}
