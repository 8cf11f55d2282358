// gpu_cuda.h: Metal's words for nvcc and NVRTC. Build with -fmad=false -ftz=false -prec-div=true -prec-sqrt=true.
#pragma once
typedef unsigned uint; typedef unsigned short ushort; typedef unsigned char uchar; typedef unsigned long long ulong;
enum class mem_flags { mem_none = 0, mem_device = 1, mem_threadgroup = 2 };
#define GPU_D static __device__ __forceinline__
GPU_D mem_flags operator|(mem_flags a, mem_flags b) { return mem_flags(int(a) | int(b)); }
GPU_D void threadgroup_barrier(mem_flags) { __syncthreads(); }
GPU_D void simdgroup_barrier(mem_flags) { __syncwarp(); }
template <class T> GPU_D T simd_shuffle(T x, ushort i) { return __shfl_sync(0xffffffffu, x, i); }
template <class T> GPU_D T simd_broadcast(T x, ushort i) { return __shfl_sync(0xffffffffu, x, i); }
template <class T> GPU_D T simd_shuffle_xor(T x, ushort m) { return __shfl_xor_sync(0xffffffffu, x, m); }
template <class T> GPU_D T simd_shuffle_down(T x, ushort d) { return __shfl_down_sync(0xffffffffu, x, d); }
template <class D, class S> GPU_D D as_type(S s) { static_assert(sizeof(D) == sizeof(S), "size"); union { S s; D d; } u{s}; return u.d; }
struct bfloat {  // storage; round to nearest even, done in integers so that no cuda_bf16.h is needed by NVRTC
  ushort b;
  bfloat() = default;
  __device__ __forceinline__ bfloat(float f) {
    uint u = __float_as_uint(f);
    b = (u & 0x7fffffffu) > 0x7f800000u ? ushort(u >> 16 | 64) : ushort((u + 0x7fffu + ((u >> 16) & 1)) >> 16);
  }
  __device__ __forceinline__ operator float() const { return __uint_as_float(uint(b) << 16); }
};
struct half {
  ushort b;
  half() = default;
  __device__ __forceinline__ half(float f) { asm("cvt.rn.f16.f32 %0, %1;" : "=h"(b) : "f"(f)); }
  __device__ __forceinline__ operator float() const { float f; asm("cvt.f32.f16 %0, %1;" : "=f"(f) : "h"(b)); return f; }
};
namespace gpu {
__device__ __forceinline__ uint3 u3(dim3 d) { return uint3{d.x, d.y, d.z}; }
extern __shared__ char dynamic_[];
template <class T> struct dyn { uint unused; __device__ T* get() const { return (T*)dynamic_; } };
struct __align__(16) f4 {
  float x, y, z, w;
  f4() = default;
  __device__ f4(float a) : x(a), y(a), z(a), w(a) {}
  __device__ f4(float a, float b, float c, float d) : x(a), y(b), z(c), w(d) {}
  __device__ float operator[](int i) const { return (&x)[i]; }
};
GPU_D f4 operator+(f4 a, f4 b) { return {a.x + b.x, a.y + b.y, a.z + b.z, a.w + b.w}; }
GPU_D f4 operator*(f4 a, f4 b) { return {a.x * b.x, a.y * b.y, a.z * b.z, a.w * b.w}; }
}
#define float4 gpu::f4
GPU_D int dot4(uint a, int b, int acc) {
  int d;
  asm("dp4a.u32.s32 %0, %1, %2, %3;" : "=r"(d) : "r"(a), "r"(b), "r"(acc));
  return d;
}
GPU_D uint bytes_at(uint lo, uint hi, uint sel) { return __byte_perm(lo, hi, sel); }
GPU_D uint4 load_stream(const uint4* p, ulong i) {
  uint4 v;
  asm volatile("ld.global.nc.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];" : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w) : "l"(p + i));
  return v;
}
template <class T> GPU_D void bring(const T* p, uint bytes) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("cp.async.bulk.prefetch.L2.global [%0], %1;" ::"l"(__cvta_generic_to_global(p)), "r"(bytes) : "memory");
#endif
}
GPU_D int4 mma_u8s8(uint4 a, uint b0, uint b1, int4 c) {
  asm("mma.sync.aligned.m16n8k32.row.col.s32.u8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+r"(c.x), "+r"(c.y), "+r"(c.z), "+r"(c.w) : "r"(a.x), "r"(a.y), "r"(a.z), "r"(a.w), "r"(b0), "r"(b1));
  return c;
}
GPU_D float4 mma_bf16(uint4 a, uint b0, uint b1, float4 c) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(c.x), "+f"(c.y), "+f"(c.z), "+f"(c.w) : "r"(a.x), "r"(a.y), "r"(a.z), "r"(a.w), "r"(b0), "r"(b1));
  return c;
}
template <class T> GPU_D void copy_async(T* to, const T* from) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8 || sizeof(T) == 16, "what the hardware copies");
  const uint at = uint(__cvta_generic_to_shared(to));
  if (sizeof(T) == 16) asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(at), "l"(__cvta_generic_to_global(from)) : "memory");
  if (sizeof(T) == 4) asm volatile("cp.async.ca.shared.global [%0], [%1], 4;" ::"r"(at), "l"(__cvta_generic_to_global(from)) : "memory");
  if (sizeof(T) == 8) asm volatile("cp.async.ca.shared.global [%0], [%1], 8;" ::"r"(at), "l"(__cvta_generic_to_global(from)) : "memory");
}
GPU_D void copy_border() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int N> GPU_D void copy_wait() { asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory"); }
using atomic_uint = uint;
enum memory_order { memory_order_relaxed };
GPU_D uint atomic_fetch_add_explicit(uint* p, uint v, memory_order) { return atomicAdd(p, v); }
GPU_D void atomic_store_explicit(uint* p, uint v, memory_order) { *(volatile uint*)p = v; }
GPU_D uint atomic_load_explicit(uint* p, memory_order) { return *(volatile uint*)p; }
