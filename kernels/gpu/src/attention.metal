// attention.metal: queries and keys prepared and appended to pages, and softmax attention over pages in splits of 128
// positions. Splits are computed apart and merged in ascending order, or one after another in one threadgroup when rows
// are many; the arithmetic and so the bits are the same.

#define SPLIT 128u
#define PAGE 64u

struct attn_dims {
  uint NQ, NKV, HD, rotary, pages, layer, pageelems, halfelems, layerelems;  // elements of the pool
};

// Element of dim i of token t within a head's keys or values.
template <bool F32>
GPU_FN uint key_index(uint HD, uint t, uint i) {
  const uint tile = t / 16u * 16u * HD;
  return F32 ? tile + i * 16u + (t & 15u) : tile + i / 2u * 32u + (t & 15u) * 2u + (i & 1u);
}
template <bool F32>
GPU_FN uint value_index(uint t, uint i) {
  const uint tile = i / 16u * 16u * PAGE;
  return F32 ? tile + t * 16u + (i & 15u) : tile + t / 2u * 32u + (i & 15u) * 2u + (t & 1u);
}

GPU_FN ulong page_at(gptr<const int> sl, cref<slots_at> s, cref<attn_dims> d, uint l, uint position, uint head) {
  const uint page = uint(sl[s.pages + l * s.maxpages + position / PAGE]);
  return (ulong(d.layer) * d.pages + page) * d.pageelems + ulong(head) * 2u * d.halfelems;
}

GPU_FN void pool_put(gptr<ushort> pool, ulong at, float v) { pool[at] = ushort(bf16_of(v)); }
GPU_FN void pool_put(gptr<float> pool, ulong at, float v) { pool[at] = v; }

struct attn_prep_args {
  slots_at s;
  attn_dims d;
  uint stride, q, k, v;
  float eps;
};

#define HEAD_MOST 512

// Unit u of a row: query heads, key heads, value heads. T is ushort (bfloat16) or float.
template <class T, bool F32>
GPU_FN void attn_unit(gptr<const int> sl, gptr<const float> in, gptr<const float> qgain, gptr<const float> kgain, gptr<T> pool, gptr<float> out,
                      cref<attn_prep_args> p, tptr<float> x, uint u, uint row, uint lane) {
  if (row >= uint(sl[SLOT_ROWS])) return;
  const uint HD = p.d.HD, NQ = p.d.NQ, NKV = p.d.NKV, R = p.d.rotary;
  const uint l = uint(sl[p.s.lane + row]), pos = row_position(sl, p.s, row);
  gptr<const float> line = in + ulong(row) * p.stride;
  if (u >= NQ + NKV) {
    const uint h = u - NQ - NKV;
    const ulong at = page_at(sl, p.s, p.d, l, pos, h) + p.d.halfelems;
    for (uint i = lane; i < HD; i += 32u) pool_put(pool, at + value_index<F32>(pos % PAGE, i), line[p.v + h * HD + i]);
    return;
  }
  const bool query = u < NQ;
  const uint from = query ? p.q + u * 2u * HD : p.k + (u - NQ) * HD;
  float acc = 0.0f;
  if (lane < 16u)
    for (uint i = lane; i < HD; i += 16u) {
      const float v = line[from + i];
      acc = fma(v, v, acc);
    }
  acc = tree16(acc);
  const float r = norm_factor(simd_shuffle(acc, 0), HD, p.eps);
  for (uint i = lane; i < HD; i += 32u) {
    const float v = line[from + i] * r;
    x[i] = v * (query ? qgain[i] : kgain[i]);
  }
  simdgroup_barrier(mem_flags::mem_threadgroup);
  const float scale = inv_sqrt(float(HD));
  ulong at = 0;
  if (!query) at = page_at(sl, p.s, p.d, l, pos, u - NQ);
  for (uint i = lane; i < HD; i += 32u) {
    float v = x[i];
    if (i < 2u * R) {
      const uint j = i < R ? i : i - R;
      const float c = as_type<float>(sl[p.s.cos + row * p.s.rotary + j]), s = as_type<float>(sl[p.s.sin + row * p.s.rotary + j]);
      const float a = x[j], b = x[j + R];
      const float bs = b * s, as = a * s;
      v = i < R ? fma(a, c, -bs) : fma(b, c, as);
    }
    if (query) {
      v = v * scale;
      out[(ulong(row) * NQ + u) * HD + i] = v;
    } else {
      pool_put(pool, at + key_index<F32>(HD, pos % PAGE, i), v);
    }
  }
}

KERNEL(attn_prep_bf16, IN(int, sl), IN(float, in), FIXED(float, qgain), FIXED(float, kgain), INOUT(ushort, pool), INOUT(float, out), ARG(attn_prep_args, p)) {  // 32 threads
  THREADGROUP(float, x, HEAD_MOST);
  attn_unit<ushort, false>(sl, in, qgain, kgain, pool, out, p, x, tg.x, tg.y, lane);
}
KERNEL(attn_prep_f32, IN(int, sl), IN(float, in), FIXED(float, qgain), FIXED(float, kgain), INOUT(float, pool), INOUT(float, out), ARG(attn_prep_args, p)) {  // 32 threads
  THREADGROUP(float, x, HEAD_MOST);
  attn_unit<float, true>(sl, in, qgain, kgain, pool, out, p, x, tg.x, tg.y, lane);
}

struct attn_args {
  slots_at s;
  attn_dims d;
  uint heads, blocks;  // query heads of one key head that a threadgroup takes; threadgroups a key head
  uint splits, whole;  // splits that the scratch holds a row and head; whole: one threadgroup takes all splits
};

#define Q_MOST 512  // quads of heads * HD
#define W_MOST 512  // quads of heads * SPLIT

// Scratch, in floats: [row][head][splits] of m, l, then HD values.
GPU_FN ulong attn_part(cref<attn_args> p, uint row, uint head, uint split) { return ((ulong(row) * p.d.NQ + head) * p.splits + split) * (p.d.HD + 2u); }

// Heads are taken four at a time, a quad, in the components of a float4, so that what is read of a key or value serves
// four chains.
GPU_FN float4 fma4(float k, float4 q, float4 a) { return F4(fma(k, q.x, a.x), fma(k, q.y, a.y), fma(k, q.z, a.z), fma(k, q.w, a.w)); }
GPU_FN float component(float4 v, uint i) { return i == 0u ? v.x : i == 1u ? v.y : i == 2u ? v.z : v.w; }

// Two neighbours of a pool: elements at and at+step of floats, or one word of two bfloat16.
GPU_FN void pool_pair(gptr<const uint> pool, ulong at, uint step, GPU_OUT_REF(float) a, GPU_OUT_REF(float) b) {
  const uint v = pool[at / 2u];
  a = as_type<float>(v << 16);
  b = as_type<float>(v & 0xffff0000u);
}
GPU_FN void pool_pair(gptr<const float> pool, ulong at, uint step, GPU_OUT_REF(float) a, GPU_OUT_REF(float) b) {
  a = pool[at];
  b = pool[at + step];
}

// Scores of a split: item (token, quad) is a chain over dims ascending for each head.
template <class T, bool F32>
GPU_FN void attn_scores(gptr<const int> sl, gptr<const T> pool, cref<attn_args> p, tptr<float4> q, tptr<float4> w, uint l, uint kv, uint from, uint n, uint quads, uint tid) {
  const uint HD = p.d.HD;
  for (uint item = tid; item < SPLIT * quads; item += 256u) {
    const uint t = item % SPLIT, g = item / SPLIT;
    if (t >= n) continue;
    const ulong at = page_at(sl, p.s, p.d, l, from + t, kv) + key_index<F32>(HD, (from + t) % PAGE, 0);
    float4 a = F4(0.0f, 0.0f, 0.0f, 0.0f);
    for (uint i = 0; i < HD; i += 32u) {  // loads first
      float k[32];
      UNROLL
      for (uint j = 0; j < 32u; j += 2u)
        if (j < 16u || i + 16u < HD) pool_pair(pool, at + (i + j) * 16u, 16u, k[j], k[j + 1u]);
      UNROLL
      for (uint j = 0; j < 32u; j++)
        if (j < 16u || i + 16u < HD) {
          const float4 x = q[g * HD + i + j];
          a = fma4(k[j], x, a);
        }
    }
    w[g * SPLIT + t] = a;
  }
}

GPU_FN float greater(float a, float b) { return b > a ? b : a; }
GPU_FN float4 greater4(float4 a, float4 b) { return F4(greater(a.x, b.x), greater(a.y, b.y), greater(a.z, b.z), greater(a.w, b.w)); }
GPU_FN float4 shuffle4(float4 v, ushort d) { return F4(simd_shuffle_xor(v.x, d), simd_shuffle_xor(v.y, d), simd_shuffle_xor(v.z, d), simd_shuffle_xor(v.w, d)); }
GPU_FN float4 exp4(float4 v, float4 m) {
  const float a = v.x - m.x, b = v.y - m.y, c = v.z - m.z, d = v.w - m.w;
  return F4(exp_bits(a), exp_bits(b), exp_bits(c), exp_bits(d));
}
GPU_FN float4 mul4(float4 a, float4 b) { return F4(a.x * b.x, a.y * b.y, a.z * b.z, a.w * b.w); }
GPU_FN float4 add4(float4 a, float4 b) { return F4(a.x + b.x, a.y + b.y, a.z + b.z, a.w + b.w); }

// What a quad carries, in float4s: m of the split, the running m and l, and the factors by which the running sum and the
// split's enter their merger.
#define ST_M 0u
#define ST_TOP 1u
#define ST_SUM 2u
#define ST_OLD 3u
#define ST_NEW 4u
#define ST_SIZE 5u

// One simdgroup a quad: the split's greatest scores and the factors of the merger.
GPU_FN void attn_top(tptr<float4> w, tptr<float4> st, uint n, uint g, bool merge, uint lane) {
  const float least = as_type<float>(0xff800000u);
  float4 m = F4(least, least, least, least);
  for (uint t = lane; t < n; t += 32u) {
    const float4 v = w[g * SPLIT + t];
    m = greater4(m, v);
  }
  UNROLL
  for (ushort d = 16; d; d >>= 1) m = greater4(m, shuffle4(m, d));
  if (lane == 0u) {
    st[g * ST_SIZE + ST_M] = m;
    if (merge) {
      const float4 old = st[g * ST_SIZE + ST_TOP];
      const float4 big = F4(max_bits(old.x, m.x), max_bits(old.y, m.y), max_bits(old.z, m.z), max_bits(old.w, m.w));
      st[g * ST_SIZE + ST_OLD] = exp4(old, big);
      st[g * ST_SIZE + ST_NEW] = exp4(m, big);
      st[g * ST_SIZE + ST_TOP] = big;
    } else {
      st[g * ST_SIZE + ST_TOP] = m;
    }
  }
}

// One simdgroup a quad: the sum of the split's weights, eight chains over t mod 8, and its merger.
GPU_FN void attn_sum(tptr<float4> w, tptr<float4> st, uint n, uint g, bool merge, uint lane) {
  float4 sum = F4(0.0f, 0.0f, 0.0f, 0.0f);
  if (lane < 8u)
    for (uint t = lane; t < n; t += 8u) {
      const float4 v = w[g * SPLIT + t];
      sum = add4(sum, v);
    }
  sum = add4(sum, shuffle4(sum, 1));
  sum = add4(sum, shuffle4(sum, 2));
  sum = add4(sum, shuffle4(sum, 4));
  if (lane == 0u) {
    if (merge) {
      const float4 old = st[g * ST_SIZE + ST_SUM], e = st[g * ST_SIZE + ST_OLD], e2 = st[g * ST_SIZE + ST_NEW];
      sum = add4(mul4(old, e), mul4(sum, e2));
    }
    st[g * ST_SIZE + ST_SUM] = sum;
  }
}

// O of a split, merged into what the splits before left in o: item (dim, quad) is a chain over tokens ascending.
template <class T, bool F32>
GPU_FN void attn_values(gptr<const int> sl, gptr<const T> pool, cref<attn_args> p, tptr<float4> w, tptr<float4> o, tptr<float4> st, uint l, uint kv, uint from, uint n,
                        uint quads, bool merge, uint tid) {
  const uint HD = p.d.HD;
  for (uint item = tid; item < HD * quads; item += 256u) {
    const uint i = item % HD, g = item / HD;
    float4 a = F4(0.0f, 0.0f, 0.0f, 0.0f);
    for (uint t = 0; t < n; t += 32u) {  // a page has whole thirty-twos of tokens
      const ulong at = page_at(sl, p.s, p.d, l, from + t, kv) + p.d.halfelems + value_index<F32>((from + t) % PAGE, i);
      const uint here = n - t < 32u ? n - t : 32u;
      float v[32];
      UNROLL
      for (uint j = 0; j < 32u; j += 2u) {
        v[j] = 0.0f;
        v[j + 1u] = 0.0f;
        if (j < here) pool_pair(pool, at + j * 16u, 16u, v[j], v[j + 1u]);
      }
      UNROLL
      for (uint j = 0; j < 32u; j++)
        if (j < here) {
          const float4 x = w[g * SPLIT + t + j];
          a = fma4(v[j], x, a);
        }
    }
    if (merge) {
      const float4 e = st[g * ST_SIZE + ST_OLD], e2 = st[g * ST_SIZE + ST_NEW], old = o[g * HD + i];
      const float4 oe = mul4(old, e);
      a = F4(fma(a.x, e2.x, oe.x), fma(a.y, e2.y, oe.y), fma(a.z, e2.z, oe.z), fma(a.w, e2.w, oe.w));
    }
    o[g * HD + i] = a;
  }
}

template <class T, bool F32>
GPU_FN void attn_block(gptr<const int> sl, gptr<const float> query, gptr<const T> pool, gptr<float> scratch, cref<attn_args> p, tptr<float4> q, tptr<float4> o,
                       tptr<float4> w, tptr<float4> st, uint x, uint row, uint split, uint tid, uint lane, uint sg) {
  if (row >= uint(sl[SLOT_ROWS])) return;
  const uint l = uint(sl[p.s.lane + row]), end = row_position(sl, p.s, row) + 1u;
  const uint group = p.d.NQ / p.d.NKV, kv = x / p.blocks, head0 = x % p.blocks * p.heads, HD = p.d.HD;
  const uint heads = group - head0 < p.heads ? group - head0 : p.heads, quads = (heads + 3u) / 4u, qh = kv * group + head0;
  const uint last = (end - 1u) / SPLIT;
  if (split > last) return;
  for (uint item = tid; item < quads * HD; item += 256u) {  // the last quad repeats its last head
    const uint g = item / HD * 4u, i = item % HD, most = heads - 1u;
    gptr<const float> from = query + ((ulong(row) * p.d.NQ + qh) * HD + i);
    const uint g1 = g + 1u < heads ? g + 1u : most, g2 = g + 2u < heads ? g + 2u : most, g3 = g + 3u < heads ? g + 3u : most;
    q[item] = F4(from[g * HD], from[g1 * HD], from[g2 * HD], from[g3 * HD]);
  }
  threadgroup_barrier(mem_flags::mem_threadgroup);
  const uint upto = p.whole ? last : split;
  for (uint s = split; s <= upto; s++) {
    const uint from = s * SPLIT, n = end - from < SPLIT ? end - from : SPLIT;
    attn_scores<T, F32>(sl, pool, p, q, w, l, kv, from, n, quads, tid);
    threadgroup_barrier(mem_flags::mem_threadgroup);
    if (sg < quads) attn_top(w, st, n, sg, s > split, lane);
    threadgroup_barrier(mem_flags::mem_threadgroup);
    for (uint item = tid; item < SPLIT * quads; item += 256u)
      if (item % SPLIT < n) {
        const float4 v = w[item], m = st[item / SPLIT * ST_SIZE + ST_M];
        w[item] = exp4(v, m);
      }
    threadgroup_barrier(mem_flags::mem_threadgroup);
    if (sg < quads) attn_sum(w, st, n, sg, s > split, lane);
    attn_values<T, F32>(sl, pool, p, w, o, st, l, kv, from, n, quads, s > split, tid);
    threadgroup_barrier(mem_flags::mem_threadgroup);
  }
  for (uint item = tid; item < heads * HD; item += 256u) {
    const uint head = item / HD, i = item % HD;
    const float4 v = o[head / 4u * HD + i];
    scratch[attn_part(p, row, qh + head, p.whole ? 0u : split) + 2u + i] = component(v, head & 3u);
  }
  if (tid < heads) {
    const ulong at = attn_part(p, row, qh + tid, p.whole ? 0u : split);
    const float4 top = st[tid / 4u * ST_SIZE + ST_TOP], sum = st[tid / 4u * ST_SIZE + ST_SUM];
    scratch[at] = component(top, tid & 3u);
    scratch[at + 1u] = component(sum, tid & 3u);
  }
}

#define ATTENTION(name, T_, F32)                                                                                                          \
  KERNEL(name, IN(int, sl), IN(float, query), IN(T_, pool), INOUT(float, scratch), ARG(attn_args, p)) {                                   \
    THREADGROUP(float4, q, Q_MOST);                                                                                                       \
    THREADGROUP(float4, o, Q_MOST);                                                                                                       \
    THREADGROUP(float4, w, W_MOST);                                                                                                       \
    THREADGROUP(float4, st, 4 * 5);                                                                                                       \
    attn_block<T_, F32>(sl, query, pool, scratch, p, q, o, w, st, tg.x, tg.y, tg.z, tid.x, lane, sg);                                     \
  }
ATTENTION(attention_bf16, uint, false)
ATTENTION(attention_f32, float, true)

struct attn_merge_args {
  slots_at s;
  acts_at a;
  attn_dims d;
  uint splits, whole, stride, qcol;
};

GPU_FN float merged(gptr<const float> scratch, gptr<const float> gates, cref<attn_merge_args> p, uint row, uint splits, uint k) {
  const uint HD = p.d.HD, NQ = p.d.NQ;
  if (k >= NQ * HD) return 0.0f;
  const uint head = k / HD, i = k % HD, step = HD + 2u;
  const ulong at = (ulong(row) * NQ + head) * p.splits * step;
  float m = scratch[at], l = scratch[at + 1u], o = scratch[at + 2u + i];
  for (uint s = 1; s < splits; s += 4u) {  // loads first
    float ms[4], ls[4], os[4];
    UNROLL
    for (uint j = 0; j < 4u; j++)
      if (s + j < splits) {
        const ulong from = at + ulong(s + j) * step;
        ms[j] = scratch[from];
        ls[j] = scratch[from + 1u];
        os[j] = scratch[from + 2u + i];
      }
    UNROLL
    for (uint j = 0; j < 4u; j++)
      if (s + j < splits) {
        const float big = max_bits(m, ms[j]);
        const float e = exp_bits(m - big), e2 = exp_bits(ms[j] - big);
        const float a = l * e, b = ls[j] * e2;
        l = a + b;
        const float oe = o * e;
        o = fma(os[j], e2, oe);
        m = big;
      }
  }
  const float inv = 1.0f / l;
  const float y = o * inv;
  return y * sigmoid_bits(gates[ulong(row) * p.stride + p.qcol + head * 2u * HD + HD + i]);
}

KERNEL(attention_merge, IN(int, sl), IN(float, scratch), IN(float, gates), ACTS_OUT, ARG(attn_merge_args, p)) {
  const uint row = tg.y, b = tg.x * 8u + sg, K = p.d.NQ * p.d.HD;
  if (row >= uint(sl[SLOT_ROWS]) || b * 64u >= K) return;
  const uint splits = p.whole ? 1u : row_position(sl, p.s, row) / SPLIT + 1u;
  const uint k = 64u * b + lane;
  const float y0 = merged(scratch, gates, p, row, splits, k), y1 = merged(scratch, gates, p, row, splits, k + 32u);
  put_block(ACTS, p.a, row, b, y0, y1, lane);
}
