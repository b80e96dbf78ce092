// Kernels that behave, and kernels that do not.

#include <cuda_runtime.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "check.hpp"

void contexts();
void streams();

namespace {

/// Device memory for one test.
template <class T>
struct Array {
    explicit Array(std::vector<T> values) : host(std::move(values)) {
        CHECK(cudaMalloc(&device, bytes()) == cudaSuccess);
        CHECK(cudaMemcpy(device, host.data(), bytes(), cudaMemcpyHostToDevice) == cudaSuccess);
    }
    ~Array() { (void)cudaFree(device); }
    std::vector<T> read() {
        CHECK(cudaMemcpy(host.data(), device, bytes(), cudaMemcpyDeviceToHost) == cudaSuccess);
        return host;
    }
    std::size_t bytes() const { return host.size() * sizeof(T); }

    std::vector<T> host;
    T* device = nullptr;
};

/// Whether the last launch failed with a text that holds `part`.
bool failed(const std::string& part) {
    const cudaError_t error = cudaGetLastError();
    const std::string text = cudaGetErrorString(error);
    if (error == cudaErrorLaunchFailure && text.find(part) != std::string::npos) { return true; }
    std::fprintf(stderr, "got %s: %s, wanted %s\n", cudaGetErrorName(error), text.c_str(), part.c_str());
    return false;
}

__global__ void where(int* out) {
    const unsigned block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
    const unsigned thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
    const unsigned each = blockDim.x * blockDim.y * blockDim.z;
    out[block * each + thread] = static_cast<int>(block * each + thread);
}

/// Sums of blocks, in shared memory, and the sum of those, by atomics.
template <class T>
__global__ void sum(const T* x, int n, T* total, int* votes) {
    __shared__ T part[64];
    extern __shared__ double scratch[];
    const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    part[threadIdx.x] = i < n ? x[i] : T{};
    scratch[threadIdx.x] = 0.0;
    __syncthreads();
    for (unsigned half = 32; half > 0; half /= 2) {
        if (threadIdx.x < half) { part[threadIdx.x] += part[threadIdx.x + half]; }
        __syncthreads();
    }
    const int count = __syncthreads_count(i < n);
    const bool all = __syncthreads_and(i < n) != 0;
    const bool any = __syncthreads_or(i < n) != 0;
    if (threadIdx.x == 0) {
        atomicAdd(total, part[0]);
        atomicAdd(votes, count + 1000 * all + 10000 * any);
    }
}

__global__ void lanes(int* out) {
    const int lane = static_cast<int>(threadIdx.x);
    int* mine = out + 7 * lane;
    mine[0] = __shfl_down_sync(0xFFFFFFFFU, lane, 3, 8);
    mine[1] = __shfl_up_sync(0xFFFFFFFFU, lane, 3, 8);
    mine[2] = __shfl_xor_sync(0xFFFFFFFFU, lane, 5);
    mine[3] = __shfl_sync(0xFFFFFFFFU, lane, 9, 8);
    mine[4] = static_cast<int>(__ballot_sync(0xFFFFFFFFU, lane % 2));
    if (lane < 16) {  // half a warp on its own
        mine[5] = __any_sync(0xFFFFU, lane == 15);
        mine[6] = __shfl_sync(0xFFFFU, lane, 20);  // of a lane that is not there: undefined
    }
}

__global__ void leave_early(int n) {
    if (threadIdx.x >= n) { return; }
    __syncthreads();
}

__global__ void part_ways() {
    if (threadIdx.x < 32) {
        __syncthreads();
    } else {
        __syncthreads();
    }
}

__global__ void wrong_mask() { __syncwarp(0xFFFFU); }

__global__ void read_early(float* out) {
    __shared__ float x[32];
    out[threadIdx.x] = x[31 - threadIdx.x];
    x[threadIdx.x] = 1.0F;
}

/// Correct only if the threads take their turns from first to last.
__global__ void race(int* out) {
    if (threadIdx.x > 0) { out[threadIdx.x] = out[threadIdx.x - 1] + 1; }
}

__global__ void write_at(unsigned char* out, int at) { out[at] = 1; }
__global__ void write_shared(int at) {
    extern __shared__ unsigned char bytes[];
    bytes[at] = 1;
}

__global__ void own_and_dynamic(float* out) {
    __shared__ float own[16];
    extern __shared__ float asked[];
    own[threadIdx.x] = 1.0F;
    asked[threadIdx.x] = 2.0F;
    out[threadIdx.x] = own[threadIdx.x] + asked[threadIdx.x];
}

/// What a kernel declares and what its launch asks for come out of the same 48 KB.
void shared_memory() {
    Array<float> out(std::vector<float>(16));
    own_and_dynamic<<<1, 16, 49152 - 64>>>(out.device);
    CHECK(cudaGetLastError() == cudaSuccess);
    own_and_dynamic<<<1, 16, 49152>>>(out.device);
    CHECK(failed("declares 64 bytes of shared memory and was launched with 49152, at most 49152 are there"));
    CHECK(cudaFuncSetAttribute(own_and_dynamic, cudaFuncAttributeMaxDynamicSharedMemorySize, 60000) == cudaSuccess);
    own_and_dynamic<<<1, 16, 49152>>>(out.device);
    CHECK(cudaGetLastError() == cudaSuccess && out.read()[15] == 3.0F);
}

void kernels() {
    Array<int> places(std::vector<int>(2 * 3 * 4 * 24));
    where<<<dim3(2, 3, 4), dim3(4, 3, 2)>>>(places.device);
    const std::vector<int> got = places.read();
    for (int i = 0; i < static_cast<int>(got.size()); ++i) { CHECK(got[i] == i); }

    Array<double> x(std::vector<double>(100, 0.5));
    Array<double> total({0.0});
    Array<int> votes({0});
    sum<double><<<2, 64, 64 * sizeof(double)>>>(x.device, 100, total.device, votes.device);
    CHECK(cudaGetLastError() == cudaSuccess);
    CHECK(total.read()[0] == 50.0);
    CHECK(votes.read()[0] == 100 + 1000 + 20000);

    Array<int> table(std::vector<int>(32 * 7));
    lanes<<<1, 32>>>(table.device);
    const std::vector<int> t = table.read();
    for (int lane = 0; lane < 32; ++lane) {
        const int* mine = &t[7 * lane];
        CHECK(mine[0] == (lane % 8 + 3 < 8 ? lane + 3 : lane));
        CHECK(mine[1] == (lane % 8 >= 3 ? lane - 3 : lane));
        CHECK(mine[2] == (lane ^ 5));
        CHECK(mine[3] == lane / 8 * 8 + 1);
        CHECK(mine[4] == static_cast<int>(0xAAAAAAAAU));
        CHECK(mine[5] == (lane < 16 ? 1 : 0) && mine[6] == (lane < 16 ? -1 : 0));
    }
}

void barriers() {
    leave_early<<<1, 64>>>(64);
    CHECK(cudaGetLastError() == cudaSuccess);
    leave_early<<<1, 64>>>(40);
    CHECK(
        failed("leave_early, block (0, 0, 0), a barrier is not reached by all threads: 24 have returned, "
               "40 wait at __syncthreads (test_emulation.cu:"));
    part_ways<<<1, 64>>>();
    CHECK(failed("thread (32, 0, 0): is at __syncthreads (test_emulation.cu:"));
    wrong_mask<<<1, 32>>>();
    CHECK(failed("thread (16, 0, 0): __syncwarp"));
}

void memory() {
    Array<float> out(std::vector<float>(32));
    read_early<<<2, 32>>>(out.device);
    CHECK(std::isnan(out.read()[0]));
}

/// AddressSanitizer ends the program at the first of these.
void beyond() {
    Array<unsigned char> bytes(std::vector<unsigned char>(10));
    write_at<<<1, 1>>>(bytes.device, 10);
    CHECK(failed("wrote beyond an allocation of device memory"));
    write_at<<<1, 1>>>(bytes.device, 9);
    CHECK(failed("wrote beyond an allocation of device memory"));  // still so
    bytes.device[10] = 0xB5;
    write_shared<<<1, 1, 5>>>(5);
    CHECK(failed("wrote beyond the dynamic shared memory"));
}

void orders() {
    for (const char* order : {"forward", "reverse", "shuffle"}) {
        (void)setenv("FIQX_EMULATED_ORDER", order, 1);
        Array<int> chain(std::vector<int>(32));
        race<<<1, 32>>>(chain.device);
        CHECK((chain.read()[31] == 31) == (std::string(order) == "forward"));
    }
    (void)setenv("FIQX_EMULATED_ORDER", "sideways", 1);
    leave_early<<<1, 1>>>(1);
    CHECK(failed("FIQX_EMULATED_ORDER is not forward, reverse or shuffle"));
    (void)unsetenv("FIQX_EMULATED_ORDER");
}

void refusals() {
    int* pointer = nullptr;
    where<<<0, 32>>>(pointer);
    CHECK(cudaGetLastError() == cudaErrorInvalidConfiguration);
    where<<<1, 1025>>>(pointer);
    CHECK(cudaGetLastError() == cudaErrorInvalidConfiguration);
    write_shared<<<1, 1, 49153>>>(0);
    CHECK(cudaGetLastError() == cudaErrorInvalidValue);
    CHECK(cudaFuncSetAttribute(write_shared, cudaFuncAttributeMaxDynamicSharedMemorySize, 60000) == cudaSuccess);
    write_shared<<<1, 1, 49153>>>(0);
    CHECK(cudaGetLastError() == cudaSuccess);

    Array<int> array({1, 2, 3});
    std::vector<int> host(4);
    CHECK(cudaMemcpy(host.data(), array.device, 12, cudaMemcpyHostToDevice) == cudaErrorInvalidValue);
    CHECK(cudaMemcpy(array.device, host.data(), 16, cudaMemcpyHostToDevice) == cudaErrorInvalidValue);
    CHECK(cudaMemset(host.data(), 0, 4) == cudaErrorInvalidValue);
    CHECK(cudaFree(host.data()) == cudaErrorInvalidValue);
    CHECK(cudaMalloc(&pointer, std::size_t{1} << 40U) == cudaErrorMemoryAllocation);
    CHECK(cudaSetDevice(1) == cudaErrorInvalidDevice);
    CHECK(cudaGetLastError() == cudaErrorInvalidDevice && cudaGetLastError() == cudaSuccess);
}

}  // namespace

int main(int count, char** arguments) {
    (void)unsetenv("FIQX_EMULATED_ORDER");
    if (count > 1) {
        (std::string(arguments[1]) == "beyond" ? beyond : contexts)();
        return failures;
    }
    kernels();
    barriers();
    memory();
    shared_memory();
    orders();
    refusals();
    streams();
    return failures;
}
