#pragma once
// CUDA for g++: enough of the runtime and of the device language to run the kernels of cuda/ on the CPU, in tests.
// What is not declared here does not compile; nothing is silently ignored.

#include "emulated/device.hpp"
#include "emulated/launch.hpp"
#include "emulated/runtime.hpp"
#include "emulated/types.hpp"
