#include "streams.hpp"

#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <vector>

namespace emulated {

struct Stream {
    bool blocking = true;  // waits for the legacy stream, and is waited for by it
    std::deque<std::function<void()>> work;
    std::uint64_t done = 0;
};

namespace {

const std::shared_ptr<Stream> legacy = std::make_shared<Stream>();
std::map<cudaStream_t, std::shared_ptr<Stream>> streams;

bool late() {
    const char* given = std::getenv("FIQX_EMULATED_STREAMS");
    return given != nullptr && std::strcmp(given, "late") == 0;
}

/// What CUDA makes new work of a stream wait for: the legacy stream and the blocking ones wait for each other.
std::vector<Marker> before(const std::shared_ptr<Stream>& stream) {
    std::vector<Marker> markers;
    if (stream == legacy) {
        for (const auto& [handle, other] : streams) {
            if (other->blocking) { markers.push_back(end_of(other)); }
        }
    } else if (stream->blocking) {
        markers.push_back(end_of(legacy));
    }
    return markers;
}

}  // namespace

std::shared_ptr<Stream> stream_of(cudaStream_t handle) {
    if (handle == nullptr || handle == cudaStreamLegacy) { return legacy; }
    const auto found = streams.find(handle);
    return found == streams.end() ? nullptr : found->second;
}

void put(const std::shared_ptr<Stream>& stream, std::function<void()> work) {
    stream->work.push_back([markers = before(stream), work = std::move(work)] {
        for (const Marker& marker : markers) { finish(marker); }
        work();
    });
    if (!late()) { finish(end_of(stream)); }
}

Marker end_of(const std::shared_ptr<Stream>& stream) { return {stream, stream->done + stream->work.size()}; }

void finish(const Marker& marker) {
    Stream& stream = *marker.stream;
    while (stream.done < marker.number) {
        const std::function<void()> work = std::move(stream.work.front());
        stream.work.pop_front();
        ++stream.done;
        work();
    }
}

void finish_all() {
    for (const auto& [handle, stream] : streams) { finish(end_of(stream)); }
    finish(end_of(legacy));
}

cudaStream_t open_stream(bool blocking) {
    auto stream = std::make_shared<Stream>();
    stream->blocking = blocking;
    const auto handle = reinterpret_cast<cudaStream_t>(stream.get());
    streams.emplace(handle, std::move(stream));
    return handle;
}

bool close_stream(cudaStream_t handle) {
    const auto found = streams.find(handle);
    if (found == streams.end()) { return false; }
    finish(end_of(found->second));
    streams.erase(found);
    return true;
}

}  // namespace emulated
