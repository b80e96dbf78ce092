#pragma once
// Streams and events: work in order, run at once or as late as CUDA allows.

#include <cstdint>
#include <functional>
#include <memory>

#include "emulated/runtime.hpp"

namespace emulated {

struct Stream;

/// A point in a stream's work.
struct Marker {
    std::shared_ptr<Stream> stream;
    std::uint64_t number = 0;
};

/// The stream of a handle; null for a handle that is none.
std::shared_ptr<Stream> stream_of(cudaStream_t handle);
/// Adds work. With FIQX_EMULATED_STREAMS=late it runs when something waits for it, otherwise now.
void put(const std::shared_ptr<Stream>& stream, std::function<void()> work);
Marker end_of(const std::shared_ptr<Stream>& stream);
/// Runs a stream's work up to a marker, and what that waits for.
void finish(const Marker& marker);
void finish_all();

cudaStream_t open_stream(bool blocking);
bool close_stream(cudaStream_t handle);

}  // namespace emulated
