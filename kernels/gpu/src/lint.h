// lint.h: enough of Metal's words for plain clang to parse the Metal expansion with real address spaces: a device pointer
// passed where a threadgroup pointer is meant, or a kernel argument of the wrong form, is an error here, without a Mac.
#pragma once
#define device __attribute__((address_space(1)))
#define threadgroup __attribute__((address_space(3)))
#define constant __attribute__((address_space(2))) const
#define kernel
#define thread
#define THREADGROUP(T, n, N) static threadgroup T n[N]
typedef unsigned uint; typedef unsigned short ushort; typedef unsigned char uchar; typedef unsigned long ulong;
typedef __fp16 half, bfloat;  // scalars that convert to float
#define GPU_VEC(T, N) typedef T T##N __attribute__((ext_vector_type(N)));
GPU_VEC(float, 2) GPU_VEC(float, 3) GPU_VEC(float, 4) GPU_VEC(uint, 2) GPU_VEC(uint, 3) GPU_VEC(uint, 4) GPU_VEC(int, 2) GPU_VEC(int, 4)
#define float4(...) (float4{__VA_ARGS__})
enum class mem_flags { mem_none = 0, mem_device = 1, mem_threadgroup = 2 };
inline mem_flags operator|(mem_flags a, mem_flags b) { return mem_flags(int(a) | int(b)); }

void threadgroup_barrier(mem_flags); void simdgroup_barrier(mem_flags);
template <class T> T simd_shuffle_xor(T, ushort); template <class T> T simd_shuffle(T, ushort);
template <class T> T simd_shuffle_down(T, ushort); template <class T> T simd_broadcast(T, ushort);
template <class D, class S> D as_type(S);
float fma(float, float, float); float sqrt(float); float rint(float); float ldexp(float, int);
template <class T> T min(T, T); template <class T> T max(T, T);
enum atomic_uint : uint {}; enum memory_order { memory_order_relaxed };
uint atomic_fetch_add_explicit(device atomic_uint*, uint, memory_order); uint atomic_fetch_add_explicit(threadgroup atomic_uint*, uint, memory_order);
void atomic_store_explicit(device atomic_uint*, uint, memory_order); void atomic_store_explicit(threadgroup atomic_uint*, uint, memory_order);
uint atomic_load_explicit(device atomic_uint*, memory_order); uint atomic_load_explicit(threadgroup atomic_uint*, memory_order);
