#include "fiqx/parallel.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <list>
#include <mutex>
#include <thread>

namespace fiqx {
namespace {

struct Task {
    std::int64_t jobs;
    Job job;
    const void* context;
    std::atomic<std::int64_t> next{0};
    int helpers = 0;  // guarded by the pool's mutex

    void work() {
        for (std::int64_t i = next++; i < jobs; i = next++) { job(context, i); }
    }
};

class Pool {
public:
    explicit Pool(int helpers) : process_(getpid()) {
        for (int i = 0; i < helpers; ++i) {
            std::thread([this] { help(); }).detach();
        }
    }

    void run(Task& task) {
        if (getpid() != process_) {  // a forked child: the threads exist only in the parent
            task.work();
            return;
        }
        std::unique_lock lock(mutex_);
        const auto place = tasks_.insert(tasks_.end(), &task);
        lock.unlock();
        wake_.notify_all();
        task.work();
        lock.lock();
        tasks_.erase(place);
        done_.wait(lock, [&task] { return task.helpers == 0; });
    }

private:
    [[noreturn]] void help() {
        std::unique_lock lock(mutex_);
        while (true) {
            const auto open = [](const Task* task) { return task->next < task->jobs; };
            auto found = tasks_.end();
            wake_.wait(lock,
                       [&] { return (found = std::find_if(tasks_.begin(), tasks_.end(), open)) != tasks_.end(); });
            Task& task = **found;
            ++task.helpers;
            lock.unlock();
            task.work();
            lock.lock();
            if (--task.helpers == 0) { done_.notify_all(); }
        }
    }

    const pid_t process_;
    std::mutex mutex_;
    std::condition_variable wake_, done_;
    std::list<Task*> tasks_;
};

int threads() {
    const char* wanted = std::getenv("FIQX_THREADS");
    const int given = wanted == nullptr ? 0 : std::atoi(wanted);
    return given > 0 ? given : static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
}

}  // namespace

void run_jobs(std::int64_t jobs, Job job, const void* context) {
    static Pool* const pool = new Pool(threads() - 1);  // never destroyed: its threads outlive static destructors
    Task task{jobs, job, context};
    pool->run(task);
}

}  // namespace fiqx
