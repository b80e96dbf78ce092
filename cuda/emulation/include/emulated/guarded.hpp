#pragma once
// Memory that shows when it is misused.

#include <cstddef>

namespace emulated {

/// Memory between two walls. It is filled with ones, which are NaN to a float and -1 to an integer, so that what is
/// read before it was written shows. AddressSanitizer stops at the walls; without it `intact` tells afterwards.
class Guarded {
public:
    explicit Guarded(std::size_t bytes);
    ~Guarded();
    Guarded(const Guarded&) = delete;
    Guarded& operator=(const Guarded&) = delete;

    void* data() const { return data_; }
    std::size_t bytes() const { return bytes_; }
    void fill();
    /// Nothing may use it any more; AddressSanitizer sees to it.
    void forbid() const;
    bool intact() const;

private:
    std::size_t bytes_;
    unsigned char* data_;
};

}  // namespace emulated
