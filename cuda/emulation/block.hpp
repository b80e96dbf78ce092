#pragma once
// The threads of one block, run by turns on one processor.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "emulated/device.hpp"
#include "fiber.hpp"

namespace emulated {

class Block {
public:
    /// `order`: the ranks of the threads in the order in which they are served.
    Block(dim3 extent, const std::function<void()>& kernel, std::vector<unsigned> order);

    /// Runs all threads to their ends. Returns what went wrong, or nothing.
    std::string run();

    // What the running thread does.
    Votes barrier(Site site, bool predicate);
    Exchanged exchange(Site site, std::uint32_t mask, std::uint64_t value, unsigned source, bool predicate);
    void blame(const std::string& why);
    /// Leaves a thread's stack for good: nothing on it may own memory.
    [[noreturn]] void stop();
    unsigned own_lane() const { return current_ % 32; }

private:
    enum class State { fresh, ready, at_barrier, in_warp, ended };
    struct Thread {
        uint3 index{};
        State state = State::fresh;
        Fiber* fiber = nullptr;
        Site site{};
        bool predicate = false;
        std::uint32_t mask = 0;
        std::uint64_t value = 0;
        unsigned source = 0;
        Exchanged exchanged{};
        Votes votes{};
    };

    static void work();
    void run_fresh();
    void resume(unsigned rank);
    void become(unsigned rank);
    void wait(State state);
    bool settle(unsigned warp, std::uint32_t mask);
    void give(unsigned warp, std::uint32_t taking);
    void end();
    std::string stuck() const;

    const std::function<void()>& kernel_;
    std::vector<unsigned> order_;
    std::vector<Thread> threads_;
    std::size_t fresh_ = 0;
    std::size_t ended_ = 0;
    unsigned current_ = 0;
    unsigned at_barrier_ = 0;
    Site barrier_{};
    Votes votes_{};
    std::string error_;
};

/// The block that is running; none outside kernels.
extern Block* running_block;

}  // namespace emulated
