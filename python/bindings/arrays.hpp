#pragma once
// Python arrays to fiqx::Tensor and back. NumPy arrays are on the CPU; objects with __cuda_array_interface__ on CUDA.

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "fiqx/tensor.hpp"
#include "unlocked.hpp"

namespace fiqx::python {

namespace py = pybind11;

using Stream = std::optional<std::uintptr_t>;

struct DeviceArray;

/// One call of a kernel: borrows the arguments, and gives or allocates the result. At its end the stream of every
/// DeviceArray that was used on another stream waits for that one, so that its memory may be freed at any time.
class Call {
public:
    /// `stream` is the requested one; a kernel that only writes its arguments must name it, others need not.
    explicit Call(const char* kernel, Stream stream = std::nullopt) : kernel_(kernel), asked_(stream) {}
    ~Call();
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

    /// A readable view of an argument. A NumPy array that is not C-contiguous, aligned and in native byte order is
    /// copied; a device array must be C-contiguous. Throws InvalidInputError, CudaUnavailableError.
    Tensor input(const py::object& object, const char* name);
    /// The same of an argument that may be None.
    std::optional<Tensor> optional_input(const py::object& object, const char* name) {
        return object.is_none() ? std::nullopt : std::optional(input(object, name));
    }
    /// A view that the kernel writes: refuses everything that `input` would have to copy, and read-only memory.
    Tensor writable(const py::object& object, const char* name);
    /// `out`, or a new array where it is None. May be called without the GIL.
    Output output(const py::object& out);
    /// Records where the work was queued, as `output` does.
    void launched(const Place& place) { launched_ = place.stream; }
    /// Runs the kernel without the GIL and returns the array that its Output gave, or a tuple of several.
    template <class Kernel>
    py::object run(const Kernel& kernel) {
        {
            const Unlocked released;
            kernel();
        }
        return results_.size() == 1 ? results_.front() : py::object(py::tuple(py::cast(results_)));
    }

private:
    Tensor view(const py::object& object, const char* name, bool write);
    Tensor host(const py::array& array, const char* name, bool write);
    Tensor device(const py::object& object, const char* name, bool write);
    Tensor own(const DeviceArray& array, const char* name);

    const char* kernel_;
    Stream asked_;
    Stream launched_;
    std::vector<Place> places_;      // of the DeviceArrays among the arguments
    std::vector<py::object> alive_;  // copies of arguments, until the call is over
    std::vector<py::object> results_;
};

/// The value of a named choice; throws InvalidInputError with the list of names.
template <class T>
T choice(const char* kernel, const char* name, const std::string& given, const std::map<std::string, T>& choices) {
    const auto found = choices.find(given);
    if (found != choices.end()) { return found->second; }
    std::string names;
    for (const auto& entry : choices) { names += (names.empty() ? "\"" : ", \"") + entry.first + "\""; }
    Checker(kernel).require(false, std::string(name) + " is \"" + given + "\", wanted one of " + names);
    return T{};
}

/// A new array: NumPy on the CPU, DeviceArray on CUDA.
py::object allocate(DType dtype, const Shape& shape, const Place& place);
/// The NumPy dtype of a DType.
py::dtype numpy_dtype(DType dtype);
/// The DType of a NumPy kind and size; nothing if no kernel knows it.
std::optional<DType> dtype_of(char kind, std::int64_t size);

void bind_cam_combine(py::module_& module);
void bind_cam_masks(py::module_& module);
void bind_crop_net(py::module_& module);
void bind_device(py::module_& module);
void bind_dropout_expand(py::module_& module);
void bind_face_input(py::module_& module);
void bind_local_contrast(py::module_& module);
void bind_pair_spread(py::module_& module);
void bind_pixel_histogram(py::module_& module);
void bind_pixel_median(py::module_& module);
void bind_pixel_moments(py::module_& module);
void bind_pixel_quality(py::module_& module);
void bind_pnet(py::module_& module);
void bind_resize_boxes(py::module_& module);
void bind_row_products(py::module_& module);

}  // namespace fiqx::python
