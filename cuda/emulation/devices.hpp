#pragma once
// Devices, and which of them is current in a thread. FIQX_EMULATED_DEVICES is their number (1), or "lost": then they
// cannot be counted, as in a forked child or after an error. FIQX_EMULATED_CAPABILITY ("8.6") and FIQX_EMULATED_POOLS
// (1) describe them.

#include "emulated/runtime.hpp"

namespace emulated {

/// Sets the thread's last error, and returns it.
cudaError_t result(cudaError_t error);

/// Gives the current device its context, as every call does that needs one.
void use_context();

}  // namespace emulated
