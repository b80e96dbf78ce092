#pragma once
/// Arrays of the kernels: C-contiguous memory with a name, a dtype, a shape and a device context (`Place`).

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

namespace fiqx {

enum class DType : std::uint8_t { boolean, u8, u32, i64, f16, f32, f64 };
enum class Device : std::uint8_t { cpu, cuda };

using Shape = std::vector<std::int64_t>;

/// The device context of work: the CPU, or a stream of a CUDA device.
struct Place {
    Device device = Device::cpu;
    int index = 0;
    std::uintptr_t stream = 0;
};

/// A borrowed, C-contiguous array. `stream` is the CUDA stream on which its contents become valid, if it has one.
struct Tensor {
    std::string name;
    void* data = nullptr;
    DType dtype = DType::f32;
    Shape shape;
    Device device = Device::cpu;
    int index = 0;
    std::optional<std::uintptr_t> stream;

    template <class T>
    T* as() const {
        return static_cast<T*>(data);
    }
    std::int64_t size() const;
};

/// Returns the memory of a kernel's result: the caller's `out` array, or a new one of exactly this dtype and shape.
using Output = std::function<Tensor(DType, const Shape&, const Place&)>;

/// NumPy's name of a dtype, and its bytes per element.
const char* dtype_name(DType dtype);
std::int64_t dtype_size(DType dtype);
std::string shape_text(const Shape& shape);

/// Checks the arguments of a kernel. Every method throws InvalidInputError (or a subclass) with the
/// kernel's and the array's name, what was given, what was wanted, and what to do.
class Checker {
public:
    explicit Checker(const char* kernel) : kernel_(kernel) {}

    /// The dtype, and the shape against a layout such as "(N, H, W, 3)"; a number in it must match.
    void array(const Tensor& tensor, DType dtype, const char* layout) const;
    /// Exactly this shape; `like` says where it comes from, for example "(N, C) of activations".
    void shape(const Tensor& tensor, const Shape& wanted, const char* like) const;
    /// The common device of all arrays, and the stream: the requested one, else the first array's, else the default
    /// stream. Makes that stream wait for the streams of the other arrays; never blocks the host.
    Place place(std::initializer_list<const Tensor*> tensors, std::optional<std::uintptr_t> stream) const;
    /// The result's memory, verified, on the same device.
    Tensor output(const Output& output, DType dtype, const Shape& shape, const Place& place) const;
    /// Throws InvalidInputError("<kernel>: <message>") unless `holds`.
    void require(bool holds, const std::string& message) const;

private:
    const char* kernel_;
};

}  // namespace fiqx
