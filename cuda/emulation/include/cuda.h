#pragma once
// The few types of the CUDA driver that are emulated; its functions are had by cudaGetDriverEntryPointByVersion.

#include "emulated/driver.hpp"
