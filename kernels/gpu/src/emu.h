// emu.h: a GPU for one host thread. A threadgroup's threads are fibers; a lane runs until its next rendezvous (a shuffle,
// a reduction, a barrier) and hands over to the next lane of its simdgroup, so a simdgroup advances in lockstep phases and
// a threadgroup in barrier phases. -DEMU_CHECK=1 (default) wraps every pointer: bounds, races, uninitialised reads,
// divergence. -DEMU_CHECK=0 leaves raw pointers: same results, faster, divergence still found.
// Order rules: only threadgroup_barrier orders a group's threads, only simdgroup_barrier (or the former) a simdgroup's
// lanes, each for the memory that its flags name. Shuffles and reductions order nothing (as CUDA says of __shfl_sync),
// and groups of one dispatch are never ordered. So a race is found also where lockstep happens to hide it.
#pragma once
#define GPU_EMU 1
#ifndef EMU_CHECK
#define EMU_CHECK 1
#endif
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <type_traits>
#if defined(__F16C__) || defined(__SSE__)
#include <immintrin.h>
#endif

typedef unsigned uint; typedef unsigned short ushort; typedef unsigned char uchar; typedef unsigned long ulong;

// ------------------------------------------------------------------------------------------------ scalars and vectors
template <class D, class S> inline D as_type(S s) { static_assert(sizeof(D) == sizeof(S), "as_type: sizes differ"); D d; memcpy(&d, &s, sizeof d); return d; }

namespace emu {
inline uint16_t f2h(float f) {
#ifdef __F16C__
  return _cvtss_sh(f, 0);
#else
  uint32_t u = as_type<uint32_t>(f), s = u >> 16 & 0x8000; u &= 0x7fffffff;
  if (u > 0x7f800000) return s | 0x7e00 | (u >> 13 & 0x3ff);
  if (u >= 0x477ff000) return s | 0x7c00;
  if (u < 0x38800000) return s | as_type<uint32_t>(as_type<float>(u) + 0.5f) - 0x3f000000;  // the add rounds at 2^-24
  return s | (u + 0xfff + (u >> 13 & 1) - 0x38000000) >> 13;
#endif
}
inline float h2f(uint16_t h) {
#ifdef __F16C__
  return _cvtsh_ss(h);
#else
  uint32_t s = uint32_t(h & 0x8000) << 16, e = h >> 10 & 31, m = h & 0x3ff;
  if (e == 31) return as_type<float>(s | 0x7f800000 | m << 13 | (m ? 0x400000u : 0));
  if (e == 0) { float f = float(m) * 0x1p-24f; return s ? -f : f; }
  return as_type<float>(s | (e + 112) << 23 | m << 13);
#endif
}
inline uint16_t f2b(float f) {
  uint32_t u = as_type<uint32_t>(f);
  return (u & 0x7fffffff) > 0x7f800000 ? u >> 16 | 64 : (u + 0x7fff + (u >> 16 & 1)) >> 16;
}
inline float b2f(uint16_t b) { return as_type<float>(uint32_t(b) << 16); }
// A 16-bit float. Each operation is computed in float and rounded once more: innocuous, since 24 >= 2*11+2 (and 2*8+2).
template <uint16_t (*ENC)(float), float (*DEC)(uint16_t)> struct f16 {
  uint16_t b;
  f16() = default;
  template <class A, class = std::enable_if_t<std::is_arithmetic<A>::value>> f16(A a) : b(ENC(float(a))) {}
  operator float() const { return DEC(b); }
  friend f16 operator+(f16 x, f16 y) { return f16(float(x) + float(y)); }
  friend f16 operator-(f16 x, f16 y) { return f16(float(x) - float(y)); }
  friend f16 operator*(f16 x, f16 y) { return f16(float(x) * float(y)); }
  friend f16 operator/(f16 x, f16 y) { return f16(float(x) / float(y)); }
#define EMU_MIX(op)                                                                                   \
  template <class A, class = std::enable_if_t<std::is_arithmetic<A>::value>> friend auto operator op(f16 x, A y) { \
    if constexpr (std::is_floating_point<A>::value) return float(x) op y; else return f16(float(x) op float(y)); } \
  template <class A, class = std::enable_if_t<std::is_arithmetic<A>::value>> friend auto operator op(A x, f16 y) { \
    if constexpr (std::is_floating_point<A>::value) return x op float(y); else return f16(float(x) op float(y)); }
  EMU_MIX(+) EMU_MIX(-) EMU_MIX(*) EMU_MIX(/)
  f16 operator-() const { f16 r; r.b = b ^ 0x8000; return r; }
  f16& operator+=(f16 y) { return *this = *this + y; }
  f16& operator*=(f16 y) { return *this = *this * y; }
};
template <class T, int N> struct vecbase;
template <class T> struct vecbase<T, 2> { T x, y; };
template <class T> struct vecbase<T, 3> { T x, y, z; };
template <class T> struct vecbase<T, 4> { T x, y, z, w; };
template <class T, int N> struct vec : vecbase<T, N> {
  vec() = default;
  vec(T a) { for (int i = 0; i < N; i++) (*this)[i] = a; }
  template <class... A, class = std::enable_if_t<sizeof...(A) == N && N != 1>> vec(A... a) { T t[] = {T(a)...}; memcpy((void*)this, t, sizeof t); }
  template <class U> explicit vec(const vec<U, N>& o) { for (int i = 0; i < N; i++) (*this)[i] = T(o[i]); }
  T& operator[](int i) { return (&this->x)[i]; }
  const T& operator[](int i) const { return (&this->x)[i]; }
#define EMU_VOP(op)                                                                                                  \
  friend vec operator op(vec a, vec b) { vec r; for (int i = 0; i < N; i++) r[i] = a[i] op b[i]; return r; }           \
  vec& operator op##=(vec b) { return *this = *this op b; }
  EMU_VOP(+) EMU_VOP(-) EMU_VOP(*) EMU_VOP(/)
};
template <class T> struct scalar { using t = T; };
template <class T, int N> struct scalar<vec<T, N>> { using t = T; };
template <class T> constexpr int gran() { return sizeof(typename scalar<T>::t) > 4 ? 4 : sizeof(typename scalar<T>::t); }
}  // namespace emu
using half = emu::f16<emu::f2h, emu::h2f>;
using bfloat = emu::f16<emu::f2b, emu::b2f>;
#define EMU_V(T) using T##2 = emu::vec<T, 2>; using T##3 = emu::vec<T, 3>; using T##4 = emu::vec<T, 4>;
EMU_V(float) EMU_V(uint) EMU_V(int) EMU_V(half) EMU_V(ushort) EMU_V(uchar)
using bfloat4 = emu::vec<bfloat, 4>;

// fma, sqrt, rint: the C library's float forms, correctly rounded (fma: one instruction with -mfma, else exact in libm)
inline float fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
// half fma: exact enough in double; to float by rounding to odd, so that the last rounding is the only one that counts
inline half fma(half a, half b, half c) {
  double d = __builtin_fma(double(float(a)), double(float(b)), double(float(c)));
  float f = float(d);
  if (double(f) != d && f - f == 0) {
    uint32_t u = as_type<uint32_t>(f);
    if ((f > d) == (d > 0)) u--;  // toward zero first
    f = as_type<float>(u | 1);
  }
  return half(f);
}
inline float4 fma(float4 a, float4 b, float4 c) { float4 r; for (int i = 0; i < 4; i++) r[i] = __builtin_fmaf(a[i], b[i], c[i]); return r; }
inline float sqrt(float a) { return __builtin_sqrtf(a); }
inline float rint(float a) { return __builtin_rintf(a); }
template <class T> inline T min(T a, T b) { return b < a ? b : a; }
template <class T> inline T max(T a, T b) { return a < b ? b : a; }

enum class mem_flags { mem_none = 0, mem_device = 1, mem_threadgroup = 2 };
inline mem_flags operator|(mem_flags a, mem_flags b) { return mem_flags(int(a) | int(b)); }
enum memory_order { memory_order_relaxed };
struct atomic_uint { uint v; };
struct atomic_int { int v; };

namespace emu {
// ------------------------------------------------------------------------------------------------------------ fibers
extern "C" void emu_switch(void** save, void* load) asm("emu_switch");
#if defined(__x86_64__)
asm(R"(
.text
.p2align 4
.hidden emu_switch
.globl emu_switch
.type emu_switch,@function
emu_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
)");
inline void* prime(char* top, void (*entry)()) {  // entry is reached by ret: rsp must be 8 mod 16 there
  void** s = (void**)(((uintptr_t)top & ~uintptr_t(15)) - 16);
  *s = (void*)entry;
  for (int i = 0; i < 6; i++) *--s = nullptr;
  return s;
}
#elif defined(__aarch64__)
asm(R"(
.text
.p2align 4
.globl emu_switch
emu_switch:
  sub sp, sp, #160
  stp x19, x20, [sp]
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x2, sp
  str x2, [x0]
  mov sp, x1
  ldp x19, x20, [sp]
  ldp x21, x22, [sp, #16]
  ldp x23, x24, [sp, #32]
  ldp x25, x26, [sp, #48]
  ldp x27, x28, [sp, #64]
  ldp x29, x30, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  add sp, sp, #160
  ret
)");
inline void* prime(char* top, void (*entry)()) {
  char* s = (char*)((uintptr_t)top & ~uintptr_t(15)) - 160;
  memset(s, 0, 160);
  ((void**)s)[11] = (void*)entry;
  return s;
}
#else
#error "emu.h: add emu_switch for this processor"
#endif

// ------------------------------------------------------------------------------------------------------------- state
constexpr int ARGS = 20, LANES = 32, MAXT = 1024, STACK = 64 << 10, TGMAX = 32 << 10;
enum space { DEVICE = 0, GROUP = 1 };
enum argkind { IN_, OUT_, INOUT_, ARG_, TG_, FIXED_ };
enum opkind : uint8_t { FINISHED, SHUFFLE, SUM, MAX, MMA, SG_BARRIER, TG_BARRIER };
inline const char* opname(int k) { static const char* n[] = {"finished", "simd_shuffle", "sum32", "max32", "mma_u8s8", "simdgroup_barrier", "threadgroup_barrier"}; return n[k]; }

struct stamp { uint32_t grp, B, S; uint16_t tid, line; };  // grp 0: never
struct cell { stamp w, r; uint8_t watomic, ratomic, rmany, rother; };  // rmany: 1 several lanes of one simdgroup, 2 several simdgroups

struct region { char* base; size_t bytes; cell* shadow; uint8_t shift, sp, writable, uninit; const char* name; uint32_t elem; };

struct lanestate { void* sp; uint16_t tid, lane, sg; opkind kind; uint8_t type; int line; uint3 pos; };
struct mmaslot { uint32_t a[4], b[2]; };
struct sgstate { lanestate* lanes; uint64_t slot[2][LANES]; mmaslot mma[2][LANES]; uint32_t S[2]; int pos, par; bool done; uint8_t order[LANES]; };
struct args;
using bodyfn = void (*)(args&, uint3, uint3, uint3, uint3, uint, uint);
struct argdesc { argkind kind; uint32_t elem; int gran; const char* name; };
struct reg {
  const char* name; const argdesc* a; size_t n; bodyfn body; const reg* next;
  static const reg*& head() { static const reg* h = nullptr; return h; }
  reg(const char* name, const argdesc* a, size_t n, bodyfn body) : name(name), a(a), n(n), body(body), next(head()) { head() = this; }
};
struct options { uint32_t seed = 0; uint32_t ftz = 0; };  // seed: order of groups, simdgroups, lanes. ftz: flush denormals
struct ctx {
  lanestate* cur; void* main_sp; const reg* k; args* a;
  uint32_t gen, B[2]; uint3 tg, ntid, ntg; int nsg;
  lanestate lanes[MAXT]; sgstate sg[MAXT / LANES]; char* stacks;
  region tgslot[256]; size_t tgused; char* tgmem; cell* tgshadow;
  bool failed; int reports; char* out; size_t cap, len; uint64_t seen[64]; int nseen;
  uint64_t phases, accesses;
};
#ifdef __linux__
#define EMU_TLS __attribute__((tls_model("initial-exec")))  // also in the shared library: no call for each access
#else
#define EMU_TLS
#endif
inline thread_local ctx* C EMU_TLS = nullptr;

// ------------------------------------------------------------------------------------------------------------ reports
inline void say(const char* f, ...) {
  ctx& c = *C;
  if (c.len + 1 >= c.cap) return;
  va_list v; va_start(v, f);
  int n = vsnprintf(c.out + c.len, c.cap - c.len, f, v);
  va_end(v);
  c.len = n < 0 || c.len + n >= c.cap ? c.cap - 1 : c.len + n;
}
inline bool fresh(int kind, const void* what, int line, int other) {  // one report a (kind, memory, line, line)
  ctx& c = *C; c.reports++;
  uint64_t h = (uint64_t(kind) << 56) ^ (uint64_t(uintptr_t(what)) << 24) ^ (uint64_t(line) << 12) ^ other;
  for (int i = 0; i < c.nseen; i++) if (c.seen[i] == h) return false;
  if (c.nseen == 64) return false;
  c.seen[c.nseen++] = h; return true;
}
inline void where() { say(", group (%u,%u,%u)\n", C->tg.x, C->tg.y, C->tg.z); }
__attribute__((noinline, cold)) inline void race(const region* r, size_t off, const char* what, bool w, const stamp& o, bool ow, int line) {
  lanestate* L = C->cur;
  if (!fresh(1, r, line, o.line)) return;
  say("race: kernel %s, %s %s[%zu] (byte %zu): thread %u (simdgroup %u lane %u) %s at line %d; ", C->k->name,
      r->sp ? "threadgroup" : "device", r->name, off / r->elem, off, L->tid, L->sg, L->lane, w ? "writes" : "reads", line);
  if (o.grp != C->gen) say("another group %s it at line %d in the same dispatch", ow ? "wrote" : "read", o.line);
  else say("thread %u (simdgroup %u lane %u) %s it at line %d%s", o.tid, o.tid / LANES, o.tid % LANES, ow ? "wrote" : "read", o.line, what);
  where();
}
__attribute__((noinline, cold)) inline void oob(const region* r, const char* p, size_t n, bool w, int line) {
  if (!fresh(2, r, line, 0)) return;
  long off = p - r->base;
  say("bounds: kernel %s, %s %s[%ld] (byte %ld, %zu bytes; it has %zu bytes): thread %u (simdgroup %u lane %u) %s at line %d",
      C->k->name, r->sp ? "threadgroup" : "device", r->name, off / long(r->elem) - (off < 0), off, n, r->bytes, C->cur->tid, C->cur->sg, C->cur->lane, w ? "writes" : "reads", line);
  where();
}
__attribute__((noinline, cold)) inline void misc(const region* r, size_t off, const char* what, int line) {
  if (!fresh(3, r, line, what[0])) return;
  say("%s: kernel %s, %s %s[%zu] (byte %zu): thread %u (simdgroup %u lane %u) at line %d", what, C->k->name,
      r->sp ? "threadgroup" : "device", r->name, off / r->elem, off, C->cur->tid, C->cur->sg, C->cur->lane, line);
  where();
}

// ------------------------------------------------------------------------------------------------------- the checks
inline bool unordered(const stamp& o, const ctx& c, const lanestate* L, int sp) {
  return o.tid != L->tid && o.B == c.B[sp] && (o.tid / LANES != L->sg || o.S == c.sg[L->sg].S[sp]);
}
// atomic: 0 plain, 1 read-modify-write, 2 atomic load or store. Only read-modify-writes may meet unordered: their sum does
// not depend on the order, while a relaxed load or store beside them does, and so would the kernel's bits.
inline void touch(region* r, size_t off, size_t n, bool w, uint8_t atomic, int line) {
  ctx& c = *C; lanestate* L = c.cur; const int sp = r->sp;
  const stamp me{c.gen, c.B[sp], c.sg[L->sg].S[sp], L->tid, uint16_t(line)};
  for (size_t i = off >> r->shift, e = (off + n - 1) >> r->shift; i <= e; i++) {
    cell& q = r->shadow[i];
    if ((!w || atomic == 1) && r->uninit && (sp == GROUP ? q.w.grp != c.gen : q.w.grp == 0)) misc(r, i << r->shift, "uninitialised read", line);
    if (q.w.grp && !(atomic == 1 && q.watomic == 1)) {
      if (q.w.grp != c.gen) { if (sp == DEVICE) race(r, i << r->shift, "", w, q.w, true, line); }
      else if (unordered(q.w, c, L, sp)) race(r, i << r->shift, ", no barrier between", w, q.w, true, line);
    }
    if (w) {
      if (q.r.grp && !(atomic == 1 && q.ratomic == 1)) {
        if (q.r.grp != c.gen || q.rother) { if (sp == DEVICE) { stamp o = q.r; o.grp = 0; race(r, i << r->shift, "", true, o, false, line); } }
        if (q.r.grp == c.gen && q.r.B == me.B &&
            (q.rmany == 2 || (q.rmany == 1 ? q.r.tid / LANES != L->sg || q.r.S == me.S : unordered(q.r, c, L, sp))))
          race(r, i << r->shift, ", no barrier between", true, q.r, false, line);
      }
      q.w = me; q.watomic = atomic;
    } else {
      if (q.r.grp == c.gen && q.r.B == me.B) {
        if (q.r.tid / LANES != L->sg) q.rmany = 2;
        else if (q.rmany == 0 && q.r.tid != L->tid && q.r.S == me.S) q.rmany = 1;
        else if (q.rmany == 1 && q.r.S != me.S) q.rmany = 0;
        if (q.rmany == 2) continue;
      } else {
        if (sp == DEVICE && q.r.grp && q.r.grp != c.gen) q.rother = 1;
        q.rmany = 0;
      }
      if (q.rmany == 1 && q.r.tid != L->tid) continue;  // keep one witness
      q.r = me; q.ratomic = atomic;
    }
  }
}
inline bool inside(const region* r, const char* p, size_t n) { return size_t(p - r->base) <= r->bytes && r->bytes - size_t(p - r->base) >= n; }

// An index that remembers its source line (the default argument is evaluated at the use).
struct idx {
  long i; int line;
  template <class I, class = std::enable_if_t<std::is_integral<I>::value>> idx(I i, int line = __builtin_LINE()) : i(long(i)), line(line) {}
};
template <class T> T load(const char* p, region* r, int line) {
  if (__builtin_expect(!inside(r, p, sizeof(T)), 0)) { oob(r, p, sizeof(T), false, line); T z; memset((void*)&z, 0, sizeof z); return z; }
  if (r->shadow) touch(r, p - r->base, sizeof(T), false, 0, line);
  T v; memcpy((void*)&v, p, sizeof v); return v;
}
template <class T> void store(char* p, region* r, T v, int line) {
  if (__builtin_expect(!inside(r, p, sizeof(T)), 0)) { oob(r, p, sizeof(T), true, line); return; }
  if (!r->writable) { misc(r, p - r->base, "write to a constant buffer", line); return; }
  if (r->shadow) touch(r, p - r->base, sizeof(T), true, 0, line);
  memcpy(p, (void*)&v, sizeof v);
}
#if EMU_CHECK
template <class T, int SP> struct ptr;
template <class T, int SP> struct ref {
  char* p; region* r; int line;
  operator T() const { return load<T>(p, r, line); }
  const ref& operator=(const T& v) const { store<T>(p, r, v, line); return *this; }
  const ref& operator=(const ref& o) const { store<T>(p, r, T(o), line); return *this; }
  const ref& operator+=(const T& v) const { return *this = T(*this) + v; }
  const ref& operator-=(const T& v) const { return *this = T(*this) - v; }
  const ref& operator*=(const T& v) const { return *this = T(*this) * v; }
  ptr<T, SP> operator&() const { return {p, r}; }
};
template <class T, int SP> struct ptr {
  using V = std::remove_const_t<T>;
  char* p; region* r;
  ptr(char* p, region* r) : p(p), r(r) {}
  template <class U, class = std::enable_if_t<std::is_same<const U, T>::value>> ptr(const ptr<U, SP>& o) : p(o.p), r(o.r) {}
  template <class U> explicit ptr(const ptr<U, SP>& o) : p(o.p), r(o.r) {}  // (gptr<const uint4>)w
  auto operator[](idx i) const {
    char* q = p + i.i * long(sizeof(V));
    if constexpr (std::is_const<T>::value) return load<V>(q, r, i.line); else return ref<T, SP>{q, r, i.line};
  }
  auto operator*() const { return (*this)[0]; }
  ptr operator+(long i) const { return {p + i * long(sizeof(V)), r}; }
  ptr operator-(long i) const { return {p - i * long(sizeof(V)), r}; }
  ptr& operator+=(long i) { p += i * long(sizeof(V)); return *this; }
};
template <class T> struct tgarray : ptr<T, GROUP> { tgarray(int n, const char* name, int id); };
#else
template <class T, int SP> using ptr = T*;
template <class T> struct tgarray { T* p; tgarray(int n, const char* name, int id); operator T*() const { return p; } };
#endif

struct args {
  const reg* k; void* p[ARGS]; size_t n[ARGS]; region r[ARGS]; region dynr;
#if EMU_CHECK
  template <class T> ptr<T, DEVICE> buf(int i) { return {r[i].base, &r[i]}; }
  template <class T> ptr<T, GROUP> dyn(int i) { (void)i; return {dynr.base, &dynr}; }
#else
  template <class T> T* buf(int i) { return (T*)p[i]; }
  template <class T> T* dyn(int i) { (void)i; return (T*)dynr.base; }
#endif
  template <class T> const T& arg(int i) { return *(const T*)p[i]; }
};
inline region* tgalloc(size_t bytes, size_t elem, int gran, const char* name, int id) {
  ctx& c = *C; region& r = c.tgslot[id & 255];
  if (!r.base) {  // first lane of the dispatch to get here; every group reuses it, told apart by its generation
    size_t at = (c.tgused + 15) & ~size_t(15);
    c.tgused = at + bytes;
    if (c.tgused > TGMAX) { if (fresh(4, name, 0, 0)) say("limit: kernel %s uses more than %d bytes of threadgroup memory at %s\n", c.k->name, TGMAX, name); at = 0; c.tgused = TGMAX; bytes = bytes < size_t(TGMAX) ? bytes : TGMAX; }
#if EMU_CHECK
    memset(c.tgmem + at, 0xcd, bytes);
#endif
    // a cell is at least one byte, so the shadow is indexed by at + offset / granule: never overlaps the next array's
    r = region{c.tgmem + at, bytes, c.tgshadow + at, uint8_t(gran == 4 ? 2 : gran == 2 ? 1 : 0), GROUP, 1, 1, name, uint32_t(elem)};
  }
  return &r;
}
#if EMU_CHECK
template <class T> tgarray<T>::tgarray(int n, const char* name, int id) : ptr<T, GROUP>(nullptr, nullptr) {
  this->r = tgalloc(n * sizeof(T), sizeof(T), gran<T>(), name, id); this->p = this->r->base;
}
#else
template <class T> tgarray<T>::tgarray(int n, const char* name, int id) { p = (T*)tgalloc(n * sizeof(T), sizeof(T), gran<T>(), name, id)->base; }
#endif

// ------------------------------------------------------------------------------------------------------- rendezvous
__attribute__((noinline, cold)) inline void diverged(sgstate& s) {
  ctx& c = *C; c.failed = true; c.reports++;
  say("divergence: kernel %s, simdgroup %u:", c.k->name, s.lanes[0].sg);
  for (int i = 0; i < LANES;) {
    int j = i; while (j < LANES && s.lanes[j].kind == s.lanes[i].kind && s.lanes[j].line == s.lanes[i].line) j++;
    say("%s lanes %d-%d ", i ? ";" : "", i, j - 1);
    if (s.lanes[i].kind == FINISHED) say("have returned"); else say("wait at %s, line %d", opname(s.lanes[i].kind), s.lanes[i].line);
    i = j;
  }
  where();
}
inline void reduce(sgstate& s, const lanestate& L) {
  uint64_t* v = s.slot[s.par];
  auto tree = [&](auto zero, auto f) {
    using T = decltype(zero); T t[LANES];
    for (int i = 0; i < LANES; i++) memcpy(&t[i], &v[i], sizeof(T));
    for (int d = 16; d; d >>= 1) for (int i = 0; i < d; i++) t[i] = f(t[i], t[i + d]);  // = the xor butterfly, since + commutes
    for (int i = 0; i < LANES; i++) memcpy(&v[i], &t[0], sizeof(T));
  };
  auto add = [](auto a, auto b) { return a + b; };
  auto mx = [](auto a, auto b) { return a > b ? a : b; };
  if (L.kind == SUM) { if (L.type == 'f') tree(0.f, add); else tree(0u, add); }
  else { if (L.type == 'u') tree(0u, mx); else tree(0, mx); }
}
// Called by the last lane of a simdgroup to arrive. True: go on in this simdgroup; false: back to the scheduler.
inline bool resolve(sgstate& s) {
  const lanestate& a = s.lanes[0];
  for (int i = 1; i < LANES; i++)
    if (s.lanes[i].kind != a.kind || s.lanes[i].line != a.line || s.lanes[i].type != a.type) { diverged(s); return false; }
  C->phases += LANES;
  switch (a.kind) {
    case SUM: case MAX: reduce(s, a); s.par ^= 1; return true;
    case SHUFFLE: case MMA: s.par ^= 1; return true;
    case SG_BARRIER: if (a.type & 1) s.S[DEVICE]++; if (a.type & 2) s.S[GROUP]++; return true;
    default: return false;
  }
}
inline void arrive(opkind kind, uint8_t type, int line) {
  ctx& c = *C; lanestate* L = c.cur; sgstate& s = c.sg[L->sg];
  L->kind = kind; L->type = type; L->line = line;
  if (++s.pos == LANES) {
    if (!resolve(s)) { emu_switch(&L->sp, c.main_sp); return; }
    s.pos = 0;
  }
  lanestate* n = &s.lanes[s.order[s.pos]];
  c.cur = n;
  if (n != L) emu_switch(&L->sp, n->sp);
}
template <class T> T exchange(T v, uint src, opkind k, uint8_t type, int line) {
  static_assert(sizeof(T) <= 8, "shuffle at most 8 bytes");
  ctx& c = *C; lanestate* L = c.cur; sgstate& s = c.sg[L->sg]; int par = s.par;
  memcpy(&s.slot[par][L->lane], (void*)&v, sizeof v);
  arrive(k, type, line);
  T r; memcpy((void*)&r, &s.slot[par][src & 31], sizeof r); return r;
}
inline void entry() {
  ctx& c = *C; lanestate* L = c.cur;
  c.k->body(*c.a, L->pos, c.tg, c.ntid, c.ntg, L->lane, L->sg);
  arrive(FINISHED, 0, 0);
  __builtin_trap();
}

// ------------------------------------------------------------------------------------------------------- the launcher
inline ctx* context() {
  if (C) return C;
  C = (ctx*)mmap(nullptr, sizeof(ctx), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  C->stacks = (char*)mmap(nullptr, size_t(MAXT) * STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  for (int i = 0; i < MAXT; i++) mprotect(C->stacks + size_t(i) * STACK, 4096, PROT_NONE);  // an overflow faults
  C->tgmem = (char*)aligned_alloc(64, TGMAX);
  C->tgshadow = (cell*)calloc(TGMAX, sizeof(cell));
  return C;
}
inline uint32_t rnd(uint32_t& s) { s ^= s << 13; s ^= s >> 17; s ^= s << 5; return s; }

inline uint32_t gcd(uint32_t a, uint32_t b) { while (b) { uint32_t t = a % b; a = b; b = t; } return a; }

// Runs one dispatch. p[i], n[i]: argument i's bytes (for TGMEM: p null, n the size). Returns the number of findings,
// -1 for a call that cannot be made; the text is in out.
inline int dispatch(const char* name, void* const* p, const size_t* n, int nargs, const uint32_t grid[3], const uint32_t group[3], options o, char* out, size_t cap) {
  ctx& c = *context();
  c.out = out; c.cap = cap; c.len = 0; if (cap) out[0] = 0;
  c.reports = c.nseen = 0; c.failed = false; c.phases = c.accesses = 0;
  const reg* k = reg::head();
  while (k && strcmp(k->name, name)) k = k->next;
  c.k = k;
  if (!k) { say("no kernel %s\n", name); return -1; }
  if (int(k->n) != nargs) { say("kernel %s has %zu arguments, got %d\n", name, k->n, nargs); return -1; }
  uint32_t nt = group[0] * group[1] * group[2];
  if (!nt || nt > MAXT || nt % LANES) { say("kernel %s: %u threads a group; want a multiple of 32 up to 1024\n", name, nt); return -1; }
  static thread_local args a;
  memset(&a, 0, sizeof a);
  a.k = k; c.a = &a; memset(c.tgslot, 0, sizeof c.tgslot); c.tgused = 0;
  void* owned[ARGS]; int nowned = 0;
  for (int i = 0; i < nargs; i++) {
    const argdesc& d = k->a[i]; a.p[i] = p[i]; a.n[i] = n[i];
    if (d.kind == ARG_ && n[i] != d.elem) { say("kernel %s: %s is %u bytes, got %zu\n", name, d.name, d.elem, n[i]); return -1; }
    uint8_t sh = d.gran == 4 ? 2 : d.gran == 2 ? 1 : 0;
    if (d.kind == TG_ && n[i] > size_t(TGMAX)) { say("kernel %s: %zu bytes of threadgroup memory\n", name, n[i]); return -1; }
    if (d.kind == TG_) { a.dynr = region{c.tgmem, n[i], c.tgshadow, sh, GROUP, 1, 1, d.name, d.elem}; c.tgused = n[i]; continue; }
    a.r[i] = region{(char*)p[i], n[i], nullptr, sh, DEVICE, d.kind == OUT_ || d.kind == INOUT_, d.kind == OUT_, d.name, d.elem};
  }
#if EMU_CHECK
  for (int i = 0; i < nargs; i++) {  // a shadow for what is written, shared by arguments over the same bytes
    if (!a.r[i].writable || a.r[i].sp == GROUP) continue;
    for (int j = 0; j < i; j++) if (a.r[j].base == a.r[i].base && a.r[j].shadow) a.r[i].shadow = a.r[j].shadow;
    if (!a.r[i].shadow) owned[nowned++] = a.r[i].shadow = (cell*)calloc((n[i] >> a.r[i].shift) + 1, sizeof(cell));
    for (int j = 0; j < nargs; j++)
      if (j != i && a.r[j].base && a.r[j].base < a.r[i].base + n[i] && a.r[i].base < a.r[j].base + a.r[j].bytes) {
        if (k->a[j].kind == FIXED_) say("alias: kernel %s: %s is FIXED (const __restrict__ on CUDA) and overlaps %s, which is written\n", name, k->a[j].name, a.r[i].name), c.reports++;
        else if (a.r[j].base != a.r[i].base) say("kernel %s: %s and %s overlap in part\n", name, a.r[i].name, a.r[j].name), c.reports++;
        a.r[j].shadow = a.r[i].shadow; a.r[j].shift = a.r[i].shift;
      }
  }
#endif
  c.ntid = uint3(group[0], group[1], group[2]); c.ntg = uint3(grid[0], grid[1], grid[2]); c.nsg = nt / LANES;
  uint32_t seed = o.seed * 2654435761u | 1, ng = grid[0] * grid[1] * grid[2];
#if defined(__SSE__)
  unsigned csr = _mm_getcsr(); if (o.ftz) _mm_setcsr(csr | 0x8040);
#endif
  for (int s = 0; s < c.nsg; s++) {
    c.sg[s].lanes = &c.lanes[s * LANES];
    for (int i = 0; i < LANES; i++) c.sg[s].order[i] = i;
    if (o.seed) for (int i = LANES - 1; i; i--) { int j = rnd(seed) % (i + 1); uint8_t t = c.sg[s].order[i]; c.sg[s].order[i] = c.sg[s].order[j]; c.sg[s].order[j] = t; }
  }
  uint8_t sgo[MAXT / LANES];
  for (int s = 0; s < c.nsg; s++) sgo[s] = s;
  uint32_t step = 1, first = 0;
  if (o.seed && ng > 1) { first = rnd(seed) % ng; do step = rnd(seed) % ng; while (gcd(step, ng) != 1); }
  static thread_local uint32_t gen = 0;
  for (uint32_t q = 0; q < ng && !c.failed; q++) {
    uint32_t g = (first + uint64_t(q) * step) % ng;
    c.tg = uint3(g % grid[0], g / grid[0] % grid[1], g / grid[0] / grid[1]);
    if (++gen == 0) gen = 1;
    c.gen = gen; c.B[0] = c.B[1] = 0;
#if EMU_CHECK
    memset(c.tgmem, 0xcd, c.tgused);  // a read before a write gives a wrong answer as well as a report
#endif
    for (uint32_t t = 0; t < nt; t++) {
      lanestate& L = c.lanes[t];
      L.tid = t; L.lane = t % LANES; L.sg = t / LANES; L.pos = uint3(t % group[0], t / group[0] % group[1], t / group[0] / group[1]);
      L.sp = prime(c.stacks + size_t(t + 1) * STACK - 64 * (t % 61), entry);  // stagger: equal offsets would share cache sets
    }
    for (int s = 0; s < c.nsg; s++) { c.sg[s].S[0] = c.sg[s].S[1] = 0; c.sg[s].par = 0; c.sg[s].done = false; }
    for (;;) {
      if (o.seed) for (int i = c.nsg - 1; i > 0; i--) { int j = rnd(seed) % (i + 1); uint8_t t = sgo[i]; sgo[i] = sgo[j]; sgo[j] = t; }
      for (int i = 0; i < c.nsg && !c.failed; i++) {
        sgstate& s = c.sg[sgo[i]];
        s.pos = 0; c.cur = &s.lanes[s.order[0]];
        emu_switch(&c.main_sp, c.cur->sp);
      }
      if (c.failed) break;
      const lanestate& x = c.lanes[0]; bool same = true;
      for (int s = 1; s < c.nsg; s++) { const lanestate& y = c.sg[s].lanes[0]; same = same && x.kind == y.kind && x.line == y.line && x.type == y.type; }
      if (!same) {
        c.failed = true; c.reports++;
        say("divergence: kernel %s:", k->name);
        for (int s = 0; s < c.nsg; s++) {
          const lanestate& y = c.sg[s].lanes[0];
          say("%s simdgroup %d ", s ? ";" : "", s);
          if (y.kind == FINISHED) say("has returned"); else say("waits at %s, line %d", opname(y.kind), y.line);
        }
        where(); break;
      }
      if (x.kind == FINISHED) break;
      if (x.type & 1) c.B[DEVICE]++;
      if (x.type & 2) c.B[GROUP]++;
    }
  }
#if defined(__SSE__)
  _mm_setcsr(csr);
#endif
  for (int i = 0; i < nowned; i++) free(owned[i]);
  return c.reports;
}
template <class T> constexpr uint8_t tcode() { return std::is_same<T, float>::value ? 'f' : std::is_same<T, int>::value ? 'i' : 'u'; }
inline int key(float x) { int k = as_type<int>(x); return k ^ ((k >> 31) & 0x7fffffff); }
}  // namespace emu

// ---------------------------------------------------------------------------------------------- the words of the subset
template <class T> using gptr = emu::ptr<T, emu::DEVICE>;
template <class T> using tptr = emu::ptr<T, emu::GROUP>;
#define EMU_AT int line = __builtin_LINE()
inline void threadgroup_barrier(mem_flags f, EMU_AT) { emu::arrive(emu::TG_BARRIER, uint8_t(f), line); }
inline void simdgroup_barrier(mem_flags f, EMU_AT) { emu::arrive(emu::SG_BARRIER, uint8_t(f), line); }
template <class T> T simd_shuffle(T v, ushort i, EMU_AT) { return emu::exchange(v, i, emu::SHUFFLE, 0, line); }
template <class T> T simd_broadcast(T v, ushort i, EMU_AT) { return emu::exchange(v, i, emu::SHUFFLE, 0, line); }
template <class T> T simd_shuffle_xor(T v, ushort m, EMU_AT) { return emu::exchange(v, emu::C->cur->lane ^ m, emu::SHUFFLE, 0, line); }
template <class T> T simd_shuffle_down(T v, ushort d, EMU_AT) { uint l = emu::C->cur->lane; return emu::exchange(v, l + d < 32 ? l + d : l, emu::SHUFFLE, 0, line); }
template <class T> T sum32(T v, EMU_AT) { return emu::exchange(v, 0, emu::SUM, emu::tcode<T>(), line); }
inline int max32(int v, EMU_AT) { return emu::exchange(v, 0, emu::MAX, 'i', line); }
inline float max32(float v, EMU_AT) { int k = max32(emu::key(v), line); return as_type<float>(k ^ ((k >> 31) & 0x7fffffff)); }
// The integer matrix step: every lane deposits its part of A and B, and computes its part of C from all of them.
inline int4 mma_u8s8(uint4 a, uint b0, uint b1, int4 c, EMU_AT) {
  using namespace emu;
  lanestate* L = C->cur; sgstate& s = C->sg[L->sg]; int par = s.par;
  s.mma[par][L->lane] = mmaslot{{a.x, a.y, a.z, a.w}, {b0, b1}};
  arrive(MMA, 0, line);
  const mmaslot* m = s.mma[par]; const uint r = L->lane / 4, t = L->lane % 4;
  // Bytes side by side, so that the compiler multiplies many at once: half of what an engine's tests compute is here.
  uint8_t x[2][32]; int8_t y[2][32];
  for (uint h = 0; h < 2; h++)
    for (uint q = 0; q < 4; q++)
      for (uint i = 0; i < 2; i++) {
        memcpy(&x[i][16 * h + 4 * q], &m[r * 4 + q].a[2 * h + i], 4);
        memcpy(&y[i][16 * h + 4 * q], &m[(2 * t + i) * 4 + q].b[h], 4);
      }
  for (uint i = 0; i < 4; i++) {
    int sum = c[i];
    for (uint k = 0; k < 32; k++) sum += int(x[i >> 1][k]) * int(y[i & 1][k]);
    c[i] = sum;
  }
  return c;
}
#if EMU_CHECK
template <int SP> uint atomic_fetch_add_explicit(emu::ptr<atomic_uint, SP> p, uint v, memory_order, EMU_AT) {
  if (!emu::inside(p.r, p.p, 4)) { emu::oob(p.r, p.p, 4, true, line); return 0; }
  if (p.r->shadow) emu::touch(p.r, p.p - p.r->base, 4, true, 1, line);
  uint* q = (uint*)p.p; uint old = *q; *q = old + v; return old;
}
template <int SP> void atomic_store_explicit(emu::ptr<atomic_uint, SP> p, uint v, memory_order, EMU_AT) {
  if (!emu::inside(p.r, p.p, 4)) { emu::oob(p.r, p.p, 4, true, line); return; }
  if (p.r->shadow) emu::touch(p.r, p.p - p.r->base, 4, true, 2, line);
  *(uint*)p.p = v;
}
template <int SP> uint atomic_load_explicit(emu::ptr<atomic_uint, SP> p, memory_order, EMU_AT) {
  if (!emu::inside(p.r, p.p, 4)) { emu::oob(p.r, p.p, 4, false, line); return 0; }
  if (p.r->shadow) emu::touch(p.r, p.p - p.r->base, 4, false, 2, line);
  return *(uint*)p.p;
}
#else
inline void atomic_store_explicit(atomic_uint* p, uint v, memory_order) { p->v = v; }
inline uint atomic_load_explicit(atomic_uint* p, memory_order) { return p->v; }
inline uint atomic_fetch_add_explicit(atomic_uint* p, uint v, memory_order) { uint old = p->v; p->v = old + v; return old; }
#endif
