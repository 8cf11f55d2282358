// The gated delta rule on one strip of 16 value columns; see kernels.Delta for the arithmetic. The
// strip [dk][16] is read and written once, whatever is folded and however many rows follow.
#include "vec.h"

struct delta {
  float *state, *scratch;          // [dk][16]
  const float *tk, *td, *tg;       // tape: k, this strip's d, g
  long tks, tds, tgs, fold;        // their strides, and how many rows fold
  const float *q, *k, *v;          // of the rows
  long qs;                         // stride of all three
  const float *g, *beta;           // of the rows
  long gs;                         // their stride
  float *o;                        // of the rows
  long os;
  float *d; // of the rows from `certain` on, 16 floats each
  long ds;
  long rows, certain, dk, cols, fresh;
  const char *next; // the strip that is read after this one
};

// The next strip is asked for while this one, in the first cache by now, is gone over for the last time and memory has
// nothing else to do: where that was measured.
#if defined(__AVX2__) && !defined(__AVX512F__)
#define ASK(a, last, r) \
  if (last) __builtin_prefetch((a)->next + 64 * (r)), __builtin_prefetch((a)->next + 64 * (r) + 64)
#else
#define ASK(a, last, r) (void)(last)
#endif

// fold applies n rows of the tape to the state and returns the sums of the state times k over even and odd rows. With
// n known to the compiler, what does not change from one row of the state to the next stays in registers.
INLINE void fold(const struct delta *a, const float *k, long n, v16 *even, v16 *odd) {
  const long dk = a->dk;
  float *s = a->state;
  v16 ue = splat(0), uo = splat(0), d[4], g[4];
  if (n <= 4)
    for (long i = 0; i < n; i++) d[i] = load(a->td + i * a->tds), g[i] = splat(a->tg[i * a->tgs]);
  for (long r = 0; r < dk; r++) {
    v16 x = load(s + 16 * r);
    for (long i = 0; i < n; i++) {
      v16 k = splat(a->tk[i * a->tks + r]);
      x = n <= 4 ? fma16(k, d[i], g[i] * x) : fma16(k, load(a->td + i * a->tds), splat(a->tg[i * a->tgs]) * x);
    }
    store(s + 16 * r, x);
    if (r & 1) uo = fma16(x, splat(k[r]), uo);
    else ue = fma16(x, splat(k[r]), ue);
  }
  *even = ue, *odd = uo;
}

void delta(const struct delta *a) {
  const long dk = a->dk, cols = a->cols;
  float *s = a->state;
  v16 ue = splat(0), uo = splat(0);
  const float *k = a->k;
  if (a->fresh) {
    for (long r = 0; r < dk; r++) store(s + 16 * r, splat(0));
  } else if (a->fold == 0) {
    for (long r = 0; r + 2 <= dk; r += 2) {
      ue = fma16(load(s + 16 * r), splat(k[r]), ue);
      uo = fma16(load(s + 16 * r + 16), splat(k[r + 1]), uo);
    }
    if (dk & 1) ue = fma16(load(s + 16 * (dk - 1)), splat(k[dk - 1]), ue);
  } else if (a->fold == 1) {
    fold(a, k, 1, &ue, &uo);
  } else if (a->fold == 2) {
    fold(a, k, 2, &ue, &uo);
  } else if (a->fold == 3) {
    fold(a, k, 3, &ue, &uo);
  } else if (a->fold == 4) {
    fold(a, k, 4, &ue, &uo);
  } else {
    fold(a, k, a->fold, &ue, &uo);
  }
  for (long i = 0; i < a->rows; i++) {
    const float *src = i <= a->certain ? s : a->scratch;
    float *dst = i < a->certain ? s : a->scratch;
    const float *vi = a->v + i * a->qs, *q = a->q + i * a->qs;
    k = a->k + i * a->qs;
    const float *kn = i + 1 < a->rows ? k + a->qs : k; // the last row's next u is not used
    const int last = i + 1 == a->rows;
    v16 v = cols == 16 ? load(vi) : loadn(vi, cols);
    v16 g = splat(a->g[i * a->gs]);
    v16 u = ue + uo;
    v16 d = splat(a->beta[i * a->gs]) * (v - g * u);
    if (i >= a->certain) store(a->d + (i - a->certain) * a->ds, d);
    v16 oe = splat(0), oo = splat(0);
    ue = splat(0), uo = splat(0);
    long r = 0;
    for (; r + 2 <= dk; r += 2) {
      ASK(a, last, r);
      v16 x = fma16(splat(k[r]), d, g * load(src + 16 * r));
#ifdef __aarch64__ // x, y, d and four sums are more than the registers hold: one row of the state after the other
      store(dst + 16 * r, x);
      oe = fma16(x, splat(q[r]), oe);
      ue = fma16(x, splat(kn[r]), ue);
      __asm__ volatile("" ::: "memory");
      v16 y = fma16(splat(k[r + 1]), d, g * load(src + 16 * r + 16));
      store(dst + 16 * r + 16, y);
      oo = fma16(y, splat(q[r + 1]), oo);
      uo = fma16(y, splat(kn[r + 1]), uo);
#else
      v16 y = fma16(splat(k[r + 1]), d, g * load(src + 16 * r + 16));
      store(dst + 16 * r, x);
      store(dst + 16 * r + 16, y);
      oe = fma16(x, splat(q[r]), oe);
      oo = fma16(y, splat(q[r + 1]), oo);
      ue = fma16(x, splat(kn[r]), ue);
      uo = fma16(y, splat(kn[r + 1]), uo);
#endif
    }
    if (r < dk) {
      v16 x = fma16(splat(k[r]), d, g * load(src + 16 * r));
      store(dst + 16 * r, x);
      oe = fma16(x, splat(q[r]), oe);
      ue = fma16(x, splat(kn[r]), ue);
    }
    v16 o = oe + oo;
    if (cols == 16) store(a->o + i * a->os, o);
    else storen(a->o + i * a->os, o, cols);
  }
}
