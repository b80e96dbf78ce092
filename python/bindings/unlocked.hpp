#pragma once
// Running native code without the interpreter's lock.

#include <Python.h>
#include <unistd.h>

namespace fiqx::python {

/// Gives the interpreter's lock up for its lifetime. A thread that comes back while the interpreter ends never gets
/// it again: until Python 3.13 the interpreter ends such a thread by unwinding its stack, which C++ answers with
/// std::terminate and an aborted process. It waits here instead, as Python 3.14 lets it, until the process is gone.
class Unlocked {
public:
    Unlocked() : state_(PyEval_SaveThread()) {}
    ~Unlocked() {
        try {
            PyEval_RestoreThread(state_);
        } catch (...) {
            while (true) { pause(); }
        }
    }
    Unlocked(const Unlocked&) = delete;
    Unlocked& operator=(const Unlocked&) = delete;

private:
    PyThreadState* state_;
};

}  // namespace fiqx::python
