// Quantised keys and values: written into their pages, and attention over them. See kernels.Attention for the
// arithmetic, kernels.QuantizeKey and kernels.KV.QuantizeValue for the codes, and kernels.AttnDims for their places.
#include "attend.h"
#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

typedef int8_t b16 __attribute__((vector_size(16), aligned(1)));
typedef uint16_t h16 __attribute__((vector_size(32), aligned(2)));
typedef const u16 *wp;

#define PAGE 64
enum { Q8 = 1, Q8V4, Q8V3 }; // kernels.KV

INLINE long valuebits(int kv) { return kv == Q8 ? 8 : kv == Q8V4 ? 4 : 3; }
INLINE v16 halves(const void *p) { return (v16)(__builtin_convertvector(*(const h16 *)p, u16) << 16); }

// byte is the signed byte e of each word, as a float.
INLINE v16 byte(u16 w, int e) { return __builtin_convertvector((i16)(w << (24 - 8 * e)) >> 24, v16); }

// look is entry i mod 8 of a table of floats, or mod 16 where a register holds as many.
INLINE v16 look(const float *table, u16 i) {
#if defined(__AVX512F__)
  return (v16)_mm512_permutexvar_ps((__m512i)i, (__m512)load(table));
#elif defined(__AVX2__)
  __m256 t = *(const __m256_u *)table;
  union { u16 w; __m256i h[2]; } x = {i};
  union { __m256 h[2]; v16 v; } y = {{_mm256_permutevar8x32_ps(t, x.h[0]), _mm256_permutevar8x32_ps(t, x.h[1])}};
  return y.v;
#else
  uint8x16x2_t t = {{vld1q_u8((const uint8_t *)table), vld1q_u8((const uint8_t *)(table + 4))}};
  union { u16 w; uint32x4_t q[4]; } x = {i};
  union { uint8x16_t q[4]; v16 v; } y;
  for (int k = 0; k < 4; k++) {
    uint32x4_t c = vandq_u32(x.q[k], vdupq_n_u32(7));
    y.q[k] = vqtbl2q_u8(t, vreinterpretq_u8_u32(vaddq_u32(vmulq_u32(c, vdupq_n_u32(0x04040404)), vdupq_n_u32(0x03020100))));
  }
  return y.v;
#endif
}

// level is what the code in the low bits of each word stands for; what is above is ignored.
INLINE v16 level(const struct attend *a, u16 w, int kv) {
#if defined(__AVX512F__)
  return look(a->levels, w);
#else
  v16 x = look(a->levels, w);
  return kv == Q8V4 ? (v16)((u16)x ^ (w << 28 & 0x80000000u)) : x;
#endif
}

// scores of T tiles of 16 tokens for Q queries from q0 on
#define SCORES(name, T, Q)                                                                \
  INLINE void name(const struct attend *a, const char *k, const char *scale, long first, long q0, long bits) { \
    const long hd = a->hd, groups = (hd + 31) / 32;                                       \
    ASKING(const char *v = (const char *)a->v[first >> 6] + (first & 63) * hd * bits / 8;)\
    v16 s[T][Q];                                                                          \
    for (int t = 0; t < T; t++)                                                           \
      for (int j = 0; j < Q; j++) s[t][j] = splat(0);                                     \
    for (long g = 0; g < groups; g++) {                                                   \
      v16 u[T][Q];                                                                        \
      for (int t = 0; t < T; t++)                                                         \
        for (int j = 0; j < Q; j++) u[t][j] = splat(0);                                   \
      const long to = hd < 32 * g + 32 ? hd : 32 * g + 32;                                \
      for (long i = 32 * g; i < to; i += 4)                                               \
        for (int t = 0; t < T; t++) {                                                     \
          ASKING(if (i % 32 / 4 < bits) ASK(v + (t * hd + 32 * g) * 2 * bits + i % 32 * 16))\
          u16 w = *(wp)(k + (t * hd + i) * 16);                                           \
          for (int e = 0; e < 4; e++) {                                                   \
            v16 x = byte(w, e);                                                           \
            for (int j = 0; j < Q; j++) u[t][j] = fma16(x, splat(a->q[q0 + j][i + e]), u[t][j]); \
          }                                                                               \
        }                                                                                 \
      for (int t = 0; t < T; t++) {                                                       \
        v16 x = halves(scale + (t * groups + g) * 32);                                    \
        for (int j = 0; j < Q; j++) s[t][j] = fma16(u[t][j], x, s[t][j]);                 \
      }                                                                                   \
    }                                                                                     \
    for (int t = 0; t < T; t++)                                                           \
      for (int j = 0; j < Q; j++) store(a->p + 128 * (q0 + j) + first + 16 * t, s[t][j]); \
  }

// one position n of T tiles of 16 dims, whose values are x
#define ONE(T, Q, n, full, x)                                                             \
  for (int t = 0; t < T; t++) {                                                           \
    v16 c = x;                                                                            \
    for (int j = 0; j < Q; j++)                                                           \
      if (full || n < a->count[q0 + j]) o[t][j] = fma16(c, splat(a->p[128 * (q0 + j) + n]), o[t][j]); \
  }

// values of T tiles of 16 dims for Q queries from q0 on
#define VALUES(name, T, Q, K)                                                             \
  INLINE void name(const struct attend *a, long d, long q0) {                             \
    v16 o[T][Q];                                                                          \
    for (int t = 0; t < T; t++)                                                           \
      for (int j = 0; j < Q; j++) o[t][j] = splat(0);                                     \
    long least = a->count[q0], most = a->count[q0];                                       \
    for (int j = 1; j < Q; j++) {                                                         \
      if (a->count[q0 + j] < least) least = a->count[q0 + j];                             \
      if (a->count[q0 + j] > most) most = a->count[q0 + j];                               \
    }                                                                                     \
    const long bits = valuebits(K), tile = 2 * PAGE * bits, per = K == Q8V3 ? 10 : 32 / bits; \
    const long block = K == Q8V3 ? 32 : per;                                              \
    for (long n = 0; n < most; n += block) {                                              \
      const char *v = (const char *)a->v[n >> 6] + d / 16 * tile + (n & 63) * 2 * bits;   \
      const int full = n + block <= least;                                                \
      ASKING(const char *next = (const char *)a->next[n >> 6] + 64 * d + (n & 63) * 16;   \
             for (int t = 0; t < T; t++)                                                  \
               for (long i = 0; i < 16 * block; i += 64) ASK(next + 1024 * t + i))        \
      for (long b = 0; b < block / per; b++) {                                            \
        u16 w[T];                                                                         \
        for (int t = 0; t < T; t++) w[t] = *(wp)(v + t * tile + 64 * b);                  \
        const long at = n + per * b;                                                      \
        if (full) {                                                                       \
          for (int e = 0; e < per; e++) ONE(T, Q, at + e, 1, (K == Q8 ? byte(w[t], e) : level(a, w[t] >> (bits * e), K))) \
        } else {                                                                          \
          for (long e = 0; e < per && at + e < most; e++) ONE(T, Q, at + e, 0, (K == Q8 ? byte(w[t], e) : level(a, w[t] >> (uint32_t)(bits * e), K))) \
        }                                                                                 \
      }                                                                                   \
      if (K == Q8V3 && n + 30 < most) {                                                   \
        ONE(T, Q, n + 30, full, level(a, *(wp)(v + t * tile) >> 30 | (*(wp)(v + t * tile + 64) >> 28 & 4), K)) \
        if (n + 31 < most) ONE(T, Q, n + 31, full, level(a, *(wp)(v + t * tile + 128) >> 30 | (*(wp)(v + t * tile + 64) >> 29 & 4), K)) \
      }                                                                                   \
    }                                                                                     \
    for (int t = 0; t < T; t++)                                                           \
      for (int j = 0; j < Q; j++) store(a->o[q0 + j] + d + 16 * t, o[t][j]);              \
  }

// weigh multiplies a query's weights by the scales of the values.
INLINE void weigh(const struct attend *a, int j, int kv) {
  float *p = a->p + 128 * j;
  for (long n = 0; n < a->count[j]; n += 16) {
    const char *scales = (const char *)a->v[n >> 6] + PAGE * a->hd / 8 * valuebits(kv);
    store(p + n, load(p + n) * load((const float *)scales + (n & 63)));
  }
}

#define SCORED(Q, TS)                                                                     \
  SCORES(scores##Q, TS, Q)                                                                \
  SCORES(score##Q, 1, Q)                                                                  \
  INLINE void scored##Q(const struct attend *a, long q0, long bits) {                     \
    long most = a->count[q0];                                                             \
    for (int j = 1; j < Q; j++)                                                           \
      if (a->count[q0 + j] > most) most = a->count[q0 + j];                               \
    const long groups = (a->hd + 31) / 32;                                                \
    for (long n = 0; n < most;) {                                                         \
      const char *page = (const char *)a->k[n >> 6];                                      \
      const char *k = page + (n & 63) * a->hd, *scale = page + PAGE * a->hd + (n & 63) * groups * 2; \
      if ((n & 63) + 16 * TS <= 64 && n + 16 * (TS - 1) < most) {                         \
        scores##Q(a, k, scale, n, q0, bits);                                              \
        n += 16 * TS;                                                                     \
      } else {                                                                            \
        score##Q(a, k, scale, n, q0, bits);                                               \
        n += 16;                                                                          \
      }                                                                                   \
    }                                                                                     \
  }

#define ATTEND(K, Q, TV)                                                                  \
  VALUES(values##K##Q, TV, Q, K)                                                          \
  VALUES(value##K##Q, 1, Q, K)                                                            \
  INLINE void attend##K##Q(const struct attend *a, long q0) {                             \
    scored##Q(a, q0, valuebits(K));                                                       \
    for (int j = 0; j < Q; j++) {                                                         \
      soften(a, q0 + j);                                                                  \
      weigh(a, q0 + j, K);                                                                \
    }                                                                                     \
    long d = 0;                                                                           \
    for (; d + 16 * TV <= a->hd; d += 16 * TV) values##K##Q(a, d, q0);                    \
    for (; d < a->hd; d += 16) value##K##Q(a, d, q0);                                     \
  }

#ifdef __AVX512F__
SCORED(1, 4)
SCORED(2, 4)
SCORED(3, 2)
SCORED(4, 2)
#define ALL(K) ATTEND(K, 1, 4) ATTEND(K, 2, 4) ATTEND(K, 3, 4) ATTEND(K, 4, 4)
#else
SCORED(1, 4)
SCORED(2, 2)
SCORED(3, TILES(2, 1))
SCORED(4, 1)
#define ALL(K) ATTEND(K, 1, 4) ATTEND(K, 2, TILES(4, 2)) ATTEND(K, 3, TILES(2, 1)) ATTEND(K, 4, 1)
#endif
ALL(Q8)
ALL(Q8V4)
ALL(Q8V3)

#define RUN(K)                                                                            \
  for (long q0 = 0; q0 < a->queries; q0 += 4) switch (a->queries - q0) {                  \
    case 1: attend##K##1(a, q0); break;                                                   \
    case 2: attend##K##2(a, q0); break;                                                   \
    case 3: attend##K##3(a, q0); break;                                                   \
    default: attend##K##4(a, q0);                                                         \
    }

void attendq8(const struct attend *a) { RUN(Q8) }
void attendq8v4(const struct attend *a) { RUN(Q8V4) }
void attendq8v3(const struct attend *a) { RUN(Q8V3) }

struct keep {
  float *x;           // [hd]; a value's is overwritten
  const float *signs; // of the rotation
  const float *turns; // [4][16] of its first four steps
  char *page;
  long hd, t, kv;
};

INLINE v16 magnitude(v16 x) { return (v16)((u16)x & 0x7fffffffu); }
INLINE v16 greater(v16 x, v16 m) { return pick((x > m) | (x != x), x, m); }
INLINE float greatest(v16 m) {
  float top = 0;
  for (int i = 0; i < 16; i++)
    if (m[i] > top || m[i] != m[i]) top = m[i];
  return top < 0x1p-100f ? 0 : top;
}
INLINE i16 rounded(v16 y) {
  y = pick(y == y, y, splat(0));
  return __builtin_convertvector(__builtin_elementwise_roundeven(y), i16);
}

void keepkey(const struct keep *a) {
  const long hd = a->hd, groups = (hd + 31) / 32;
  for (long g = 0; g < groups; g++) {
    const int two = 32 * g + 16 < hd;
    v16 x[2] = {load(a->x + 32 * g), two ? load(a->x + 32 * g + 16) : splat(0)};
    float scaled = greatest(greater(magnitude(x[1]), greater(magnitude(x[0]), splat(0)))) / 127;
    uint32_t u = *(uint32_t *)&scaled;
    u = scaled != scaled ? u >> 16 | 0x40 : (u + 0x7fff + (u >> 16 & 1)) >> 16;
    *(uint16_t *)(a->page + PAGE * hd + ((a->t / 16 * groups + g) * 16 + a->t % 16) * 2) = (uint16_t)u;
    u <<= 16;
    float s = *(float *)&u;
    v16 inv = splat(s == 0 ? 0 : 1 / s);
    for (int h = 0; h <= two; h++) {
      union { b16 b; uint32_t w[4]; } c = {__builtin_convertvector(rounded(x[h] * inv), b16)};
      for (int i = 0; i < 4; i++) *(uint32_t *)(a->page + a->t / 16 * 16 * hd + (8 * g + 4 * h + i) * 64 + a->t % 16 * 4) = c.w[i];
    }
  }
}

#define STEP(x, h, m)                                                                     \
  __builtin_shufflevector(x, x, 0 ^ h, 1 ^ h, 2 ^ h, 3 ^ h, 4 ^ h, 5 ^ h, 6 ^ h, 7 ^ h, 8 ^ h, 9 ^ h, 10 ^ h, 11 ^ h, 12 ^ h, 13 ^ h, 14 ^ h, 15 ^ h) + x * load(m)

// transform is the Walsh-Hadamard transform of each block of dims, without a factor. turns are 1, or -1 where a step
// subtracts.
INLINE void transform(float *x, long hd, const float *turns) {
  for (long i = 0; i < hd; i += 16) {
    v16 v = load(x + i);
    v = STEP(v, 1, turns);
    v = STEP(v, 2, turns + 16);
    v = STEP(v, 4, turns + 32);
    v = STEP(v, 8, turns + 48);
    store(x + i, v);
  }
  const long block = hd & -hd;
  for (long h = 16; h < block; h *= 2)
    for (long i = 0; i < hd; i += 2 * h)
      for (long j = i; j < i + h; j += 16) {
        v16 p = load(x + j), q = load(x + j + h);
        store(x + j, p + q);
        store(x + j + h, p - q);
      }
}

// place puts codes into bits of the words of 16 dims.
INLINE void place(char *at, u16 code, uint32_t mask, uint32_t bit) { *(u16 *)at = (*(wp)at & ~(mask << bit)) | code << bit; }

INLINE u16 codes(v16 y, long kv) {
  if (kv == Q8) return (u16)rounded(y) & 0xff;
  v16 m = magnitude(y);
  i16 c = {0};
#define OVER(x) c -= (m > splat(x));
  if (kv == Q8V4) {
    OVER(12) OVER(24.5f) OVER(37.5f) OVER(51) OVER(66.5f) OVER(85.5f) OVER(111.5f)
    c |= (y < splat(0)) & 8;
  } else {
    OVER(29.5f) OVER(62) OVER(103)
    c |= (y < splat(0)) & 4;
  }
  return (u16)c;
}

void keepvalue(const struct keep *a) {
  const long hd = a->hd, bits = valuebits((int)a->kv), t = a->t;
  for (long i = 0; i < hd; i += 16) store(a->x + i, load(a->x + i) * load(a->signs + i));
  transform(a->x, hd, a->turns);
  float s;
  if (a->kv == Q8) {
    v16 m = splat(0);
    for (long i = 0; i < hd; i += 16) m = greater(magnitude(load(a->x + i)), m);
    s = greatest(m) / 127;
  } else {
    s = __builtin_sqrtf(sumsq(a->x, hd) / (float)hd) * (a->kv == Q8V4 ? 0x1.60868cp-6f : 0x1.159e32p-6f);
    if (s < 0x1p-100f) s = 0;
  }
  *(float *)(a->page + PAGE * hd / 8 * bits + 4 * t) = s;
  v16 inv = splat(s == 0 ? 0 : 1 / s);
  for (long i = 0; i < hd; i += 16) {
    u16 c = codes(s == 0 ? splat(0) : load(a->x + i) * inv, a->kv);
    char *at = a->page + i / 16 * 2 * PAGE * bits;
    const uint32_t u = t % 32;
    if (bits != 3) {
      const long per = 32 / bits;
      place(at + t / per * 64, c, (1u << bits) - 1, (uint32_t)(t % per * bits));
      continue;
    }
    at += t / 32 * 192;
    if (u < 30) {
      place(at + u / 10 * 64, c, 7, u % 10 * 3);
      continue;
    }
    place(at + (u & 1) * 128, c & 3, 3, 30);
    place(at + 64, c >> 2, 1, u);
  }
}

struct turn {
  float *x;
  const float *signs, *turns;
  long hd;
};

void turnback(const struct turn *a) {
  transform(a->x, a->hd, a->turns);
  v16 f = splat(1 / (float)(a->hd & -a->hd));
  for (long i = 0; i < a->hd; i += 16) store(a->x + i, load(a->x + i) * (load(a->signs + i) * f));
}
