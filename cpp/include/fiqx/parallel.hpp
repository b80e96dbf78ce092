#pragma once
/// Threads over independent blocks. The assignment of blocks to threads never affects a result.

#include <cstdint>

namespace fiqx {

/// A function of a block's number and a context.
using Job = void (*)(const void* context, std::int64_t index);

/// Calls `job(context, 0) … job(context, jobs - 1)` and returns when all are done. `job` must not throw.
///
/// The calling thread runs jobs too and waits only for threads that have started: on a machine with busy processors (an
/// inference runtime, other programs) an OpenMP barrier costs a time slice, this costs nothing.
/// Threads: as many as this process may use, or FIQX_THREADS. A forked child uses one thread.
void run_jobs(std::int64_t jobs, Job job, const void* context);

/// `function(0) … function(jobs - 1)`, in parallel when `work` (the total of elementary steps) is large enough for
/// threads.
template <class Function>
void parallel_for(std::int64_t jobs, std::int64_t work, const Function& function) {
    if (jobs > 1 && work > (std::int64_t{1} << 16)) {
        const Job job = [](const void* context, std::int64_t i) { (*static_cast<const Function*>(context))(i); };
        run_jobs(jobs, job, &function);
        return;
    }
    for (std::int64_t i = 0; i < jobs; ++i) { function(i); }
}

}  // namespace fiqx
