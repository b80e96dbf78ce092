#include "block.hpp"

#include <map>
#include <sstream>

namespace emulated {

Block* running_block = nullptr;

namespace {

/// Stacks, kept from block to block; as many as threads of a block have waited at once.
std::vector<std::unique_ptr<Fiber>> fibers;

std::string text_of(const Site& site) {
    const std::string file = site.file;
    return std::string(site.what) + " (" + file.substr(file.rfind('/') + 1) + ":" + std::to_string(site.line) + ")";
}

std::string text_of(const uint3& at) {
    std::ostringstream text;
    text << "(" << at.x << ", " << at.y << ", " << at.z << ")";
    return text.str();
}

}  // namespace

Block::Block(dim3 extent, const std::function<void()>& kernel, std::vector<unsigned> order)
    : kernel_(kernel), order_(std::move(order)), threads_(order_.size()) {
    for (unsigned rank = 0; rank < threads_.size(); ++rank) {
        threads_[rank].index = {rank % extent.x, rank / extent.x % extent.y, rank / extent.x / extent.y};
    }
}

std::string Block::run() {
    running_block = this;
    std::size_t used = 0;
    while (error_.empty() && ended_ < threads_.size()) {
        const std::size_t ended = ended_;
        bool moved = fresh_ < order_.size();
        // A stack serves one thread after the other until one waits, and is that thread's from then on.
        while (error_.empty() && fresh_ < order_.size()) {
            if (used == fibers.size()) { fibers.push_back(std::make_unique<Fiber>(&Block::work)); }
            Fiber* fiber = fibers[used++].get();
            fiber->enter();
            if (threads_[current_].state != State::ended) { threads_[current_].fiber = fiber; }
        }
        for (std::size_t i = 0; error_.empty() && i < order_.size(); ++i) {
            if (threads_[order_[i]].state != State::ready) { continue; }
            moved = true;
            resume(order_[i]);
        }
        if (error_.empty() && !moved && ended == ended_) { error_ = stuck(); }
    }
    for (std::size_t i = 0; !error_.empty() && i < used; ++i) { fibers[i]->drop(); }
    running_block = nullptr;
    return error_;
}

void Block::work() {
    for (;;) {
        running_block->run_fresh();
        Fiber::leave();
    }
}

void Block::run_fresh() {
    while (fresh_ < order_.size()) {
        become(order_[fresh_++]);
        kernel_();
        end();
    }
}

void Block::become(unsigned rank) {
    current_ = rank;
    thread_index = threads_[rank].index;
}

void Block::resume(unsigned rank) {
    become(rank);
    threads_[rank].fiber->enter();
}

void Block::wait(State state) {
    threads_[current_].state = state;
    const unsigned self = current_;
    while (threads_[self].state != State::ready) { Fiber::leave(); }
}

void Block::end() {
    threads_[current_].state = State::ended;
    ++ended_;
    // Lanes that wait for this one need not any more.
    const unsigned warp = current_ / 32;
    for (unsigned rank = warp * 32; rank < threads_.size() && rank < warp * 32 + 32; ++rank) {
        if (threads_[rank].state == State::in_warp) { settle(warp, threads_[rank].mask); }
    }
}

void Block::blame(const std::string& why) { error_ = "thread " + text_of(threads_[current_].index) + ": " + why; }

void Block::stop() {
    for (;;) { Fiber::leave(); }
}

Votes Block::barrier(Site site, bool predicate) {
    Thread& self = threads_[current_];
    if (at_barrier_ == 0) {
        barrier_ = site;
        votes_ = {0, true, false};
    }
    if (!(site == barrier_)) {
        blame("is at " + text_of(site) + " while others of its block are at " + text_of(barrier_));
        stop();
    }
    self.site = site;
    votes_ = {votes_.count + predicate, votes_.all && predicate, votes_.any || predicate};
    if (++at_barrier_ < threads_.size()) {
        wait(State::at_barrier);
        return self.votes;
    }
    at_barrier_ = 0;
    for (Thread& thread : threads_) {
        thread.state = State::ready;
        thread.votes = votes_;
    }
    return votes_;
}

Exchanged Block::exchange(Site site, std::uint32_t mask, std::uint64_t value, unsigned source, bool predicate) {
    Thread& self = threads_[current_];
    if ((mask >> own_lane() & 1U) == 0) { misused(site, "the mask lacks the lane that calls"); }
    self.site = site;
    self.mask = mask;
    self.value = value;
    self.source = source;
    self.predicate = predicate;
    self.state = State::in_warp;
    if (!settle(current_ / 32, mask)) { wait(State::in_warp); }
    self.state = State::ready;
    return self.exchanged;
}

/// Serves the lanes of `mask` if all that have not returned are there.
bool Block::settle(unsigned warp, std::uint32_t mask) {
    std::uint32_t taking = 0;
    const Thread* first = nullptr;
    for (unsigned lane = 0; lane < 32; ++lane) {
        const unsigned rank = warp * 32 + lane;
        if ((mask >> lane & 1U) == 0 || rank >= threads_.size() || threads_[rank].state == State::ended) { continue; }
        const Thread& thread = threads_[rank];
        if (thread.state != State::in_warp) { return false; }
        if (first == nullptr) { first = &thread; }
        if (thread.mask != mask || !(thread.site == first->site)) {
            blame("lanes of its warp disagree: " + text_of(thread.site) + " and " + text_of(first->site) +
                  ", or their masks differ");
            stop();
        }
        taking |= 1U << lane;
    }
    give(warp, taking);
    return true;
}

void Block::give(unsigned warp, std::uint32_t taking) {
    Thread* lanes = &threads_[warp * 32];
    std::uint32_t ballot = 0;
    for (unsigned lane = 0; lane < 32; ++lane) {
        if ((taking >> lane & 1U) != 0 && lanes[lane].predicate) { ballot |= 1U << lane; }
    }
    for (unsigned lane = 0; lane < 32; ++lane) {
        if ((taking >> lane & 1U) == 0) { continue; }
        const unsigned source = lanes[lane].source;
        const bool known = (taking >> source & 1U) != 0;  // what an absent lane gives is undefined
        lanes[lane].exchanged = {known ? lanes[source].value : ~std::uint64_t{0}, ballot};
        lanes[lane].state = State::ready;
    }
}

std::string Block::stuck() const {
    std::map<std::string, int> places;
    for (const Thread& thread : threads_) {
        ++places[thread.state == State::ended ? "have returned" : "wait at " + text_of(thread.site)];
    }
    std::string text = "a barrier is not reached by all threads:";
    for (const auto& [place, count] : places) { text += " " + std::to_string(count) + " " + place + ","; }
    text.back() = ' ';
    return text + "of " + std::to_string(threads_.size());
}

uint3 thread_index, block_index;
dim3 block_extent, grid_extent;

Votes barrier(Site site, bool predicate) { return running_block->barrier(site, predicate); }
Exchanged exchange(Site site, std::uint32_t mask, std::uint64_t value, unsigned source, bool predicate) {
    return running_block->exchange(site, mask, value, source, predicate);
}
unsigned own_lane() { return running_block->own_lane(); }
void misused(Site site, const char* why) {
    running_block->blame(text_of(site) + ": " + why);
    running_block->stop();
}

}  // namespace emulated
