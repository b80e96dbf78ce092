#include "fiqx/tensor.hpp"

#include <numeric>
#include <sstream>

#include "fiqx/device.hpp"
#include "fiqx/error.hpp"

namespace fiqx {
namespace {

struct DTypeInfo {
    const char* name;
    std::int64_t size;
};

DTypeInfo info(DType dtype) {
    switch (dtype) {
        case DType::boolean: return {"bool", 1};
        case DType::u8: return {"uint8", 1};
        case DType::u32: return {"uint32", 4};
        case DType::i64: return {"int64", 8};
        case DType::f16: return {"float16", 2};
        case DType::f32: return {"float32", 4};
        case DType::f64: return {"float64", 8};
    }
    return {"?", 0};
}

std::vector<std::string> axes(const std::string& layout) {
    std::vector<std::string> names;
    std::istringstream stream(layout.substr(1, layout.size() - 2));
    for (std::string name; std::getline(stream, name, ',');) {
        const auto first = name.find_first_not_of(' ');
        if (first != std::string::npos) { names.push_back(name.substr(first)); }
    }
    return names;
}

bool fits(const Shape& shape, const std::string& layout) {
    const auto names = axes(layout);
    if (shape.size() != names.size()) { return false; }
    for (std::size_t i = 0; i < names.size(); ++i) {
        const bool number = names[i].find_first_not_of("0123456789") == std::string::npos;
        if (number && shape[i] != std::stoll(names[i])) { return false; }
    }
    return true;
}

std::string where(const Tensor& tensor) {
    return tensor.device == Device::cpu ? "a NumPy array on the CPU" : "on cuda:" + std::to_string(tensor.index);
}

}  // namespace

const char* dtype_name(DType dtype) { return info(dtype).name; }
std::int64_t dtype_size(DType dtype) { return info(dtype).size; }

std::string shape_text(const Shape& shape) {
    std::string text = "(";
    for (std::size_t i = 0; i < shape.size(); ++i) { text += (i ? ", " : "") + std::to_string(shape[i]); }
    return text + (shape.size() == 1 ? ",)" : ")");
}

std::int64_t Tensor::size() const {
    return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
}

void Checker::require(bool holds, const std::string& message) const {
    if (!holds) { throw InvalidInputError(std::string(kernel_) + ": " + message); }
}

void Checker::array(const Tensor& t, DType dtype, const char* layout) const {
    const std::string wanted = std::string(dtype_name(dtype)) + " " + layout;
    require(t.dtype == dtype, t.name + " has dtype " + dtype_name(t.dtype) + ", wanted " + wanted +
                                  "; convert it with .astype(\"" + dtype_name(dtype) + "\")");
    const bool one_short = t.shape.size() + 1 == axes(layout).size();
    require(fits(t.shape, layout),
            t.name + " has shape " + shape_text(t.shape) + ", wanted " + wanted +
                (one_short ? "; give a single one as " + t.name + "[None]" : "; reshape or transpose it"));
}

void Checker::shape(const Tensor& t, const Shape& wanted, const char* like) const {
    require(t.shape == wanted,
            t.name + " has shape " + shape_text(t.shape) + ", wanted " + shape_text(wanted) + ", the " + like);
}

Place Checker::place(std::initializer_list<const Tensor*> tensors, std::optional<std::uintptr_t> stream) const {
    const Tensor& first = **tensors.begin();
    for (const Tensor* t : tensors) {
        if (t->device == first.device && t->index == first.index) { continue; }
        throw DeviceMismatchError(std::string(kernel_) + ": " + first.name + " is " + where(first) + ", but " +
                                  t->name + " is " + where(*t) +
                                  "; move one of them, for example with torch.as_tensor(x, device=...) or "
                                  "cupy.asarray(x), or back with x.cpu().numpy() or cupy.asnumpy(x)");
    }
    Place place{first.device, first.index, 0};
    if (place.device == Device::cpu) { return place; }
    place.stream = stream.value_or(first.stream.value_or(0));
    for (const Tensor* t : tensors) {
        if (t->stream && *t->stream != place.stream) { device::wait(place, *t->stream); }
    }
    return place;
}

Tensor Checker::output(const Output& output, DType dtype, const Shape& wanted, const Place& where) const {
    Tensor out = output(dtype, wanted, where);
    require(out.dtype == dtype && out.shape == wanted,
            out.name + " is " + dtype_name(out.dtype) + " " + shape_text(out.shape) + ", wanted " + dtype_name(dtype) +
                " " + shape_text(wanted) + "; leave it out to have it allocated");
    Tensor input;
    input.name = "the input";
    input.device = where.device;
    input.index = where.index;
    place({&input, &out}, where.stream);
    return out;
}

}  // namespace fiqx
