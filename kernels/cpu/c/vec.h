// Vectors of sixteen floats and the catalogue's primitives on them. The compiler maps a vector to
// one AVX-512 register, two AVX registers or four of NEON; every operation is elementwise, and nothing is
// contracted or reassociated (-ffp-contract=off), so that all instruction sets give one result.
#pragma once
#include <stdint.h>

typedef float v16 __attribute__((vector_size(64), aligned(4)));
typedef float v8 __attribute__((vector_size(32), aligned(4)));
typedef int32_t i16 __attribute__((vector_size(64), aligned(4)));
typedef uint32_t u16 __attribute__((vector_size(64), aligned(4)));

#define INLINE static inline __attribute__((always_inline))

// NEON's 32 registers hold eight vectors. TILES chooses how many to work on side by side, which changes no
// result.
#ifdef __aarch64__
#define TILES(others, neon) neon
#else
#define TILES(others, neon) others
#endif

INLINE v16 load(const float *p) { return *(const v16 *)p; }
INLINE void store(float *p, v16 x) { *(v16 *)p = x; }
INLINE v16 splat(float x) { return (v16){x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x}; }
INLINE v16 fma16(v16 a, v16 b, v16 c) { return __builtin_elementwise_fma(a, b, c); }
INLINE float fma1(float a, float b, float c) { return __builtin_fmaf(a, b, c); }

// pick is yes where the mask is all ones, else no.
INLINE v16 pick(i16 mask, v16 yes, v16 no) { return (v16)((mask & (i16)yes) | (~mask & (i16)no)); }

// loadn and storen move n < 16 values; the rest reads as zero and is not written.
INLINE v16 loadn(const float *p, long n) {
  v16 x = splat(0);
  for (long i = 0; i < n; i++) x[i] = p[i];
  return x;
}
INLINE void storen(float *p, v16 x, long n) {
  for (long i = 0; i < n; i++) p[i] = x[i];
}

// exp16 is kernels.Exp.
INLINE v16 exp16(v16 x) {
  x = pick(x < splat(-87.0f), splat(-87.0f), x);
  x = pick(x > splat(88.0f), splat(88.0f), x);
  v16 n = __builtin_elementwise_roundeven(x * splat(1.44269504f));
  v16 r = fma16(-n, splat(0.693359375f), x);
  r = fma16(-n, splat(-2.12194440e-4f), r);
  v16 p = splat(1.9875691500e-4f);
  p = fma16(p, r, splat(1.3981999507e-3f));
  p = fma16(p, r, splat(8.3334519073e-3f));
  p = fma16(p, r, splat(4.1665795894e-2f));
  p = fma16(p, r, splat(1.6666665459e-1f));
  p = fma16(p, r, splat(5.0000001201e-1f));
  v16 y = fma16(p * r, r, r + splat(1.0f));
  i16 e = (__builtin_convertvector(n, i16) + 127) << 23;
  return y * (v16)e;
}

// log16 is kernels.Log.
INLINE v16 log16(v16 x) {
  u16 u = (u16)x;
  i16 e = (i16)(u >> 23) - 126;
  v16 m = (v16)((u & 0x007fffffu) | 0x3f000000u);
  i16 low = m < splat(0.70710678f); // all ones where true
  e += low;
  m += pick(low, m, splat(0));
  v16 f = m - splat(1.0f), z = f * f;
  v16 y = splat(7.0376836292e-2f);
  y = fma16(y, f, splat(-1.1514610310e-1f));
  y = fma16(y, f, splat(1.1676998740e-1f));
  y = fma16(y, f, splat(-1.2420140846e-1f));
  y = fma16(y, f, splat(1.4249322787e-1f));
  y = fma16(y, f, splat(-1.6668057665e-1f));
  y = fma16(y, f, splat(2.0000714765e-1f));
  y = fma16(y, f, splat(-2.4999993993e-1f));
  y = fma16(y, f, splat(3.3333331174e-1f));
  y *= f;
  y *= z;
  v16 fe = __builtin_convertvector(e, v16);
  y = fma16(fe, splat(-2.12194440e-4f), y);
  y = fma16(splat(-0.5f), z, y);
  return fma16(fe, splat(0.693359375f), f + y);
}

INLINE v16 sigmoid16(v16 x) { return splat(1.0f) / (splat(1.0f) + exp16(-x)); }
INLINE v16 silu16(v16 x) { return x / (splat(1.0f) + exp16(-x)); }

// softplus16 is kernels.Softplus.
INLINE v16 softplus16(v16 x) {
  v16 e = exp16(x), l = log16(splat(1.0f) + e);
  l = pick(x < splat(-15.0f), e, l);
  return pick(x > splat(20.0f), x, l);
}

// tree16 is kernels.Tree16.
INLINE float tree16(v16 a) {
  float t[8];
  for (int i = 0; i < 8; i++) t[i] = a[i] + a[i + 8];
  for (int i = 0; i < 4; i++) t[i] += t[i + 4];
  t[0] += t[2];
  t[1] += t[3];
  return t[0] + t[1];
}

// sumsq is kernels.SumSquares.
INLINE float sumsq(const float *x, long n) {
  v16 a = splat(0);
  long i = 0;
  for (; i + 16 <= n; i += 16) a = fma16(load(x + i), load(x + i), a);
  if (i < n) {
    v16 t = loadn(x + i, n - i);
    a = fma16(t, t, a);
  }
  return tree16(a);
}

INLINE float invsqrt(float x) { return 1.0f / __builtin_sqrtf(x); }
