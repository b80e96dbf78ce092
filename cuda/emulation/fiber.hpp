#pragma once
// A stack of its own for a thread that has to wait.

#include <setjmp.h>
#include <ucontext.h>

#include <cstddef>

namespace emulated {

/// Where a stack was left, or where it begins.
struct Context {
    ucontext_t whole{};
    jmp_buf jump{};
    bool begins = false;
};

/// Runs `body`, which must not return, on the host thread that enters it. One may be entered at a time.
class Fiber {
public:
    explicit Fiber(void (*body)());
    ~Fiber();
    Fiber(const Fiber&) = delete;
    Fiber& operator=(const Fiber&) = delete;

    /// Lets the next `enter` begin `body` again. What ran here is dropped.
    void drop();
    /// Runs the fiber until it leaves.
    void enter();
    /// Returns from `enter`; the next `enter` returns from here.
    static void leave();

private:
    static void first();

    void (*body_)();
    void* memory_;
    Context context_;
    Context outside_;
};

}  // namespace emulated
