// expert.metal: the choice of experts and the sum of what they give.

struct route_args {
  uint experts, topk, normalize;
};

// The best of x among those after (last, lastat) in the order value descending, index ascending, over a simdgroup; at is
// n when there is none.
GPU_FN void next_best(gptr<const float> x, uint n, bool any, float last, uint lastat, uint lane, GPU_OUT_REF(float) best, GPU_OUT_REF(uint) at) {
  float v = 0.0f;
  uint i = n;
  for (uint j = lane; j < n; j += 32u) {
    const float u = x[j];
    if (any && !(u < last || (u == last && j > lastat))) continue;
    if (i == n || u > v) {
      v = u;
      i = j;
    }
  }
  UNROLL
  for (ushort d = 16; d; d >>= 1) {
    const float u = simd_shuffle_xor(v, d);
    const uint j = simd_shuffle_xor(i, d);
    if (j != n && (i == n || u > v || (u == v && j < i))) {
      v = u;
      i = j;
    }
  }
  best = v;
  at = i;
}

#define ROUTE_MOST 64

KERNEL(route_rows, IN(int, sl), IN(float, logits), OUT(int, index), OUT(float, weight), ARG(route_args, p)) {  // 32 threads
  THREADGROUP(float, e, ROUTE_MOST);
  const uint row = tg.y;
  if (row >= uint(sl[SLOT_ROWS])) return;
  gptr<const float> l = logits + ulong(row) * p.experts;
  float last = 0.0f, top = 0.0f;
  uint lastat = 0;
  for (uint k = 0; k < p.topk; k++) {
    float v;
    uint at;
    next_best(l, p.experts, k > 0u, last, lastat, lane, v, at);
    if (at == p.experts) {  // only NaNs are left
      at = k;
      v = l[k];
    }
    if (k == 0u) top = v;
    if (lane == 0u) {
      index[row * p.topk + k] = int(at);
      e[k] = exp_bits(v - top);
    }
    last = v;
    lastat = at;
  }
  simdgroup_barrier(mem_flags::mem_threadgroup);
  float d = 0.0f;
  if (p.normalize) {
    for (uint k = 0; k < p.topk; k++) d = d + e[k];
  } else {
    if (lane < 16u)
      for (uint i = lane; i < p.experts; i += 16u) d = d + exp_bits(l[i] - top);
    d = tree16(d);
    d = simd_shuffle(d, 0);
  }
  for (uint k = lane; k < p.topk; k += 32u) weight[row * p.topk + k] = e[k] / d;
}

struct combine_args {
  uint topk, width, hasshared;
};

KERNEL(combine_rows, IN(int, sl), IN(float, weight), IN(float, y), IN(float, gate), IN(float, shared_y), INOUT(float, x), ARG(combine_args, p)) {
  const uint row = tg.y, i = tg.x * 256u + tid.x;
  if (row >= uint(sl[SLOT_ROWS]) || i >= p.width) return;
  float a = 0.0f;
  for (uint k = 0; k < p.topk; k++) a = fma(weight[row * p.topk + k], y[ulong(row * p.topk + k) * p.width + i], a);
  const ulong at = ulong(row) * p.width + i;
  if (p.hasshared) a = fma(sigmoid_bits(gate[row]), shared_y[at], a);
  x[at] = x[at] + a;
}
