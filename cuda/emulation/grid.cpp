#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <random>
#include <sstream>

#include "block.hpp"
#include "emulated/launch.hpp"
#include "memory.hpp"

namespace emulated {
namespace {

std::uint64_t blocks_run = 0;
Guarded* dynamic_memory = nullptr;
std::size_t shared_bytes = 0;         // what the running block has touched
std::vector<const Guarded*> touched;  // likewise

/// The order in which blocks and threads take their turns. A kernel must give the same bits in each:
/// FIQX_EMULATED_ORDER is forward, reverse or shuffle.
class Order {
public:
    Order() {
        const char* given = std::getenv("FIQX_EMULATED_ORDER");
        name_ = given == nullptr ? "forward" : given;
    }
    bool known() const { return name_ == "forward" || name_ == "reverse" || name_ == "shuffle"; }
    std::vector<unsigned> of(std::size_t count) {
        std::vector<unsigned> order(count);
        std::iota(order.begin(), order.end(), 0U);
        if (name_ == "reverse") { std::reverse(order.begin(), order.end()); }
        if (name_ == "shuffle") { std::shuffle(order.begin(), order.end(), random_); }
        return order;
    }

private:
    std::string name_;
    std::mt19937 random_{blocks_run};
};

std::string run_block(const Grid& grid, unsigned rank, Order& order) {
    block_index = {rank % grid.grid.x, rank / grid.grid.x % grid.grid.y, rank / grid.grid.x / grid.grid.y};
    ++blocks_run;
    shared_bytes = 0;
    touched.clear();
    if (dynamic_memory != nullptr) { dynamic_memory->fill(); }
    const std::size_t threads = std::size_t{grid.block.x} * grid.block.y * grid.block.z;
    const std::string error = Block(grid.block, grid.thread, order.of(threads)).run();
    if (!error.empty()) { return error; }
    if (shared_bytes + grid.shared > grid.most_shared) {
        return "declares " + std::to_string(shared_bytes) + " bytes of shared memory and was launched with " +
               std::to_string(grid.shared) + ", at most " + std::to_string(grid.most_shared) + " are there";
    }
    for (const Guarded* memory : touched) {
        if (!memory->intact()) { return "wrote beyond an array in shared memory"; }
    }
    if (dynamic_memory != nullptr && !dynamic_memory->intact()) { return "wrote beyond the dynamic shared memory"; }
    return memory_intact() ? "" : "wrote beyond an allocation of device memory";
}

}  // namespace

void* SharedVariable::touch() {
    if (block_ != blocks_run) {
        block_ = blocks_run;
        memory_.fill();
        shared_bytes += memory_.bytes();
        touched.push_back(&memory_);
    }
    return memory_.data();
}

void* dynamic_shared_memory() { return dynamic_memory == nullptr ? nullptr : dynamic_memory->data(); }

std::string run_grid(const Grid& grid) {
    Order order;
    if (!order.known()) { return "FIQX_EMULATED_ORDER is not forward, reverse or shuffle"; }
    const std::unique_ptr<Guarded> dynamic(grid.shared > 0 ? new Guarded(grid.shared) : nullptr);
    dynamic_memory = dynamic.get();
    block_extent = grid.block;
    grid_extent = grid.grid;
    std::string error;
    for (const unsigned rank : order.of(std::size_t{grid.grid.x} * grid.grid.y * grid.grid.z)) {
        error = run_block(grid, rank, order);
        if (!error.empty()) { break; }
    }
    dynamic_memory = nullptr;
    if (error.empty()) { return ""; }
    std::ostringstream text;
    text << grid.name << ", block (" << block_index.x << ", " << block_index.y << ", " << block_index.z << "), "
         << error;
    return text.str();
}

}  // namespace emulated
