#pragma once
// What `kernel<<<grid, block, shared, stream>>>(arguments)` is translated to.

#include <cstddef>
#include <functional>
#include <string>

#include "emulated/runtime.hpp"
#include "emulated/types.hpp"

namespace emulated {

/// A grid ready to run; `thread` is the kernel with its arguments.
struct Grid {
    std::string name;
    const void* kernel = nullptr;
    dim3 grid, block;
    std::size_t shared = 0;
    std::size_t most_shared = std::size_t{48} << 10U;  // its own variables and `shared` together
    std::function<void()> thread;
};

/// Runs every block of a grid. Returns what went wrong, or nothing.
std::string run_grid(const Grid& grid);

/// Checks a launch and puts it on its stream.
void submit(Grid grid, cudaStream_t stream);

class Launch {
public:
    Launch(dim3 grid, dim3 block, std::size_t shared = 0, cudaStream_t stream = nullptr) : stream_(stream) {
        grid_.grid = grid;
        grid_.block = block;
        grid_.shared = shared;
    }

    /// The arguments are copied when the kernel is launched, as CUDA does.
    template <class... Parameters>
    auto kernel(const char* name, void (*function)(Parameters...)) const {
        return [launch = *this, name, function](Parameters... arguments) mutable {
            launch.grid_.name = name;
            launch.grid_.kernel = reinterpret_cast<const void*>(function);
            launch.grid_.thread = [=] { function(arguments...); };
            submit(std::move(launch.grid_), launch.stream_);
        };
    }

private:
    Grid grid_;
    cudaStream_t stream_;
};

}  // namespace emulated
