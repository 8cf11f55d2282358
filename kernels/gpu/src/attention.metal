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

#define Q_MOST 2048   // heads * HD
#define P_MOST 2048   // heads * SPLIT

// Scratch, in floats: [row][head][splits] {m, l}, then [row][head][splits][HD].
GPU_FN ulong attn_ml(cref<attn_args> p, uint row, uint head, uint split) { return ((ulong(row) * p.d.NQ + head) * p.splits + split) * (p.d.HD + 2u); }

// Four query heads at a time share what is read of a key or value.
template <class T, bool F32>
GPU_FN void attn_scores(gptr<const int> sl, gptr<const T> pool, cref<attn_args> p, tptr<float> q, tptr<float> w, uint l, uint kv, uint from, uint n, uint heads, uint tid) {
  const uint HD = p.d.HD, quads = (heads + 3u) / 4u;
  for (uint item = tid; item < SPLIT * quads; item += 256u) {
    const uint t = item % SPLIT, g = item / SPLIT * 4u;
    if (t >= n) continue;
    const ulong at = page_at(sl, p.s, p.d, l, from + t, kv) + key_index<F32>(HD, (from + t) % PAGE, 0);
    float a0 = 0.0f, a1 = 0.0f, a2 = 0.0f, a3 = 0.0f;
    const uint g1 = g + 1u < heads ? g + 1u : g, g2 = g + 2u < heads ? g + 2u : g, g3 = g + 3u < heads ? g + 3u : g;
    for (uint i = 0; i < HD; i += 2u) {
      float k0, k1;
      if (F32) {
        k0 = float(pool[at + i * 16u]);
        k1 = float(pool[at + i * 16u + 16u]);
      } else {
        k0 = f32_of_bf16(uint(pool[at + i * 16u]));
        k1 = f32_of_bf16(uint(pool[at + i * 16u + 1u]));
      }
      a0 = fma(k1, q[g * HD + i + 1u], fma(k0, q[g * HD + i], a0));
      a1 = fma(k1, q[g1 * HD + i + 1u], fma(k0, q[g1 * HD + i], a1));
      a2 = fma(k1, q[g2 * HD + i + 1u], fma(k0, q[g2 * HD + i], a2));
      a3 = fma(k1, q[g3 * HD + i + 1u], fma(k0, q[g3 * HD + i], a3));
    }
    w[g * SPLIT + t] = a0;
    if (g + 1u < heads) w[g1 * SPLIT + t] = a1;
    if (g + 2u < heads) w[g2 * SPLIT + t] = a2;
    if (g + 3u < heads) w[g3 * SPLIT + t] = a3;
  }
}

// Scores to weights p = exp(score - m); m and l of each head by one simdgroup.
GPU_FN void attn_weights(tptr<float> w, tptr<float> ml, uint n, uint heads, uint lane, uint sg) {
  for (uint g = sg; g < heads; g += 8u) {
    float m = as_type<float>(0xff800000u);
    for (uint t = lane; t < n; t += 32u) {
      const float v = w[g * SPLIT + t];
      m = v > m ? v : m;
    }
    UNROLL
    for (ushort d = 16; d; d >>= 1) {
      const float v = simd_shuffle_xor(m, d);
      m = v > m ? v : m;
    }
    for (uint t = lane; t < n; t += 32u) {
      const float d = w[g * SPLIT + t] - m;
      w[g * SPLIT + t] = exp_bits(d);
    }
    simdgroup_barrier(mem_flags::mem_threadgroup);
    float sum = 0.0f;  // eight chains over t mod 8, then pairs
    if (lane < 8u)
      for (uint t = lane; t < n; t += 8u) sum = sum + w[g * SPLIT + t];
    sum = sum + simd_shuffle_xor(sum, 1);
    sum = sum + simd_shuffle_xor(sum, 2);
    sum = sum + simd_shuffle_xor(sum, 4);
    if (lane == 0u) {
      ml[2u * g] = m;
      ml[2u * g + 1u] = sum;
    }
  }
}

template <bool F32> GPU_FN float pool_value(gptr<const ushort> pool, ulong at) { return f32_of_bf16(uint(pool[at])); }
template <bool F32> GPU_FN float pool_value(gptr<const float> pool, ulong at) { return pool[at]; }

// O of one split: item (dim, quad of heads); o holds [heads][HD]. merge: the splits before are in o already, with their m
// and l in old.
template <class T, bool F32>
GPU_FN void attn_values(gptr<const int> sl, gptr<const T> pool, cref<attn_args> p, tptr<float> w, tptr<float> o, tptr<float> ml, tptr<float> old, uint l, uint kv,
                        uint from, uint n, uint heads, bool merge, uint tid) {
  const uint HD = p.d.HD, quads = (heads + 3u) / 4u;
  for (uint item = tid; item < HD * quads; item += 256u) {
    const uint i = item % HD, g = item / HD * 4u;
    const uint g1 = g + 1u < heads ? g + 1u : g, g2 = g + 2u < heads ? g + 2u : g, g3 = g + 3u < heads ? g + 3u : g;
    float a[4] = {0.0f, 0.0f, 0.0f, 0.0f};
    ulong at = 0;
    for (uint t = 0; t < n; t++) {
      if (t % PAGE == 0u) at = page_at(sl, p.s, p.d, l, from + t, kv) + p.d.halfelems;
      const float v = pool_value<F32>(pool, at + value_index<F32>(t % PAGE, i));
      a[0] = fma(v, w[g * SPLIT + t], a[0]);
      a[1] = fma(v, w[g1 * SPLIT + t], a[1]);
      a[2] = fma(v, w[g2 * SPLIT + t], a[2]);
      a[3] = fma(v, w[g3 * SPLIT + t], a[3]);
    }
    UNROLL
    for (uint j = 0; j < 4u; j++)
      if (g + j < heads) {
        float y = a[j];
        if (merge) {
          const float m = old[2u * (g + j)], m2 = ml[2u * (g + j)];
          const float big = max_bits(m, m2);
          const float e = exp_bits(m - big), e2 = exp_bits(m2 - big);
          const float oe = o[(g + j) * HD + i] * e;
          y = fma(a[j], e2, oe);
        }
        o[(g + j) * HD + i] = y;
      }
  }
}

template <class T, bool F32>
GPU_FN void attn_block(gptr<const int> sl, gptr<const float> query, gptr<const T> pool, gptr<float> scratch, cref<attn_args> p, tptr<float> q, tptr<float> o, tptr<float> w,
                       tptr<float> ml, tptr<float> old, uint x, uint row, uint split, uint tid, uint lane, uint sg) {
  if (row >= uint(sl[SLOT_ROWS])) return;
  const uint l = uint(sl[p.s.lane + row]), end = row_position(sl, p.s, row) + 1u;
  const uint group = p.d.NQ / p.d.NKV, kv = x / p.blocks, head0 = x % p.blocks * p.heads, HD = p.d.HD;
  const uint heads = group - head0 < p.heads ? group - head0 : p.heads, qh = kv * group + head0;
  const uint last = (end - 1u) / SPLIT;
  if (split > last) return;
  for (uint i = tid; i < heads * HD; i += 256u) q[i] = query[(ulong(row) * p.d.NQ + qh) * HD + i];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  for (uint s = split; s <= (p.whole ? last : split); s++) {
    const uint from = s * SPLIT, n = end - from < SPLIT ? end - from : SPLIT;
    attn_scores<T, F32>(sl, pool, p, q, w, l, kv, from, n, heads, tid);
    threadgroup_barrier(mem_flags::mem_threadgroup);
    attn_weights(w, ml, n, heads, lane, sg);
    threadgroup_barrier(mem_flags::mem_threadgroup);
    attn_values<T, F32>(sl, pool, p, w, o, ml, old, l, kv, from, n, heads, s > split, tid);
    threadgroup_barrier(mem_flags::mem_threadgroup);
    if (tid < heads) {
      float m = ml[2u * tid], sum = ml[2u * tid + 1u];
      if (s > split) {
        const float m0 = old[2u * tid], l0 = old[2u * tid + 1u];
        const float big = max_bits(m0, m);
        const float a = l0 * exp_bits(m0 - big), b = sum * exp_bits(m - big);
        m = big;
        sum = a + b;
      }
      old[2u * tid] = m;
      old[2u * tid + 1u] = sum;
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);
  }
  for (uint i = tid; i < heads * HD; i += 256u) scratch[attn_ml(p, row, qh + i / HD, p.whole ? 0u : split) + 2u + i % HD] = o[i];
  if (tid < heads) {
    const ulong at = attn_ml(p, row, qh + tid, p.whole ? 0u : split);
    scratch[at] = old[2u * tid];
    scratch[at + 1u] = old[2u * tid + 1u];
  }
}

#define ATTENTION(name, T_, F32)                                                                                                          \
  KERNEL(name, IN(int, sl), IN(float, query), IN(T_, pool), INOUT(float, scratch), ARG(attn_args, p)) {                                   \
    THREADGROUP(float, q, Q_MOST);                                                                                                        \
    THREADGROUP(float, o, Q_MOST);                                                                                                        \
    THREADGROUP(float, w, P_MOST);                                                                                                        \
    THREADGROUP(float, ml, 32);                                                                                                           \
    THREADGROUP(float, old, 32);                                                                                                          \
    attn_block<T_, F32>(sl, query, pool, scratch, p, q, o, w, ml, old, tg.x, tg.y, tg.z, tid.x, lane, sg);                                \
  }
ATTENTION(attention_bf16, ushort, false)
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
  for (uint s = 1; s < splits; s++) {
    const ulong from = at + ulong(s) * step;
    const float m2 = scratch[from], l2 = scratch[from + 1u];
    const float big = max_bits(m, m2);
    const float e = exp_bits(m - big), e2 = exp_bits(m2 - big);
    const float a = l * e, b = l2 * e2;
    l = a + b;
    const float oe = o * e;
    o = fma(scratch[from + 2u + i], e2, oe);
    m = big;
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
