// rows.metal: operations on rows: lookup, normalisation, quantising, gated units. A row has one threadgroup of 256, or
// several that take its blocks of 64 in turn; each of those sums the squares of the whole row for itself. Threadgroups
// of rows past the count return at once. What slots and gains say is read before the grid's wait.

#define NORM_CHUNK 6144  // 24 values a thread

GPU_FN void load16(tptr<float> x, GPU_ARRAY(float, v, 16), uint at) {
  UNROLL
  for (uint j = 0; j < 16u; j++) v[j] = x[at + 16u * j];
}
GPU_FN float squares16(GPU_ARRAY(float, v, 16), float acc) {
  UNROLL
  for (uint j = 0; j < 16u; j++) acc = fma(v[j], v[j], acc);
  return acc;
}

// SumSquares of n values: 16 chains over i mod 16, ascending, then Tree16; the same in every thread. Barriers inside.
// What is left in chunk is the row, where it has at most NORM_CHUNK values.
GPU_FN float sum_squares(gptr<const float> x, uint n, tptr<float> chunk, tptr<float> one, uint tid, uint sg) {
  float acc = 0.0f;
  for (uint at = 0; at < n; at += NORM_CHUNK) {
    const uint m = n - at < NORM_CHUNK ? n - at : NORM_CHUNK;
    float in[NORM_CHUNK / 256];
    UNROLL
    for (uint j = 0; j < NORM_CHUNK / 256; j++)
      if (tid + 256u * j < m) in[j] = x[at + tid + 256u * j];
    if (at != 0u) threadgroup_barrier(mem_flags::mem_threadgroup);
    UNROLL
    for (uint j = 0; j < NORM_CHUNK / 256; j++)
      if (tid + 256u * j < m) chunk[tid + 256u * j] = in[j];
    threadgroup_barrier(mem_flags::mem_threadgroup);
    if (tid < 16u) {
      const uint whole = m / 256u;  // of 16 values a thread; the next are loaded while these are added
      float v[16], u[16];
      if (whole != 0u) load16(chunk, v, tid);
      uint i = 0;
      for (; i + 2u <= whole; i += 2u) {
        load16(chunk, u, (i + 1u) * 256u + tid);
        acc = squares16(v, acc);
        if (i + 2u < whole) load16(chunk, v, (i + 2u) * 256u + tid);
        acc = squares16(u, acc);
      }
      if (i < whole) acc = squares16(v, acc);
      for (uint i = whole * 256u + tid; i < m; i += 16u) {
        const float v = chunk[i];
        acc = fma(v, v, acc);
      }
    }
  }
  if (sg == 0u) {
    acc = tree16(acc);
    if (tid == 0u) one[0] = acc;
  }
  threadgroup_barrier(mem_flags::mem_threadgroup | mem_flags::mem_device);
  return one[0];
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

KERNEL_SLOTS(norm_rows, IN(int, sl), IN(float, x), FIXED(float, gain), INOUT(float, y), ACTS_OUT, ARG(norm_args, p)) {
  THREADGROUP(float, chunk, NORM_CHUNK);
  THREADGROUP(float, one, 1);
  const uint i = tg.y, count = map_count(sl, p.xmap), b0 = tg.x * 8u + sg;
  const bool here = i < count;
  const ulong from = here ? ulong(map_row(sl, p.s, p.xmap, i)) * p.width : 0;
  const ulong to = here && p.hasy ? ulong(map_row(sl, p.s, p.ymap, i)) * p.width : 0;
  float g0 = 0.0f, g1 = 0.0f;
  if (64u * b0 + lane < p.width) g0 = gain[64u * b0 + lane];
  if (64u * b0 + lane + 32u < p.width) g1 = gain[64u * b0 + lane + 32u];
  GRID_WAIT(); GRID_RELEASE();
  if (!here) return;
  const float r = norm_factor(sum_squares(x + from, p.width, chunk, one, tid.x, sg), p.width, p.eps);
  const bool kept = p.width <= NORM_CHUNK;
  for (uint b = b0; b * 64u < p.width; b += ntg.x * 8u) {
    const uint k0 = 64u * b + lane, k1 = k0 + 32u;
    if (b != b0) {
      g0 = k0 < p.width ? float(gain[k0]) : 0.0f;
      g1 = k1 < p.width ? float(gain[k1]) : 0.0f;
    }
    float y0 = 0.0f, y1 = 0.0f;
    if (k0 < p.width) {
      const float v = kept ? float(chunk[k0]) : float(x[from + k0]);
      y0 = v * r;
      y0 = y0 * g0;
      if (p.hasy) y[to + k0] = y0;
    }
    if (k1 < p.width) {
      const float v = kept ? float(chunk[k1]) : float(x[from + k1]);
      y1 = v * r;
      y1 = y1 * g1;
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

KERNEL_SLOTS(quantize_rows, IN(int, sl), IN(float, x), ACTS_OUT, ARG(quantize_args, p)) {
  const uint i = tg.y, b = tg.x * 8u + sg;
  const bool here = i < map_count(sl, p.xmap) && b * 64u < p.a.K;
  const ulong from = here ? ulong(map_row(sl, p.s, p.xmap, i)) * p.a.K : 0;
  GRID_WAIT(); GRID_RELEASE();
  if (!here) return;
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

KERNEL_SLOTS(head_input, IN(int, sl), IN(float, emb), IN(float, pool), FIXED(float, embgain), FIXED(float, hidgain), ACTS_OUT, ARG(head_args, p)) {
  THREADGROUP(float, chunk, NORM_CHUNK);
  THREADGROUP(float, one, 1);
  const uint i = tg.y, w = p.width;
  const bool here = i < uint(sl[SLOT_ROWS]);
  const uint hidden = here ? uint(sl[p.s.in + i]) : 0u;
  GRID_WAIT(); GRID_RELEASE();
  if (!here) return;
  gptr<const float> e = emb + ulong(i) * w;
  gptr<const float> h = pool + ulong(hidden) * w;
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

KERNEL_SLOTS(swiglu_rows, IN(int, sl), IN(float, x), ACTS_OUT, ARG(swiglu_args, p)) {  // 64 threads
  const uint v = tg.y, b = tg.x * 2u + sg;
  const bool here = v < uint(sl[SLOT_ROWS]) * p.times && b * 64u < p.width;
  GRID_WAIT(); GRID_RELEASE();
  if (!here) return;
  gptr<const float> row = x + ulong(v) * (2u * p.width);
  const uint k = 64u * b + lane;
  float a0 = 0.0f, a1 = 0.0f, u0 = 0.0f, u1 = 0.0f;
  if (k < p.width) {
    a0 = row[k];
    u0 = row[p.width + k];
  }
  if (k + 32u < p.width) {
    a1 = row[k + 32u];
    u1 = row[p.width + k + 32u];
  }
  float y0 = silu_bits(a0) * u0, y1 = silu_bits(a1) * u1;
  put_block(ACTS, p.a, v, b, y0, y1, lane);
}

// ---- embedding: an element a thread ----
struct embed_args {
  slots_at s;
  uint cols, rows, blocks, block, wide, sub;
  uint first;  // place of the first row's id in ids
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

GPU_FN uint embed_id(gptr<const int> sl, gptr<const int> ids, cref<embed_args> p, uint i, uint k) {  // p.rows: nothing to do
  if (i >= uint(sl[SLOT_ROWS]) || k >= p.cols) return p.rows;
  const uint id = uint(ids[p.first + i]);
  return id < p.rows ? id : p.rows;
}

KERNEL(embed_codes4, IN(int, sl), IN(int, ids), FIXED(uint, w), OUT(float, y), ARG(embed_args, p)) {
  const uint i = tg.y, k = tg.x * 256u + tid.x, id = embed_id(sl, ids, p, i, k);
  if (id < p.rows) y[ulong(i) * p.cols + k] = code_value<4>(w, p, id, k);
}
KERNEL(embed_codes8, IN(int, sl), IN(int, ids), FIXED(uint, w), OUT(float, y), ARG(embed_args, p)) {
  const uint i = tg.y, k = tg.x * 256u + tid.x, id = embed_id(sl, ids, p, i, k);
  if (id < p.rows) y[ulong(i) * p.cols + k] = code_value<8>(w, p, id, k);
}
// Floats lie in blocks of 16 outputs by 64 inputs, [8][16][8] halves or [16][16][4] words.
KERNEL(embed_bf16, IN(int, sl), IN(int, ids), FIXED(ushort, w), OUT(float, y), ARG(embed_args, p)) {
  const uint i = tg.y, k = tg.x * 256u + tid.x, id = embed_id(sl, ids, p, i, k);
  if (id < p.rows) y[ulong(i) * p.cols + k] = f32_of_bf16(w[((ulong(id / 16u) * p.blocks * 8u + k / 8u) * 16u + (id & 15u)) * 8u + (k & 7u)]);
}
KERNEL(embed_f16, IN(int, sl), IN(int, ids), FIXED(ushort, w), OUT(float, y), ARG(embed_args, p)) {
  const uint i = tg.y, k = tg.x * 256u + tid.x, id = embed_id(sl, ids, p, i, k);
  if (id < p.rows) y[ulong(i) * p.cols + k] = f32_of_f16(w[((ulong(id / 16u) * p.blocks * 8u + k / 8u) * 16u + (id & 15u)) * 8u + (k & 7u)]);
}
KERNEL(embed_f32, IN(int, sl), IN(int, ids), FIXED(float, w), OUT(float, y), ARG(embed_args, p)) {
  const uint i = tg.y, k = tg.x * 256u + tid.x, id = embed_id(sl, ids, p, i, k);
  if (id < p.rows) y[ulong(i) * p.cols + k] = w[((ulong(id / 16u) * p.blocks * 16u + k / 4u) * 16u + (id & 15u)) * 4u + (k & 3u)];
}
