#pragma once
/// Threads over independent blocks. Which thread takes which block never changes a result.

#include <cstdint>

namespace fiqx {

/// Calls `job(0) … job(jobs - 1)`, in parallel when `work` (elementary steps in all) is worth waking threads for.
/// `job` must not throw.
template <class Job>
void parallel_for(std::int64_t jobs, std::int64_t work, const Job& job) {
#pragma omp parallel for schedule(dynamic) if (jobs > 1 && work > (1 << 15))
    for (std::int64_t i = 0; i < jobs; ++i) { job(i); }
}

}  // namespace fiqx
