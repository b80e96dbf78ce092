#pragma once
// The cards that this library is compiled for.

#include <algorithm>
#include <string>

namespace fiqx::cuda {

/// Whether a list like CMAKE_CUDA_ARCHITECTURES, with commas ("75-real,80-real,90"), has code for a compute capability.
/// Machine code
/// (`-real`) runs on cards of the same major version with this minor version or a later one; PTX (`-virtual`) runs on
/// every later card; a number alone is both. Returns true for a list that is not of numbers ("native", "all", "").
inline bool has_code(const std::string& list, int major, int minor) {
    bool known = false;
    for (std::size_t start = 0; start < list.size();) {
        const std::size_t end = std::min(list.find(',', start), list.size());
        const std::string entry = list.substr(start, end - start);
        start = end + 1;
        if (entry.find_first_of("0123456789") != 0) { return true; }
        known = true;
        const int number = std::stoi(entry);
        const bool machine_code = entry.find("-virtual") == std::string::npos;
        const bool ptx = entry.find("-real") == std::string::npos;
        if (machine_code && number / 10 == major && number % 10 <= minor) { return true; }
        if (ptx && number <= 10 * major + minor) { return true; }
    }
    return !known;
}

}  // namespace fiqx::cuda
