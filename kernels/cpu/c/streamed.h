// Attention over plain keys and values for sixteen registers of eight floats. Keys and values are read once and in
// the order they lie in, asked for two kilobytes ahead; a tile meets all queries while it is in the first cache.
// Two tiles side by side would give few queries more sums to work on at once, and lose more by reading in two places.
#pragma once
#include "attend.h"

typedef uint32_t u8 __attribute__((vector_size(32), aligned(4)));

INLINE v8 splat8(float x) { return (v8){x, x, x, x, x, x, x, x}; }
INLINE v8 fma8(v8 a, v8 b, v8 c) { return __builtin_elementwise_fma(a, b, c); }

// A tile is read in pairs of rows: dims of keys, positions of values. A pair is one line of bfloat16, in whose words
// the second row's entry lies over the first's, or two lines of float32.
#define ROW(F32) (F32 ? 64 : 32)
#define FIRST(F32, w) (F32 ? (v8)(w) : (v8)((w) << 16))
#define SECOND(F32, at, w) (F32 ? *(const v8 *)((at) + 64) : (v8)((w) & upper))

// where is what to read and what to ask for: before row `turn` at x and ahead, from it on at y and beyond, all given
// as if row 0 were there.
struct where {
  const char *x, *y, *ahead, *beyond;
  long turn;
};

// RUN adds an even number n of rows of a tile, times their factors at b, to the sums of Q queries.
#define RUN(name, Q, F32)                                                                 \
  INLINE void name(v8 s[Q][2], const struct where *w, long n, const float *const *b) {    \
    u8 upper = (u8)splat8(0) | 0xffff0000u;                                               \
    __asm__("" : "+x"(upper)); /* as a constant, it becomes a slower blend */             \
    for (long i = 0; i < n; i += 2) {                                                     \
      const char *at = (i < w->turn ? w->x : w->y) + i * ROW(F32);                        \
      const char *ahead = (i < w->turn ? w->ahead : w->beyond) + i * ROW(F32);            \
      for (int k = 0; k <= F32; k++) __builtin_prefetch(ahead + 64 * k);                  \
      u8 r[2];                                                                            \
      v8 e[2];                                                                            \
      for (int h = 0; h < 2; h++) r[h] = *(const u8 *)(at + 32 * h), e[h] = FIRST(F32, r[h]); \
      for (int j = 0; j < Q; j++)                                                         \
        for (int h = 0; h < 2; h++) s[j][h] = fma8(e[h], splat8(b[j][i]), s[j][h]);       \
      for (int h = 0; h < 2; h++) e[h] = SECOND(F32, at + 32 * h, r[h]);                  \
      for (int j = 0; j < Q; j++)                                                         \
        for (int h = 0; h < 2; h++) s[j][h] = fma8(e[h], splat8(b[j][i + 1]), s[j][h]);   \
    }                                                                                     \
  }

// SCORES are those of a tile of 16 tokens at k, the split's n-th and the following. `then` is what is read next.
#define SCORES(name, run, Q, F32)                                                         \
  INLINE void name(const struct attend *a, long q0, const char *then, const char *k, long n) { \
    const long hd = a->hd, part = hd / 4, turn = hd - part;                               \
    const struct where w = {k, k, k + part * ROW(F32), then - turn * ROW(F32), turn};     \
    v8 s[Q][2];                                                                           \
    const float *b[Q];                                                                    \
    for (int j = 0; j < Q; j++) s[j][0] = s[j][1] = splat8(0), b[j] = a->q[q0 + j];       \
    run(s, &w, hd, b);                                                                    \
    for (int j = 0; j < Q; j++)                                                           \
      for (int h = 0; h < 2; h++) *(v8 *)(a->p + 128 * (q0 + j) + n + 8 * h) = s[j][h];   \
  }

// VALUES are those of a tile of 16 dims from d on.
#define VALUES(name, run, Q, F32)                                                         \
  INLINE void name(const struct attend *a, long q0, const char *then, long d) {           \
    const char *v0 = (const char *)a->v[0] + 4 * d * ROW(F32), *v1 = (const char *)a->v[1] + 4 * d * ROW(F32); \
    v8 s[Q][2];                                                                           \
    const float *b[Q];                                                                    \
    long least = a->count[q0], most = least;                                              \
    for (int j = 0; j < Q; j++) {                                                         \
      const long c = a->count[q0 + j];                                                    \
      if (c < least) least = c;                                                           \
      if (c > most) most = c;                                                             \
      s[j][0] = s[j][1] = splat8(0), b[j] = a->p + 128 * (q0 + j);                        \
    }                                                                                     \
    const long half = 64 * ROW(F32), all = least & ~1l;                                   \
    const struct where w = {v0, v1 - half, all > 64 ? v1 : then, then - half, 64};        \
    run(s, &w, all, b);                                                                   \
    for (int j = 0; j < Q; j++)                                                           \
      for (int h = 0; h < 2; h++) *(v8 *)(a->o[q0 + j] + d + 8 * h) = s[j][h];            \
    /* What not all queries see is added where the sums are now: keeping them in registers would cost some above. */ \
    for (long n = all; n < most; n++) {                                                   \
      const u8 upper = (u8)splat8(0) | 0xffff0000u;                                       \
      for (int h = 0; h < 2; h++) {                                                       \
        const char *at = (n < 64 ? v0 : v1 - half) + (n & ~1l) * ROW(F32) + 32 * h;       \
        const u8 r = *(const u8 *)at;                                                     \
        const v8 x = n & 1 ? SECOND(F32, at, r) : FIRST(F32, r);                          \
        for (int j = 0; j < Q; j++) {                                                     \
          v8 *o = (v8 *)(a->o[q0 + j] + d + 8 * h);                                       \
          if (n < a->count[q0 + j]) *o = fma8(x, splat8(a->p[128 * (q0 + j) + n]), *o);   \
        }                                                                                 \
      }                                                                                   \
    }                                                                                     \
  }

#define QUERIES(F, Q, F32)                                                                \
  RUN(run##F##Q, Q, F32)                                                                  \
  SCORES(scores##F##Q, run##F##Q, Q, F32)                                                 \
  VALUES(values##F##Q, run##F##Q, Q, F32)

// EACH calls one of what QUERIES made, for as many queries as there are; seven at once would need more registers
// than there are.
#define EACH(what, ...)                                                                   \
  switch (queries) {                                                                      \
    case 1: what##1(a, 0, __VA_ARGS__); break;                                            \
    case 2: what##2(a, 0, __VA_ARGS__); break;                                            \
    case 3: what##3(a, 0, __VA_ARGS__); break;                                            \
    case 5: what##5(a, 0, __VA_ARGS__); break;                                            \
    case 6: what##6(a, 0, __VA_ARGS__); break;                                            \
    default:                                                                              \
      what##4(a, 0, __VA_ARGS__);                                                         \
      if (queries == 7) what##3(a, 4, __VA_ARGS__);                                       \
      if (queries == 8) what##4(a, 4, __VA_ARGS__);                                       \
  }

// STREAMED is attend of one type of keys and values.
#define STREAMED(name, F, F32)                                                            \
  QUERIES(F, 1, F32)                                                                      \
  QUERIES(F, 2, F32)                                                                      \
  QUERIES(F, 3, F32)                                                                      \
  QUERIES(F, 4, F32)                                                                      \
  QUERIES(F, 5, F32)                                                                      \
  QUERIES(F, 6, F32)                                                                      \
  void name(const struct attend *a) {                                                     \
    const long queries = a->queries;                                                      \
    long most = 0;                                                                        \
    for (int j = 0; j < queries; j++)                                                     \
      if (a->count[j] > most) most = a->count[j];                                         \
    const char *k = (const char *)a->k[0], *v = (const char *)a->v[0];                    \
    for (long n = 0; n < most; n += 16) {                                                 \
      const char *then = n + 16 >= most ? v : n == 48 ? (const char *)a->k[1] : k + a->hd * ROW(F32); \
      EACH(scores##F, then, k, n)                                                         \
      k = then;                                                                           \
    }                                                                                     \
    for (int j = 0; j < queries; j++) soften(a, j);                                       \
    for (long d = 0; d < a->hd; d += 16) {                                                \
      v += 64 * ROW(F32);                                                                 \
      EACH(values##F, d + 16 < a->hd ? v : (const char *)a->next[0], d)                   \
    }                                                                                     \
  }
