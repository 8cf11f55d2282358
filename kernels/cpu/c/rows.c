// Operations on single rows: norms, gates, the convolution, rotary angles.
#include "vec.h"

#define EACH(n, body)                      \
  long i = 0;                              \
  for (; i + 16 <= (n); i += 16) {         \
    const long full = 1, left = 16;        \
    (void)full, (void)left;                \
    body                                   \
  }                                        \
  if (i < (n)) {                           \
    const long full = 0, left = (n)-i;     \
    (void)full, (void)left;                \
    body                                   \
  }
#define IN(p) (full ? load((p) + i) : loadn((p) + i, left))
#define OUT(p, x)                              \
  do {                                         \
    if (full) store((p) + i, x);               \
    else storen((p) + i, x, left);             \
  } while (0)

// y[i] = (x[i]*r)*gain[i] with r = 1/sqrt(sum of squares / n + eps). eps points to a float.
void norm(float *y, const float *x, const float *gain, long n, const float *eps) {
  float r = invsqrt(sumsq(x, n) / (float)n + *eps);
  v16 rv = splat(r);
  EACH(n, OUT(y, (IN(x) * rv) * IN(gain));)
}

// y[i] = x[i] * (1/sqrt(sum of squares + 1e-6) * scale), or without the factor when scale is 1.
void l2norm(float *y, const float *x, long n, const float *scale) {
  float inv = invsqrt(sumsq(x, n) + 1e-6f);
  if (*scale != 1.0f) inv *= *scale;
  v16 s = splat(inv);
  EACH(n, OUT(y, IN(x) * s);)
}

// y = silu(gate)*up
void swiglu(float *y, const float *gate, const float *up, long n) { EACH(n, OUT(y, silu16(IN(gate)) * IN(up));) }

// y[i] = ((o[i]*r)*gain[i])*silu(z[i])
void gatednorm(float *y, const float *o, const float *z, const float *gain, long n, const float *eps) {
  float r = invsqrt(sumsq(o, n) / (float)n + *eps);
  v16 rv = splat(r);
  EACH(n, OUT(y, ((IN(o) * rv) * IN(gain)) * silu16(IN(z)));)
}

// y[i] = x[i]*sigmoid(gate[i])
void gate(float *y, const float *x, const float *g, long n) { EACH(n, OUT(y, IN(x) * sigmoid16(IN(g)));) }

struct conv {
  float *out;
  const float *s[4]; // the four rows, oldest first
  const float *w;    // [4][stride]
  long stride, n;
};

// out[ch] = silu(fma chain over the taps)
void conv(const struct conv *a) {
  EACH(a->n, {
    v16 c = splat(0);
    for (int j = 0; j < 4; j++) c = fma16(IN(a->w + j * a->stride), IN(a->s[j]), c);
    OUT(a->out, silu16(c));
  })
}

struct gates {
  float *g, *beta;
  const float *a, *b, *dt, *expa;
  long n;
};

// g = exp(-(expA*softplus(a+dt))), beta = sigmoid(b)
void gates(const struct gates *p) {
  EACH(p->n, {
    v16 t = IN(p->expa) * softplus16(IN(p->a) + IN(p->dt));
    OUT(p->g, exp16(-t));
    OUT(p->beta, sigmoid16(IN(p->b)));
  })
}

// Turns x[j] and x[j+n] by the angle j, in place.
void rope(float *x, const float *cs, const float *sn, long n) {
  EACH(n, {
    v16 a = IN(x);
    v16 b = IN(x + n);
    v16 c = IN(cs);
    v16 s = IN(sn);
    OUT(x, fma16(a, c, -(b * s)));
    OUT(x + n, fma16(b, c, a * s));
  })
}

// y[i] = x[i]*s
void scale(float *y, const float *x, long n, const float *s) {
  v16 sv = splat(*s);
  EACH(n, OUT(y, IN(x) * sv);)
}

// y[i] = fma(s, x[i], y[i])
void axpy(float *y, const float *x, long n, const float *s) {
  v16 sv = splat(*s);
  EACH(n, OUT(y, fma16(sv, IN(x), IN(y)));)
}

// y[i] += x[i]
void add(float *y, const float *x, long n) { EACH(n, OUT(y, IN(y) + IN(x));) }

struct chunk {
  const float *x;
  float *strips; // [n/256, rounded up][16]
  long n;
  float invt;
  float max, z; // results
};

// The greatest of up to 4096 logits and the sum of exp((x-max)*invt). Strip c of a block of 256 entries is its
// entries c, c+16, c+32, ..., so that the greatest of each comes without shuffles.
void chunk(struct chunk *p) {
  const v16 least = splat(-__builtin_inff());
  v16 all = least;
  const float *x = p->x;
  long n = p->n;
  for (long b = 0; b < n; b += 256) {
    const float *y = x + b;
    long len = n - b < 256 ? n - b : 256, j = 0;
    v16 m = least, o = least;
    for (; j + 32 <= len; j += 32) {
      v16 v = load(y + j), w = load(y + j + 16);
      m = pick(v > m, v, m);
      o = pick(w > o, w, o);
    }
    for (; j < len; j += 16) {
      v16 v;
      if (len - j >= 16) {
        v = load(y + j);
      } else {
        v = loadn(y + j, len - j);
        for (long k = len - j; k < 16; k++) v[k] = -__builtin_inff();
      }
      m = pick(v > m, v, m);
    }
    m = pick(o > m, o, m);
    store(p->strips + b / 16, m);
    all = pick(m > all, m, all);
  }
  float top = __builtin_reduce_max(all);
  v16 acc = splat(0), mv = splat(top), t = splat(p->invt);
  long i = 0;
  for (; i + 64 <= n; i += 64) { // the terms of four vectors do not wait for each other, only their sum does
    v16 e0 = exp16((load(x + i) - mv) * t), e1 = exp16((load(x + i + 16) - mv) * t);
    v16 e2 = exp16((load(x + i + 32) - mv) * t), e3 = exp16((load(x + i + 48) - mv) * t);
    acc = (((acc + e0) + e1) + e2) + e3;
  }
  for (; i + 16 <= n; i += 16) acc += exp16((load(x + i) - mv) * t);
  if (i < n) {
    v16 e = exp16((loadn(x + i, n - i) - mv) * t);
    for (long k = n - i; k < 16; k++) e[k] = 0;
    acc += e;
  }
  p->max = top;
  p->z = tree16(acc);
}
