// rows.metal: operations on rows: lookup, normalisation, quantising, gated units. A row has one threadgroup of 256, or
// several that take its blocks of 64 in turn; each of those sums the squares of the whole row for itself. Threadgroups
// of rows past the count return at once.

#define NORM_CHUNK 6144  // 24 values a thread

// SumSquares of n values: 16 chains over i mod 16, ascending, then Tree16; the same in every thread. Barriers inside.
GPU_FN float sum_squares(gptr<const float> x, uint n, tptr<float> chunk, tptr<float> one, uint tid, uint sg) {
  float acc = 0.0f;
  for (uint at = 0; at < n; at += NORM_CHUNK) {
    const uint m = n - at < NORM_CHUNK ? n - at : NORM_CHUNK;
    float in[NORM_CHUNK / 256];
    UNROLL
    for (uint j = 0; j < NORM_CHUNK / 256; j++)
      if (tid + 256u * j < m) in[j] = x[at + tid + 256u * j];
    UNROLL
    for (uint j = 0; j < NORM_CHUNK / 256; j++)
      if (tid + 256u * j < m) chunk[tid + 256u * j] = in[j];
    threadgroup_barrier(mem_flags::mem_threadgroup);
    if (tid < 16u) {
      uint i = tid;
      for (; i + 240u < m; i += 256u) {  // loads first, so that only the fma are a chain
        float v[16];
        UNROLL
        for (uint j = 0; j < 16u; j++) v[j] = chunk[i + 16u * j];
        UNROLL
        for (uint j = 0; j < 16u; j++) acc = fma(v[j], v[j], acc);
      }
      for (; i < m; i += 16u) {
        const float v = chunk[i];
        acc = fma(v, v, acc);
      }
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);
  }
  if (sg == 0u) {
    acc = tree16(acc);
    if (tid == 0u) one[0] = acc;
  }
  threadgroup_barrier(mem_flags::mem_threadgroup | mem_flags::mem_device);
  const float sum = one[0];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  return sum;
}

GPU_FN float norm_factor(float sum, uint n, float eps) {
  const float mean = sum / float(n);
  return inv_sqrt(mean + eps);
}

struct norm_args {
  slots_at s;
  acts_at a;
  uint width, xmap, ymap, hasy;
  float eps;
};

KERNEL(norm_rows, IN(int, sl), IN(float, x), FIXED(float, gain), INOUT(float, y), ACTS_OUT, ARG(norm_args, p)) {
  THREADGROUP(float, chunk, NORM_CHUNK);
  THREADGROUP(float, one, 1);
  const uint i = tg.y;
  if (i >= map_count(sl, p.xmap)) return;
  const ulong from = ulong(map_row(sl, p.s, p.xmap, i)) * p.width;
  const float r = norm_factor(sum_squares(x + from, p.width, chunk, one, tid.x, sg), p.width, p.eps);
  const ulong to = p.hasy ? ulong(map_row(sl, p.s, p.ymap, i)) * p.width : 0;
  for (uint b = tg.x * 8u + sg; b * 64u < p.width; b += ntg.x * 8u) {
    const uint k0 = 64u * b + lane, k1 = k0 + 32u;
    float y0 = 0.0f, y1 = 0.0f;
    if (k0 < p.width) {
      y0 = x[from + k0] * r;
      y0 = y0 * gain[k0];
      if (p.hasy) y[to + k0] = y0;
    }
    if (k1 < p.width) {
      y1 = x[from + k1] * r;
      y1 = y1 * gain[k1];
      if (p.hasy) y[to + k1] = y1;
    }
    if (p.a.forms) put_block(ACTS, p.a, i, b, y0, y1, lane);
  }
}

struct quantize_args {
  slots_at s;
  acts_at a;
  uint xmap;
};

KERNEL(quantize_rows, IN(int, sl), IN(float, x), ACTS_OUT, ARG(quantize_args, p)) {
  const uint i = tg.y, b = tg.x * 8u + sg;
  if (i >= map_count(sl, p.xmap) || b * 64u >= p.a.K) return;
  const ulong from = ulong(map_row(sl, p.s, p.xmap, i)) * p.a.K;
  const uint k = 64u * b + lane;
  float y0 = 0.0f, y1 = 0.0f;
  if (k < p.a.K) y0 = x[from + k];
  if (k + 32u < p.a.K) y1 = x[from + k + 32u];
  put_block(ACTS, p.a, i, b, y0, y1, lane);
}

struct head_args {
  slots_at s;
  acts_at a;
  uint width;
  float eps;
};

GPU_FN float head_value(gptr<const float> emb, gptr<const float> hid, gptr<const float> ge, gptr<const float> gh, uint w, uint k, float re, float rh) {
  if (k >= 2u * w) return 0.0f;
  const float v = k < w ? emb[k] * re : hid[k - w] * rh;
  return v * (k < w ? ge[k] : gh[k - w]);
}

KERNEL(head_input, IN(int, sl), IN(float, emb), IN(float, pool), FIXED(float, embgain), FIXED(float, hidgain), ACTS_OUT, ARG(head_args, p)) {
  THREADGROUP(float, chunk, NORM_CHUNK);
  THREADGROUP(float, one, 1);
  const uint i = tg.y, w = p.width;
  if (i >= uint(sl[SLOT_ROWS])) return;
  gptr<const float> e = emb + ulong(i) * w;
  gptr<const float> h = pool + ulong(uint(sl[p.s.in + i])) * w;
  const float re = norm_factor(sum_squares(e, w, chunk, one, tid.x, sg), w, p.eps);
  const float rh = norm_factor(sum_squares(h, w, chunk, one, tid.x, sg), w, p.eps);
  for (uint b = tg.x * 8u + sg; b * 64u < 2u * w; b += ntg.x * 8u) {
    const uint k = 64u * b + lane;
    const float y0 = head_value(e, h, embgain, hidgain, w, k, re, rh);
    const float y1 = head_value(e, h, embgain, hidgain, w, k + 32u, re, rh);
    put_block(ACTS, p.a, i, b, y0, y1, lane);
  }
}

struct swiglu_args {
  slots_at s;
  acts_at a;
  uint width, times;
};

KERNEL(swiglu_rows, IN(int, sl), IN(float, x), ACTS_OUT, ARG(swiglu_args, p)) {
  const uint v = tg.y, b = tg.x * 8u + sg;
  if (v >= uint(sl[SLOT_ROWS]) * p.times || b * 64u >= p.width) return;
  gptr<const float> row = x + ulong(v) * (2u * p.width);
  const uint k = 64u * b + lane;
  float y0 = 0.0f, y1 = 0.0f;
  if (k < p.width) y0 = silu_bits(row[k]) * row[p.width + k];
  if (k + 32u < p.width) y1 = silu_bits(row[k + 32u]) * row[p.width + k + 32u];
  put_block(ACTS, p.a, v, b, y0, y1, lane);
}

// ---- embedding: an element a thread ----
struct embed_args {
  slots_at s;
  uint cols, rows, blocks, block, wide, sub;
};

// Element (n, k) of a matrix of codes in the layout of product.metal; BITS is 4 or 8.
template <uint BITS>
GPU_FN float code_value(gptr<const uint> w, cref<embed_args> p, uint n, uint k) {
  const uint o = n & 15u, b = k / 64u, kk = k & 63u;
  const ulong at = (ulong(n / 16u) * p.blocks + b) * p.block;
  // The lane (r = o mod 8, t) of a matrix step holds inputs 16j+4t..+3; register (j mod 2)*2 + o/8 of step j/2.
  const uint j = kk / 16u, t = (kk & 15u) / 4u, ln = (o & 7u) * 4u + t, reg = (j & 1u) * 2u + (o >> 3);
  uint code;
  if (BITS == 4)
    code = (w[at + ln * 4u + reg] >> (8u * (kk & 3u) + 4u * (j >> 1))) & 15u;
  else
    code = (w[at + (j >> 1) * 128u + ln * 4u + reg] >> (8u * (kk & 3u))) & 255u;
  const uint h = p.sub == 2u ? kk / 32u : 0u;
  const ulong tail = at + (BITS == 4 ? 128u : 256u);
  float scale, bias;
  if (p.wide) {
    scale = as_type<float>(w[tail + (h * 16u + o) * 2u]);
    bias = as_type<float>(w[tail + (h * 16u + o) * 2u + 1u]);
  } else {
    const uint sb = w[tail + h * 16u + o];
    scale = as_type<float>(sb & 0xffff0000u);
    bias = as_type<float>(sb << 16);
  }
  return fma(float(code), scale, bias);
}

GPU_FN uint embed_id(gptr<const int> sl, cref<embed_args> p, uint i, uint k) {  // p.rows: nothing to do
  if (i >= uint(sl[SLOT_ROWS]) || k >= p.cols) return p.rows;
  const uint id = uint(sl[p.s.id + i]);
  return id < p.rows ? id : p.rows;
}

KERNEL(embed_codes4, IN(int, sl), FIXED(uint, w), OUT(float, y), ARG(embed_args, p)) {
  const uint i = tg.y, k = tg.x * 256u + tid.x, id = embed_id(sl, p, i, k);
  if (id < p.rows) y[ulong(i) * p.cols + k] = code_value<4>(w, p, id, k);
}
KERNEL(embed_codes8, IN(int, sl), FIXED(uint, w), OUT(float, y), ARG(embed_args, p)) {
  const uint i = tg.y, k = tg.x * 256u + tid.x, id = embed_id(sl, p, i, k);
  if (id < p.rows) y[ulong(i) * p.cols + k] = code_value<8>(w, p, id, k);
}
// Floats lie in blocks of 16 outputs by 64 inputs, [8][16][8] halves or [16][16][4] words.
KERNEL(embed_bf16, IN(int, sl), FIXED(ushort, w), OUT(float, y), ARG(embed_args, p)) {
  const uint i = tg.y, k = tg.x * 256u + tid.x, id = embed_id(sl, p, i, k);
  if (id < p.rows) y[ulong(i) * p.cols + k] = f32_of_bf16(w[((ulong(id / 16u) * p.blocks * 8u + k / 8u) * 16u + (id & 15u)) * 8u + (k & 7u)]);
}
KERNEL(embed_f16, IN(int, sl), FIXED(ushort, w), OUT(float, y), ARG(embed_args, p)) {
  const uint i = tg.y, k = tg.x * 256u + tid.x, id = embed_id(sl, p, i, k);
  if (id < p.rows) y[ulong(i) * p.cols + k] = f32_of_f16(w[((ulong(id / 16u) * p.blocks * 8u + k / 8u) * 16u + (id & 15u)) * 8u + (k & 7u)]);
}
KERNEL(embed_f32, IN(int, sl), FIXED(float, w), OUT(float, y), ARG(embed_args, p)) {
  const uint i = tg.y, k = tg.x * 256u + tid.x, id = embed_id(sl, p, i, k);
  if (id < p.rows) y[ulong(i) * p.cols + k] = w[((ulong(id / 16u) * p.blocks * 16u + k / 4u) * 16u + (id & 15u)) * 4u + (k & 3u)];
}
