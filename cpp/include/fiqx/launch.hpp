#pragma once
/// Dispatches a kernel to the CPU or to CUDA. Both loops take the same argument struct.

#include "fiqx/error.hpp"
#include "fiqx/tensor.hpp"

#if defined(FIQX_WITH_CUDA)
#define FIQX_LAUNCH(place, kernel, args) \
    ((place).device == ::fiqx::Device::cuda ? ::fiqx::cuda::kernel(args, place) : ::fiqx::cpu::kernel(args))
#else
// A device array never gets this far: Checker::place has refused it.
#define FIQX_LAUNCH(place, kernel, args) ((void)(place), ::fiqx::cpu::kernel(args))
#endif
