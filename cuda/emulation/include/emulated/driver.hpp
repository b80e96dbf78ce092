#pragma once
// Contexts: the part of the CUDA driver that is emulated.

using CUcontext = struct CUctx_st*;
using CUdevice = int;

enum CUresult {
    CUDA_SUCCESS = 0,
    CUDA_ERROR_INVALID_DEVICE = 101,
    CUDA_ERROR_INVALID_CONTEXT = 201,
};

namespace emulated {

/// Whether a device has its primary context; on a real one that takes about half a gigabyte.
bool has_context(int device);

}  // namespace emulated
