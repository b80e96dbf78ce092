#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <thread>
#include <vector>

#include "check.hpp"
#include "fiqx/parallel.hpp"

namespace {

constexpr std::int64_t kWork = std::int64_t{1} << 30;

bool each_job_runs_once(std::int64_t jobs) {
    std::vector<std::atomic<int>> seen(static_cast<std::size_t>(jobs));
    fiqx::parallel_for(jobs, kWork, [&](std::int64_t i) { ++seen[static_cast<std::size_t>(i)]; });
    bool once = true;
    for (const auto& count : seen) { once = once && count == 1; }
    return once;
}

void from_several_threads_at_once() {
    std::vector<std::thread> callers;
    for (int t = 0; t < 6; ++t) {
        callers.emplace_back([] {
            for (int repeat = 0; repeat < 200; ++repeat) { CHECK(each_job_runs_once(repeat)); }
        });
    }
    for (auto& caller : callers) { caller.join(); }
}

void in_a_forked_child() {
    const pid_t child = fork();
    if (child == 0) { _exit(each_job_runs_once(1000) ? 0 : 1); }
    int status = -1;
    waitpid(child, &status, 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

}  // namespace

int main() {
    setenv("FIQX_THREADS", "4", 1);
    CHECK(each_job_runs_once(0));
    CHECK(each_job_runs_once(1));
    CHECK(each_job_runs_once(10000));
    from_several_threads_at_once();
    in_a_forked_child();
    return failures;
}
