#pragma once
// A stack of its own for a thread that has to wait.

#include <ucontext.h>

#include <cstddef>

namespace emulated {

/// Runs on the host thread that enters it. One may be entered at a time.
class Fiber {
public:
    Fiber();
    ~Fiber();
    Fiber(const Fiber&) = delete;
    Fiber& operator=(const Fiber&) = delete;

    /// Lets the next `enter` call `body`, which must not return. Whatever ran here before is dropped.
    void start(void (*body)());
    /// Runs the fiber until it leaves.
    void enter();
    /// Returns from `enter`; the next `enter` returns from here.
    static void leave();

private:
    static void first();

    void* memory_;
    ucontext_t context_{};
    ucontext_t outside_{};
    void (*body_)() = nullptr;
};

}  // namespace emulated
