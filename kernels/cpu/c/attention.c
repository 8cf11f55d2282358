// Attention of up to eight queries over one split of 128 positions (two pages); see
// kernels.Attention for the arithmetic and kernels.AttnDims for the layout of pages.
#include "attend.h"

#if defined(__AVX2__) && !defined(__AVX512F__)
#include "streamed.h"

STREAMED(attendhalf, b, 0)
STREAMED(attendfloat, f, 1)

#else
typedef const float *fp;
typedef const u16 *hp;

INLINE v16 low(u16 x) { return (v16)(x << 16); }
INLINE v16 high(u16 x) { return (v16)(x & 0xffff0000u); }

// scores of T tiles of 16 tokens for Q queries from q0 on, over bfloat16 or float32 keys
#define SCORES(name, T, Q, F32)                                                           \
  INLINE void name(const struct attend *a, const char *k, long first, long q0) {          \
    ASKING(const long ahead = 64 * a->hd * (F32 ? 4 : 2);)                                \
    v16 s[T][Q];                                                                          \
    for (int t = 0; t < T; t++)                                                           \
      for (int j = 0; j < Q; j++) s[t][j] = splat(0);                                     \
    const long hd = a->hd;                                                                \
    for (long i = 0; i < hd; i += 2)                                                      \
      for (int t = 0; t < T; t++) {                                                       \
        v16 x0, x1;                                                                       \
        if (F32) {                                                                        \
          fp f = (fp)k + (t * hd + i) * 16;                                               \
          ASK((const char *)f + ahead) ASK((const char *)f + ahead + 64)                  \
          x0 = load(f), x1 = load(f + 16);                                                \
        } else {                                                                          \
          ASK(k + (t * hd + i) * 32 + ahead)                                              \
          u16 h = *(hp)(k + (t * hd + i) * 32);                                           \
          x0 = low(h), x1 = high(h);                                                      \
        }                                                                                 \
        for (int j = 0; j < Q; j++) {                                                     \
          s[t][j] = fma16(x0, splat(a->q[q0 + j][i]), s[t][j]);                                \
          s[t][j] = fma16(x1, splat(a->q[q0 + j][i + 1]), s[t][j]);                            \
        }                                                                                 \
      }                                                                                   \
    for (int t = 0; t < T; t++)                                                           \
      for (int j = 0; j < Q; j++) store(a->p + 128 * (q0 + j) + first + 16 * t, s[t][j]);        \
  }

// values of T tiles of 16 dims for Q queries from q0 on
#define VALUES(name, T, Q, F32)                                                           \
  INLINE void name(const struct attend *a, long d, long q0) {                             \
    v16 o[T][Q];                                                                          \
    for (int t = 0; t < T; t++)                                                           \
      for (int j = 0; j < Q; j++) o[t][j] = splat(0);                                     \
    long least = a->count[q0], most = a->count[q0];                                         \
    for (int j = 1; j < Q; j++) {                                                         \
      if (a->count[q0 + j] < least) least = a->count[q0 + j];                                       \
      if (a->count[q0 + j] > most) most = a->count[q0 + j];                                         \
    }                                                                                     \
    for (long n = 0; n < most; n += 2) {                                                  \
      const char *v = (const char *)a->v[n >> 6];                                         \
      ASKING(const char *next = (const char *)a->next[n >> 6];)                           \
      for (int t = 0; t < T; t++) {                                                       \
        v16 x0, x1;                                                                       \
        long at = ((d / 16 + t) * 64 + (n & 63)) * 16;                                    \
        if (F32) {                                                                        \
          ASK(next + 4 * at) ASK(next + 4 * at + 64)                                      \
          x0 = load((fp)v + at), x1 = load((fp)v + at + 16);                              \
        } else {                                                                          \
          ASK(next + 2 * at)                                                              \
          u16 h = *(hp)(v + 2 * at);                                                      \
          x0 = low(h), x1 = high(h);                                                      \
        }                                                                                 \
        for (int j = 0; j < Q; j++) {                                                     \
          const float *p = a->p + 128 * (q0 + j) + n;                                            \
          if (n + 2 <= least) {                                                           \
            o[t][j] = fma16(x0, splat(p[0]), o[t][j]);                                    \
            o[t][j] = fma16(x1, splat(p[1]), o[t][j]);                                    \
          } else {                                                                        \
            if (n < a->count[q0 + j]) o[t][j] = fma16(x0, splat(p[0]), o[t][j]);               \
            if (n + 1 < a->count[q0 + j]) o[t][j] = fma16(x1, splat(p[1]), o[t][j]);           \
          }                                                                               \
        }                                                                                 \
      }                                                                                   \
    }                                                                                     \
    for (int t = 0; t < T; t++)                                                           \
      for (int j = 0; j < Q; j++) store(a->o[q0 + j] + d + 16 * t, o[t][j]);                   \
  }

#define ATTEND(F, Q, TS, TV, F32)                                                         \
  SCORES(scores##F##Q, TS, Q, F32)                                                        \
  SCORES(score##F##Q, 1, Q, F32)                                                          \
  VALUES(values##F##Q, TV, Q, F32)                                                        \
  VALUES(value##F##Q, 1, Q, F32)                                                          \
  INLINE void attend##F##Q(const struct attend *a, long q0) {                             \
    long most = a->count[q0];                                                             \
    for (int j = 1; j < Q; j++)                                                           \
      if (a->count[q0 + j] > most) most = a->count[q0 + j];                               \
    const long size = F32 ? 4 : 2;                                                        \
    for (long n = 0; n < most;) {                                                         \
      const char *k = (const char *)a->k[n >> 6] + (n & 63) * a->hd * size;               \
      if ((n & 63) + 16 * TS <= 64 && n + 16 * (TS - 1) < most) {                         \
        scores##F##Q(a, k, n, q0);                                                        \
        n += 16 * TS;                                                                     \
      } else {                                                                            \
        score##F##Q(a, k, n, q0);                                                         \
        n += 16;                                                                          \
      }                                                                                   \
    }                                                                                     \
    for (int j = 0; j < Q; j++) soften(a, q0 + j);                                        \
    long d = 0;                                                                           \
    for (; d + 16 * TV <= a->hd; d += 16 * TV) values##F##Q(a, d, q0);                    \
    for (; d < a->hd; d += 16) value##F##Q(a, d, q0);                                     \
  }

// A query's sum over dims or positions is one chain of FMAs, so that it takes several tiles or queries at once to
// keep the units busy; how many is a question of registers.
#ifdef __AVX512F__
ATTEND(b, 1, 4, 4, 0)
ATTEND(b, 2, 4, 4, 0)
ATTEND(b, 3, 4, 4, 0)
ATTEND(b, 4, 4, 4, 0)
ATTEND(b, 6, 2, 2, 0)
ATTEND(b, 8, 2, 2, 0)
ATTEND(f, 1, 4, 4, 1)
ATTEND(f, 2, 4, 4, 1)
ATTEND(f, 3, 4, 4, 1)
ATTEND(f, 4, 4, 4, 1)
ATTEND(f, 6, 2, 2, 1)
ATTEND(f, 8, 2, 2, 1)
#define WIDE(F)                                                                           \
  case 6: attend##F##6(a, 0); return;                                                     \
  case 8: attend##F##8(a, 0); return;
#else // NEON's 32 registers hold eight vectors
ATTEND(b, 1, 4, 4, 0)
ATTEND(b, 2, 2, 2, 0)
ATTEND(b, 3, 1, 1, 0)
ATTEND(b, 4, 1, 1, 0)
ATTEND(f, 1, 4, 4, 1)
ATTEND(f, 2, 2, 2, 1)
ATTEND(f, 3, 1, 1, 1)
ATTEND(f, 4, 1, 1, 1)
#define WIDE(F)
#endif

#define RUN(F)                                                                            \
  switch (a->queries) { WIDE(F) }                                                         \
  for (long q0 = 0; q0 < a->queries; q0 += 4) switch (a->queries - q0) {                  \
    case 1: attend##F##1(a, q0); break;                                                   \
    case 2: attend##F##2(a, q0); break;                                                   \
    case 3: attend##F##3(a, q0); break;                                                   \
    default: attend##F##4(a, q0);                                                         \
    }

void attendhalf(const struct attend *a) { RUN(b) }

void attendfloat(const struct attend *a) { RUN(f) }
#endif

struct merge {
  float *o, *ml;              // running
  const float *o2;            // the next split's
  const float *ml2;
  long hd;
};

// Joins the next split's result to the running one.
void merge(const struct merge *a) {
  float m = a->ml[0], m2 = a->ml2[0];
  float top = m2 > m ? m2 : m;
  v16 e = exp16(splat(m - top)), e2 = exp16(splat(m2 - top));
  a->ml[1] = a->ml[1] * e[0] + a->ml2[1] * e2[0];
  a->ml[0] = top;
  for (long d = 0; d < a->hd; d += 16) store(a->o + d, fma16(load(a->o2 + d), e2, load(a->o + d) * e));
}
