#undef _FORTIFY_SOURCE  // its longjmp refuses other stacks

#include "fiber.hpp"

#include <sys/mman.h>

#include <new>

// AddressSanitizer is notified of every change of stacks.
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace emulated {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kStack = 64 * kPage;  // touched pages alone cost memory

Fiber* inside = nullptr;

#if defined(__SANITIZE_ADDRESS__)
const void* outer_stack = nullptr;
std::size_t outer_bytes = 0;

void leaving(void** save, const void* stack, std::size_t bytes) { __sanitizer_start_switch_fiber(save, stack, bytes); }
void arrived(void* saved, const void** from, std::size_t* bytes) {
    __sanitizer_finish_switch_fiber(saved, from, bytes);
}
void forget(void* stack, std::size_t bytes) { ASAN_UNPOISON_MEMORY_REGION(stack, bytes); }
#endif

/// Leaves one stack for another. swapcontext would set the signal mask each time, by a system call that takes longer
/// than all else.
void change(Context& from, Context& to) {
    if (_setjmp(from.jump) != 0) { return; }
    if (!to.begins) { _longjmp(to.jump, 1); }
    to.begins = false;
    (void)setcontext(&to.whole);
}

}  // namespace

Fiber::Fiber(void (*body)())
    : body_(body), memory_(mmap(nullptr, kStack + kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {
    if (memory_ == MAP_FAILED) { throw std::bad_alloc(); }
    (void)mprotect(memory_, kPage, PROT_NONE);  // a stack that overflows stops here
    drop();
}

Fiber::~Fiber() { (void)munmap(memory_, kStack + kPage); }

void Fiber::drop() {
    void* stack = static_cast<char*>(memory_) + kPage;
#if defined(__SANITIZE_ADDRESS__)
    forget(stack, kStack);
#endif
    context_.begins = true;
    ucontext_t& context = context_.whole;
    (void)getcontext(&context);
    context.uc_stack.ss_sp = stack;
    context.uc_stack.ss_size = kStack;
    context.uc_link = nullptr;
    makecontext(&context, &Fiber::first, 0);
}

void Fiber::first() {
#if defined(__SANITIZE_ADDRESS__)
    arrived(nullptr, &outer_stack, &outer_bytes);
#endif
    inside->body_();
}

void Fiber::enter() {
    inside = this;
#if defined(__SANITIZE_ADDRESS__)
    void* saved = nullptr;
    leaving(&saved, context_.whole.uc_stack.ss_sp, kStack);
#endif
    change(outside_, context_);
#if defined(__SANITIZE_ADDRESS__)
    arrived(saved, nullptr, nullptr);
#endif
    inside = nullptr;
}

void Fiber::leave() {
    Fiber* self = inside;
#if defined(__SANITIZE_ADDRESS__)
    void* saved = nullptr;
    leaving(&saved, outer_stack, outer_bytes);
#endif
    change(self->context_, self->outside_);
#if defined(__SANITIZE_ADDRESS__)
    arrived(saved, &outer_stack, &outer_bytes);
#endif
}

}  // namespace emulated
