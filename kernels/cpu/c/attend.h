// What attention over plain and over quantised keys and values share.
#pragma once
#include "vec.h"

struct attend {
  const void *k[2], *v[2]; // a head's keys and values in the two pages
  const float *q[8];
  float *o[8];     // [hd] each
  float *ml;       // m and l of each query
  float *p;        // scratch [8][128]
  long count[8];   // positions of the split that each query sees, 1..128
  long queries, hd;
  const float *levels; // [16] what codes of 3 or 4 bits stand for
  const void *next[2]; // the keys that are read after this: of the next split's two pages
};

// On AVX-512 memory is read in two pages and several tiles at once, which processors do not foresee: each line asks for
// one that is read later on, keys for their page's values and values for the next split's keys.
#ifdef __AVX512F__
#define ASK(at) __builtin_prefetch(at, 0, 2);
#define ASKING(...) __VA_ARGS__
#else
#define ASK(at)
#define ASKING(...)
#endif

// softmax turns a query's scores into p and finds m and l.
INLINE void soften(const struct attend *a, int j) {
  float *p = a->p + 128 * j;
  long n = a->count[j];
  v16 m = splat(-__builtin_inff());
  for (long i = n; i < ((n + 15) & ~15l); i++) p[i] = -__builtin_inff();
  for (long i = 0; i < n; i += 16) {
    v16 s = load(p + i);
    m = pick(s > m, s, m);
  }
  float top = __builtin_reduce_max(m);
  v8 l = {0, 0, 0, 0, 0, 0, 0, 0};
  for (long i = 0; i < n; i += 16) {
    v16 e = exp16(load(p + i) - splat(top));
    if (i + 16 > n)
      for (long t = n - i; t < 16; t++) e[t] = 0;
    store(p + i, e);
    l += __builtin_shufflevector(e, e, 0, 1, 2, 3, 4, 5, 6, 7);
    l += __builtin_shufflevector(e, e, 8, 9, 10, 11, 12, 13, 14, 15);
  }
  a->ml[2 * j] = top;
  a->ml[2 * j + 1] = ((l[0] + l[1]) + (l[2] + l[3])) + ((l[4] + l[5]) + (l[6] + l[7]));
}
