// gpu.h: one kernel source, three compilers. A kernel is written in a subset of Metal's language with four things
// spelled as macros or aliases, because they differ in kind and not only in name:
//   KERNEL(name, IN(T,x), OUT(T,y), INOUT(T,z), ARG(S,a), TGMEM(T,s)) { body }   entry point; buffer(i) = position
//   THREADGROUP(T, s, N)      a threadgroup array, only at a kernel's top level
//   gptr<T> / tptr<T>         device / threadgroup pointer (const: gptr<const T>)
//   sum32 / max32             simdgroup reductions in one fixed order (never simd_sum: its order is not specified)
// Every body sees: uint3 tid, tg, ntid, ntg; uint lane, sg.   (thread in group, group, their counts, lane, simdgroup)
#pragma once

// ---- FOR_EACH over up to 18 (kind, type, name) tuples, with the position ----
#define GPU_CAT_(a, b) a##b
#define GPU_CAT(a, b) GPU_CAT_(a, b)
#define GPU_N(...) GPU_N_(__VA_ARGS__, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1)
#define GPU_N_(a, b, c, d, e, f, g, h, i, j, k, l, q, r, s, t, u, v, n, ...) n
#define GPU_E1(m, a) m(0, a)
#define GPU_E2(m, a, b) GPU_E1(m, a), m(1, b)
#define GPU_E3(m, a, b, c) GPU_E2(m, a, b), m(2, c)
#define GPU_E4(m, a, b, c, d) GPU_E3(m, a, b, c), m(3, d)
#define GPU_E5(m, a, b, c, d, e) GPU_E4(m, a, b, c, d), m(4, e)
#define GPU_E6(m, a, b, c, d, e, f) GPU_E5(m, a, b, c, d, e), m(5, f)
#define GPU_E7(m, a, b, c, d, e, f, g) GPU_E6(m, a, b, c, d, e, f), m(6, g)
#define GPU_E8(m, a, b, c, d, e, f, g, h) GPU_E7(m, a, b, c, d, e, f, g), m(7, h)
#define GPU_E9(m, a, b, c, d, e, f, g, h, i) GPU_E8(m, a, b, c, d, e, f, g, h), m(8, i)
#define GPU_E10(m, a, b, c, d, e, f, g, h, i, j) GPU_E9(m, a, b, c, d, e, f, g, h, i), m(9, j)
#define GPU_E11(m, a, b, c, d, e, f, g, h, i, j, k) GPU_E10(m, a, b, c, d, e, f, g, h, i, j), m(10, k)
#define GPU_E12(m, a, b, c, d, e, f, g, h, i, j, k, l) GPU_E11(m, a, b, c, d, e, f, g, h, i, j, k), m(11, l)
#define GPU_E13(m, a, b, c, d, e, f, g, h, i, j, k, l, q) GPU_E12(m, a, b, c, d, e, f, g, h, i, j, k, l), m(12, q)
#define GPU_E14(m, a, b, c, d, e, f, g, h, i, j, k, l, q, r) GPU_E13(m, a, b, c, d, e, f, g, h, i, j, k, l, q), m(13, r)
#define GPU_E15(m, a, b, c, d, e, f, g, h, i, j, k, l, q, r, s) GPU_E14(m, a, b, c, d, e, f, g, h, i, j, k, l, q, r), m(14, s)
#define GPU_E16(m, a, b, c, d, e, f, g, h, i, j, k, l, q, r, s, t) GPU_E15(m, a, b, c, d, e, f, g, h, i, j, k, l, q, r, s), m(15, t)
#define GPU_E17(m, a, b, c, d, e, f, g, h, i, j, k, l, q, r, s, t, u) GPU_E16(m, a, b, c, d, e, f, g, h, i, j, k, l, q, r, s, t), m(16, u)
#define GPU_E18(m, a, b, c, d, e, f, g, h, i, j, k, l, q, r, s, t, u, v) GPU_E17(m, a, b, c, d, e, f, g, h, i, j, k, l, q, r, s, t, u), m(17, v)
#define GPU_EACH(m, ...) GPU_CAT(GPU_E, GPU_N(__VA_ARGS__))(m, __VA_ARGS__)
#define IN(T, n) (IN_, T, n)
#define FIXED(T, n) (FIXED_, T, n)
#define OUT(T, n) (OUT_, T, n)
#define INOUT(T, n) (INOUT_, T, n)
#define ARG(T, n) (ARG_, T, n)
#define TGMEM(T, n) (TG_, T, n)
// GPU_AT(p, i, (KIND_, T, n)) -> p##KIND_(i, T, n)
#define GPU_AT(p, i, t) GPU_AT1(p, i, GPU_STRIP t)
#define GPU_STRIP(...) __VA_ARGS__
#define GPU_AT1(p, i, ...) GPU_AT2(p, i, __VA_ARGS__)
#define GPU_AT2(p, i, k, T, n) GPU_CAT(p, k)(i, T, n)
#define GPU_DECL(i, t) GPU_AT(GPU_DECL_, i, t)
#define GPU_PASS(i, t) GPU_AT(GPU_PASS_, i, t)

#if defined(__METAL_VERSION__) || defined(GPU_LINT)  // ------------------------------------------------------- Metal
#ifdef __METAL_VERSION__
#include <metal_stdlib>
using namespace metal;
#if __METAL_VERSION__ >= 320
#pragma METAL fp math_mode(safe)
#pragma METAL fp contract(off)
#endif  // before 3.2: MTLCompileOptions.fastMathEnabled = NO, and the self-test checks that nothing was contracted
#define THREADGROUP(T, n, N) threadgroup T n[N]
#else
#include "lint.h"  // Metal's words for plain clang: address spaces are checked, nothing runs
#endif
template <class T> using gptr = device T*;
template <class T> using tptr = threadgroup T*;
template <class T> using cref = constant T&;
#define UNROLL _Pragma("clang loop unroll(full)")
#define GPU_OUT_REF(T) thread T&
#define GPU_ARRAY(T, n, N) thread T (&n)[N]  // a thread's own array, filled by a function
#ifdef GPU_LINT
#define U4(...) (uint4{__VA_ARGS__})
#define I4(...) (int4{__VA_ARGS__})
#define F2(...) (float2{__VA_ARGS__})
#define I2(...) (int2{__VA_ARGS__})
#define F4(...) float4(__VA_ARGS__)
#else
#define U4(...) uint4(__VA_ARGS__)
#define I4(...) int4(__VA_ARGS__)
#define F2(...) float2(__VA_ARGS__)
#define I2(...) int2(__VA_ARGS__)
#define F4(...) float4(__VA_ARGS__)
#endif
#define KERNEL_EARLY KERNEL
#define KERNEL_EARLY_LARGE KERNEL
#define KERNEL_EARLY_AS(threads, groups, ...) KERNEL(__VA_ARGS__)
#define KERNEL_SLOTS KERNEL
#define KERNEL_SLOTS_AS(threads, groups, ...) KERNEL(__VA_ARGS__)
#define GRID_WAIT()
#define GRID_RELEASE()
#define GPU_DECL_IN_(i, T, n) device const T *n [[buffer(i)]]
#define GPU_DECL_FIXED_(i, T, n) device const T *n [[buffer(i)]]
#define GPU_DECL_OUT_(i, T, n) device T *n [[buffer(i)]]
#define GPU_DECL_INOUT_(i, T, n) device T *n [[buffer(i)]]
#define GPU_DECL_ARG_(i, T, n) constant T &n [[buffer(i)]]
#ifdef GPU_LINT
#define GPU_DECL_TG_(i, T, n) threadgroup T *n  // there, the attribute's name is a macro
#else
#define GPU_DECL_TG_(i, T, n) threadgroup T *n [[threadgroup(0)]]
#endif
#define KERNEL(name, ...)                                                                            \
  kernel void name(GPU_EACH(GPU_DECL, __VA_ARGS__), uint3 tid [[thread_position_in_threadgroup]],    \
                   uint3 tg [[threadgroup_position_in_grid]], uint3 ntid [[threads_per_threadgroup]], \
                   uint3 ntg [[threadgroups_per_grid]], uint lane [[thread_index_in_simdgroup]],      \
                   uint sg [[simdgroup_index_in_threadgroup]])
#define GPU_FN static inline

#elif defined(__CUDACC__)  // -------------------------------------------------------------------------------- CUDA
#include "cuda.h"
#define THREADGROUP(T, n, N) __shared__ T n[N]
template <class T> using gptr = T*;
template <class T> using tptr = T*;
template <class T> using cref = const T&;
#define UNROLL _Pragma("unroll")
#define GPU_OUT_REF(T) T&
#define GPU_ARRAY(T, n, N) T (&n)[N]
#define U4(...) make_uint4(__VA_ARGS__)
#define I4(...) make_int4(__VA_ARGS__)
#define F2(...) make_float2(__VA_ARGS__)
#define I2(...) make_int2(__VA_ARGS__)
#define F4(...) float4(__VA_ARGS__)
#define GPU_DECL_IN_(i, T, n) const T *n
#define GPU_DECL_FIXED_(i, T, n) const T *__restrict__ n
#define GPU_DECL_OUT_(i, T, n) T *n
#define GPU_DECL_INOUT_(i, T, n) T *n
#define GPU_DECL_ARG_(i, T, n) const T n
#define GPU_DECL_TG_(i, T, n) gpu::dyn<T> n##_
#define GPU_PASS_IN_(i, T, n) n
#define GPU_PASS_FIXED_(i, T, n) n
#define GPU_PASS_OUT_(i, T, n) n
#define GPU_PASS_INOUT_(i, T, n) n
#define GPU_PASS_ARG_(i, T, n) n
#define GPU_PASS_TG_(i, T, n) n##_.get()
#define GPU_BODY_IN_(i, T, n) const T *n
#define GPU_BODY_FIXED_(i, T, n) const T *__restrict__ n
#define GPU_BODY_OUT_(i, T, n) T *n
#define GPU_BODY_INOUT_(i, T, n) T *n
#define GPU_BODY_ARG_(i, T, n) const T &n
#define GPU_BODY_TG_(i, T, n) T *n
#define GPU_BODY(i, t) GPU_AT(GPU_BODY_, i, t)
#define GPU_IDS uint3 tid, uint3 tg, uint3 ntid, uint3 ntg, uint lane, uint sg
// A kernel may start while the one before it in a graph still runs (sm_90 and up): it lets its own follower start, a product
// at once and others after their wait, so that what waits for what waits takes no places from what runs,
// and waits for its predecessor's end and writes before it touches memory. Every thread must wait, since the follower's
// wait reaches back no further than this kernel's. KERNEL waits first of all; a KERNEL_EARLY or KERNEL_SLOTS may read what
// no kernel writes, weights and slots (which are uploaded before a program's first kernel), before its own GRID_WAIT. It
// may also ask for anything to be brought into the cache that all processors share, where later writes still reach it.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
#define GRID_RELEASE() asm volatile("griddepcontrol.launch_dependents;" ::: "memory")
#define GRID_WAIT() asm volatile("griddepcontrol.wait;" ::: "memory")
#else
#define GRID_RELEASE()
#define GRID_WAIT()
#endif
#define KERNEL(name, ...) GPU_ENTRY(name, , GRID_WAIT(); GRID_RELEASE();, __VA_ARGS__)
#define KERNEL_EARLY(name, ...) GPU_ENTRY(name, __launch_bounds__(256, 3), GRID_RELEASE();, __VA_ARGS__)
#define KERNEL_SLOTS(name, ...) GPU_ENTRY(name, , , __VA_ARGS__)
#define KERNEL_SLOTS_AS(threads, groups, name, ...) GPU_ENTRY(name, __launch_bounds__(threads, groups), GRID_RELEASE();, __VA_ARGS__)
#define KERNEL_EARLY_AS(threads, groups, name, ...) GPU_ENTRY(name, __launch_bounds__(threads, groups), GRID_RELEASE();, __VA_ARGS__)
#define KERNEL_EARLY_LARGE(name, ...) GPU_ENTRY(name, __launch_bounds__(256, 2), GRID_RELEASE();, __VA_ARGS__)
#define GPU_ENTRY(name, bounds, begin, ...)                                                                   \
  static __device__ __forceinline__ void name##_body(GPU_EACH(GPU_BODY, __VA_ARGS__), GPU_IDS);       \
  extern "C" __global__ void bounds name(GPU_EACH(GPU_DECL, __VA_ARGS__)) {                           \
    const uint t_ = threadIdx.x;                                                                      \
    begin                                                                                             \
    name##_body(GPU_EACH(GPU_PASS, __VA_ARGS__), threadIdx, blockIdx, gpu::u3(blockDim), gpu::u3(gridDim), t_ & 31, t_ >> 5); \
  }                                                                                                   \
  static __device__ __forceinline__ void name##_body(GPU_EACH(GPU_BODY, __VA_ARGS__), GPU_IDS)
#define GPU_FN static __device__ __forceinline__

#else  // ----------------------------------------------------------------------------------------- emulator (C++17)
#include "emu.h"
template <class T> using cref = const T&;
#define UNROLL
#define GPU_OUT_REF(T) T&
#define GPU_ARRAY(T, n, N) T (&n)[N]
#define U4(...) uint4(__VA_ARGS__)
#define I4(...) int4(__VA_ARGS__)
#define F2(...) float2(__VA_ARGS__)
#define I2(...) int2(__VA_ARGS__)
#define F4(...) float4(__VA_ARGS__)
#define KERNEL_EARLY KERNEL
#define KERNEL_EARLY_LARGE KERNEL
#define KERNEL_EARLY_AS(threads, groups, ...) KERNEL(__VA_ARGS__)
#define KERNEL_SLOTS KERNEL
#define KERNEL_SLOTS_AS(threads, groups, ...) KERNEL(__VA_ARGS__)
#define GRID_WAIT()
#define GRID_RELEASE()
#define THREADGROUP(T, n, N) emu::tgarray<T> n(N, #n, __COUNTER__)
#define GPU_DECL_IN_(i, T, n) emu::ptr<const T, emu::DEVICE> n
#define GPU_DECL_FIXED_(i, T, n) emu::ptr<const T, emu::DEVICE> n
#define GPU_DECL_OUT_(i, T, n) emu::ptr<T, emu::DEVICE> n
#define GPU_DECL_INOUT_(i, T, n) emu::ptr<T, emu::DEVICE> n
#define GPU_DECL_ARG_(i, T, n) const T &n
#define GPU_DECL_TG_(i, T, n) emu::ptr<T, emu::GROUP> n
#define GPU_PASS_IN_(i, T, n) a.buf<const T>(i)
#define GPU_PASS_FIXED_(i, T, n) a.buf<const T>(i)
#define GPU_PASS_OUT_(i, T, n) a.buf<T>(i)
#define GPU_PASS_INOUT_(i, T, n) a.buf<T>(i)
#define GPU_PASS_ARG_(i, T, n) a.arg<T>(i)
#define GPU_PASS_TG_(i, T, n) a.dyn<T>(i)
#define GPU_DESC_IN_(i, T, n) {emu::IN_, sizeof(T), emu::gran<T>(), #n}
#define GPU_DESC_FIXED_(i, T, n) {emu::FIXED_, sizeof(T), emu::gran<T>(), #n}
#define GPU_DESC_OUT_(i, T, n) {emu::OUT_, sizeof(T), emu::gran<T>(), #n}
#define GPU_DESC_INOUT_(i, T, n) {emu::INOUT_, sizeof(T), emu::gran<T>(), #n}
#define GPU_DESC_ARG_(i, T, n) {emu::ARG_, sizeof(T), 4, #n}
#define GPU_DESC_TG_(i, T, n) {emu::TG_, sizeof(T), emu::gran<T>(), #n}
#define GPU_DESC(i, t) GPU_AT(GPU_DESC_, i, t)
#define GPU_IDS uint3 tid, uint3 tg, uint3 ntid, uint3 ntg, uint lane, uint sg
#define KERNEL(name, ...)                                                                                        \
  static void name##_body(GPU_EACH(GPU_DECL, __VA_ARGS__), GPU_IDS);                                             \
  static void name##_call(emu::args& a, uint3 tid, uint3 tg, uint3 ntid, uint3 ntg, uint lane, uint sg) {        \
    name##_body(GPU_EACH(GPU_PASS, __VA_ARGS__), tid, tg, ntid, ntg, lane, sg);                                  \
  }                                                                                                              \
  static const emu::argdesc name##_desc[] = {GPU_EACH(GPU_DESC, __VA_ARGS__)};                                   \
  static const emu::reg name##_reg(#name, name##_desc, sizeof name##_desc / sizeof *name##_desc, name##_call);   \
  static void name##_body(GPU_EACH(GPU_DECL, __VA_ARGS__), GPU_IDS)
#define GPU_FN static inline
#endif

// ---- simdgroup reductions, the same text for Metal and CUDA; the emulator has them built in with the same tree ----
#ifndef GPU_EMU
// butterfly 16, 8, 4, 2, 1: addition commutes, so every lane ends with the same bits
GPU_FN float sum32(float x) {
  for (ushort d = 16; d; d >>= 1) x = x + simd_shuffle_xor(x, d);
  return x;
}
GPU_FN int max32(int x) {
  for (ushort d = 16; d; d >>= 1) { int y = simd_shuffle_xor(x, d); x = x > y ? x : y; }
  return x;
}
// total order of the bits (-0 < +0, NaN outside), so that a tie cannot give two lanes two answers
GPU_FN float max32(float x) {
  int k = as_type<int>(x);
  k = max32(k ^ ((k >> 31) & 0x7fffffff));
  return as_type<float>(k ^ ((k >> 31) & 0x7fffffff));
}
#endif

// ---- words that only some compilers have an instruction for ----
// dot4: acc + the sum of four unsigned bytes of a times four signed bytes of b. load_stream: 16 bytes that nobody reads
// again. mma_u8s8: a 16x32 matrix of unsigned bytes times a 32x8 matrix of signed ones, added to c in int32, by a whole
// simdgroup. Lane l holds, with r = l/4 and t = l%4: of A the bytes at row r, columns 4t.. (a.x), row r+8, columns 4t..
// (a.y), row r, columns 16+4t.. (a.z), row r+8, columns 16+4t.. (a.w); of B column r, rows 4t.. (b0) and 16+4t.. (b1);
// of C (r, 2t), (r, 2t+1), (r+8, 2t), (r+8, 2t+1). Sums are integers, so the order inside the unit cannot show.
// bytes_at: four bytes, each the one of the eight in lo and hi that the low three bits of a nibble of sel tell.
// bring: a hint that `bytes`, a multiple of 16 on a border of 16, will be read soon; one thread gives it for all.
// copy_async: 4, 8 or 16 bytes from device to threadgroup memory, which may arrive late. copy_border ends a batch of a
// thread's copies, and copy_wait<N> waits for all of them but the last N batches; a barrier shows them to other threads.
#if defined(__METAL_VERSION__) || defined(GPU_LINT) || defined(GPU_EMU)
GPU_FN int byte_s(int v, uint i) { return (v << (24 - 8 * i)) >> 24; }
GPU_FN int byte_u(uint v, uint i) { return int((v >> (8 * i)) & 255u); }
GPU_FN int dot4(uint a, int b, int acc) {
  for (uint i = 0; i < 4; i++) acc += byte_u(a, i) * byte_s(b, i);
  return acc;
}
GPU_FN uint byte_at(uint lo, uint hi, uint i) { return uint(byte_u(i & 4u ? hi : lo, i & 3u)); }
GPU_FN uint bytes_at(uint lo, uint hi, uint sel) {
  return byte_at(lo, hi, sel) | byte_at(lo, hi, sel >> 4) << 8 | byte_at(lo, hi, sel >> 8) << 16 | byte_at(lo, hi, sel >> 12) << 24;
}
GPU_FN uint4 load_stream(gptr<const uint4> p, ulong i) { return p[i]; }
template <class P> GPU_FN void bring(P p, uint bytes) {}  // P: a pointer to device memory
template <class D, class S> GPU_FN void copy_async(D to, S from) { to[0] = from[0]; }
GPU_FN void copy_border() {}
template <int N> GPU_FN void copy_wait() {}
#endif
#if defined(__METAL_VERSION__) || defined(GPU_LINT)
#define GPU_MATRIX 0  // products use dot4 there
#else
#define GPU_MATRIX 1
#endif

// ---- integer reductions, exact in any order, so that each compiler may use what it has ----
#if defined(__CUDACC__)
GPU_FN uint max_uint32(uint x) {
  uint y;
  asm volatile("redux.sync.max.u32 %0, %1, 0xffffffff;" : "=r"(y) : "r"(x));
  return y;
}
GPU_FN int sum_int32(int x) {
  int y;
  asm volatile("redux.sync.add.s32 %0, %1, 0xffffffff;" : "=r"(y) : "r"(x));
  return y;
}
#else
GPU_FN uint max_uint32(uint x) {
  for (ushort d = 16; d; d >>= 1) {
    const uint y = simd_shuffle_xor(x, d);
    x = x > y ? x : y;
  }
  return x;
}
GPU_FN int sum_int32(int x) {
  for (ushort d = 16; d; d >>= 1) x = x + simd_shuffle_xor(x, d);
  return x;
}
#endif
