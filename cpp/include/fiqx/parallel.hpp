#pragma once
/// Threads over independent blocks. Which thread takes which block never changes a result.

#include <cstdint>

namespace fiqx {

/// A block of work by its number, and what it works on.
using Job = void (*)(const void* context, std::int64_t index);

/// Calls `job(context, 0) … job(context, jobs - 1)` and returns when all are done. `job` must not throw.
///
/// The caller works itself and waits for no thread that has not begun: on a machine whose processors are busy (an
/// inference runtime beside us, other programs) an OpenMP team costs a time slice at its barrier, this costs nothing.
/// Threads: as many as this process may use, or FIQX_THREADS. A forked child works alone.
void run_jobs(std::int64_t jobs, Job job, const void* context);

/// `function(0) … function(jobs - 1)`, in parallel when `work` (elementary steps in all) is worth waking threads for.
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
