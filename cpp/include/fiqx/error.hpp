#pragma once
/// The exceptions of the native part; the bindings convert each to the class of the same name in fiqx_trt.errors.

#include <stdexcept>

namespace fiqx {

/// An argument has the wrong shape, dtype, range or name.
struct InvalidInputError : std::invalid_argument {
    using std::invalid_argument::invalid_argument;
};

/// Arrays on different devices in one call.
struct DeviceMismatchError : InvalidInputError {
    using InvalidInputError::InvalidInputError;
};

/// A CUDA call failed.
struct CudaError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// A device array was given, but this build or this machine has no CUDA.
struct CudaUnavailableError : CudaError {
    using CudaError::CudaError;
};

}  // namespace fiqx
