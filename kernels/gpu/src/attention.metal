// attention.metal: queries and keys prepared and appended to pages, and softmax attention over pages in splits of 128
// positions. Splits are computed apart and merged in ascending order, or one after another in one threadgroup when rows
// are many; the arithmetic and so the bits are the same.

#define SPLIT 128u
#define PAGE 64u

struct attn_dims {
  uint NQ, NKV, HD, rotary, pages, layer, pageelems, halfelems, headelems;  // of the pool, in the elements of a way
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
  return (ulong(d.layer) * d.pages + page) * d.pageelems + ulong(head) * d.headelems;
}

struct attn_prep_args {
  slots_at s;
  attn_dims d;
  uint stride, q, k, v;
  float eps;
};

#define HEAD_MOST 512

// Unit u of a row: query heads, key heads, value heads. WAY is how keys and values are kept, as plain_way.
template <class WAY, class T>
GPU_FN void attn_unit(gptr<const int> sl, gptr<const float> in, gptr<const float> qgain, gptr<const float> kgain, gptr<T> pool, gptr<float> out,
                      cref<attn_prep_args> p, tptr<float> x, uint u, uint row, uint lane) {
  const bool here = row < uint(sl[SLOT_ROWS]);
  const uint HD = p.d.HD, NQ = p.d.NQ, NKV = p.d.NKV, R = p.d.rotary;
  const bool query = u < NQ, value = u >= NQ + NKV;
  const uint h = query ? u : value ? u - NQ - NKV : u - NQ;  // among its kind
  uint pos = 0;
  ulong at = 0;
  if (here) {
    pos = row_position(sl, p.s, row);
    if (!query) at = page_at(sl, p.s, p.d, uint(sl[p.s.lane + row]), pos, h) + (value ? p.d.halfelems : 0u);
  }
  GRID_WAIT(); GRID_RELEASE();
  if (!here) return;
  gptr<const float> line = in + (ulong(row) * p.stride + (query ? p.q + h * 2u * HD : value ? p.v + h * HD : p.k + h * HD));
  if (value) {
    WAY::put_value(pool, at, sl, in, p, h, row, pos % PAGE, lane);
    return;
  }
  for (uint from = 0; from < HD; from += 256u) {  // loads first
    float v[8];
    UNROLL
    for (uint j = 0; j < 8u; j++)
      if (from + lane + 32u * j < HD) v[j] = line[from + lane + 32u * j];
    UNROLL
    for (uint j = 0; j < 8u; j++)
      if (from + lane + 32u * j < HD) x[from + lane + 32u * j] = v[j];
  }
  simdgroup_barrier(mem_flags::mem_threadgroup);
  float acc = 0.0f;
  if (lane < 16u) {
    uint i = lane;
    for (; i + 112u < HD; i += 128u) {
      float v[8];
      UNROLL
      for (uint j = 0; j < 8u; j++) v[j] = x[i + 16u * j];
      UNROLL
      for (uint j = 0; j < 8u; j++) acc = fma(v[j], v[j], acc);
    }
    for (; i < HD; i += 16u) {
      const float v = x[i];
      acc = fma(v, v, acc);
    }
  }
  acc = tree16(acc);
  const float r = norm_factor(simd_shuffle(acc, 0), HD, p.eps);
  simdgroup_barrier(mem_flags::mem_threadgroup);
  UNROLL
  for (uint j = 0; j < HEAD_MOST / 32; j++) {
    const uint i = lane + 32u * j;
    if (i < HD) {
      const float v = x[i] * r;
      x[i] = v * (query ? qgain[i] : kgain[i]);
    }
  }
  simdgroup_barrier(mem_flags::mem_threadgroup);
  const float scale = inv_sqrt(float(HD));
  UNROLL
  for (uint e = 0; e < HEAD_MOST / 32; e++) {
    if (32u * e >= HD) break;  // of all lanes
    const uint i = lane + 32u * e;
    float v = i < HD ? float(x[i]) : 0.0f;
    if (i < 2u * R) {
      const uint j = i < R ? i : i - R;
      const float c = as_type<float>(sl[p.s.cos + row * p.s.rotary + j]), s = as_type<float>(sl[p.s.sin + row * p.s.rotary + j]);
      const float a = x[j], b = x[j + R];
      const float bs = b * s, as = a * s;
      v = i < R ? fma(a, c, -bs) : fma(b, c, as);
    }
    if (!query) {
      WAY::put_key(pool, at, HD, pos % PAGE, i, v, lane);
    } else if (i < HD) {
      v = v * scale;
      out[(ulong(row) * NQ + u) * HD + i] = v;
    }
  }
}

struct attn_args {
  slots_at s;
  attn_dims d;
  uint heads, blocks;  // query heads of one key head that a threadgroup takes; threadgroups a key head
  uint splits, whole;  // splits that the scratch holds a row and head; whole: one threadgroup takes all splits
  uint least;          // rows from which a lane is attention_tile.metal's; 0: none is
};

#define Q_MOST 512  // quads of heads * HD
#define W_MOST 512  // quads of heads * SPLIT

// Scratch, in floats: [row][head][splits] of m, l, then HD values.
GPU_FN ulong attn_part(cref<attn_args> p, uint row, uint head, uint split) { return ((ulong(row) * p.d.NQ + head) * p.splits + split) * (p.d.HD + 2u); }

// Heads are taken four at a time, a quad, in the components of a float4, so that what is read of a key or value serves
// four chains.
GPU_FN float4 fma4(float k, float4 q, float4 a) { return F4(fma(k, q.x, a.x), fma(k, q.y, a.y), fma(k, q.z, a.z), fma(k, q.w, a.w)); }
GPU_FN float component(float4 v, uint i) { return i == 0u ? v.x : i == 1u ? v.y : i == 2u ? v.z : v.w; }

// A pool is read in 32-bit words: two neighbouring bfloat16, or one float. LOAD_WORDS of them are in flight a thread; they
// hold LOAD_ELEMS elements.
#define LOAD_WORDS 32u
#define LOAD_ELEMS (F32 ? 32u : 64u)
template <bool F32>
GPU_FN float word_elem(uint word, uint odd) { return as_type<float>(F32 ? word : odd ? word & 0xffff0000u : word << 16); }

// Where a split's two pages begin in the pool, in words, at a head's keys. The second is there when the split needs it.
struct split_pages {
  ulong a, b;
};
template <bool F32>
GPU_FN split_pages pages_of(gptr<const int> sl, cref<slots_at> s, cref<attn_dims> d, uint l, uint from, uint n, uint kv) {
  split_pages v;
  v.a = page_at(sl, s, d, l, from, kv);
  v.b = n > PAGE ? page_at(sl, s, d, l, from + PAGE, kv) : v.a;
  if (!F32) {
    v.a = v.a / 2u;
    v.b = v.b / 2u;
  }
  return v;
}

// Words of a key from dim i on: 16 words apart.
template <bool F32>
GPU_FN void load_key(gptr<const uint> key, GPU_ARRAY(uint, k, LOAD_WORDS), uint i, uint HD) {
  UNROLL
  for (uint j = 0; j < LOAD_WORDS; j++)
    if (i + j * (LOAD_ELEMS / LOAD_WORDS) < HD) k[j] = key[(i / (LOAD_ELEMS / LOAD_WORDS) + j) * 16u];
}

// Scores of a split: item (token, quad) is a chain over dims ascending for each head.
template <bool F32>
GPU_FN void attn_scores(gptr<const uint> pool, cref<attn_args> p, tptr<float4> q, tptr<float4> w, split_pages pages, uint n, uint quads, uint tid) {
  const uint HD = p.d.HD;
  for (uint item = tid; item < SPLIT * quads; item += 256u) {
    const uint t = item % SPLIT, g = item / SPLIT;
    if (t >= n) continue;
    const uint in = key_index<F32>(HD, t % PAGE, 0);
    gptr<const uint> key = pool + ((t < PAGE ? pages.a : pages.b) + (F32 ? in : in / 2u));
    float4 a = F4(0.0f, 0.0f, 0.0f, 0.0f);
    uint k[LOAD_WORDS], next[LOAD_WORDS];
    load_key<F32>(key, k, 0, HD);
    for (uint i = 0; i < HD; i += LOAD_ELEMS) {
      load_key<F32>(key, next, i + LOAD_ELEMS, HD);
      UNROLL
      for (uint j = 0; j < LOAD_ELEMS; j += 16u)  // HD has whole sixteens
        if (i + j < HD) {
          float4 x[16];
          UNROLL
          for (uint e = 0; e < 16u; e++) x[e] = q[g * HD + i + j + e];
          UNROLL
          for (uint e = 0; e < 16u; e++) a = fma4(word_elem<F32>(k[(j + e) / (LOAD_ELEMS / LOAD_WORDS)], e & 1u), x[e], a);
        }
      UNROLL
      for (uint j = 0; j < LOAD_WORDS; j++) k[j] = next[j];
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
  if (lane < 8u) {
    uint t = lane;
    for (; t + 56u < n; t += 64u) {  // loads first
      float4 v[8];
      UNROLL
      for (uint j = 0; j < 8u; j++) v[j] = w[g * SPLIT + t + 8u * j];
      UNROLL
      for (uint j = 0; j < 8u; j++) sum = add4(sum, v[j]);
    }
    for (; t < n; t += 8u) {
      const float4 v = w[g * SPLIT + t];
      sum = add4(sum, v);
    }
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

// Words of a dim's values from token t of a page on: 16 words apart.
template <bool F32>
GPU_FN void load_value(gptr<const uint> pool, split_pages pages, GPU_ARRAY(uint, v, LOAD_WORDS), uint half, uint i, uint t, uint n) {
  const uint in = value_index<F32>(t % PAGE, i);
  gptr<const uint> value = pool + ((t < PAGE ? pages.a : pages.b) + half + (F32 ? in : in / 2u));
  UNROLL
  for (uint j = 0; j < LOAD_WORDS; j++) {
    v[j] = 0;
    if (t + j * (LOAD_ELEMS / LOAD_WORDS) < n) v[j] = value[j * 16u];
  }
}

// A dim of a quad's O, merged into what the splits before left in o.
GPU_FN void merge_into(tptr<float4> o, tptr<float4> st, uint g, uint HD, uint i, float4 a, bool merge) {
  if (merge) {
    const float4 e = st[g * ST_SIZE + ST_OLD], e2 = st[g * ST_SIZE + ST_NEW], old = o[g * HD + i];
    const float4 oe = mul4(old, e);
    a = F4(fma(a.x, e2.x, oe.x), fma(a.y, e2.y, oe.y), fma(a.z, e2.z, oe.z), fma(a.w, e2.w, oe.w));
  }
  o[g * HD + i] = a;
}

// O of a split, merged into what the splits before left in o: item (dim, quad) is a chain over tokens ascending. v: what
// the first item begins with.
template <bool F32>
GPU_FN void attn_values(gptr<const uint> pool, cref<attn_args> p, tptr<float4> w, tptr<float4> o, tptr<float4> st, split_pages pages, GPU_ARRAY(uint, v, LOAD_WORDS), uint n,
                        uint quads, bool merge, uint tid) {
  const uint HD = p.d.HD, half = F32 ? p.d.halfelems : p.d.halfelems / 2u;
  for (uint item = tid; item < HD * quads; item += 256u) {
    const uint i = item % HD, g = item / HD;
    if (item != tid) load_value<F32>(pool, pages, v, half, i, 0, n);
    float4 a = F4(0.0f, 0.0f, 0.0f, 0.0f);
    for (uint t = 0; t < n; t += LOAD_ELEMS) {  // a page has whole loads of tokens
      const uint here = n - t < LOAD_ELEMS ? n - t : LOAD_ELEMS;
      uint next[LOAD_WORDS];
      if (t + LOAD_ELEMS < n) load_value<F32>(pool, pages, next, half, i, t + LOAD_ELEMS, n);
      UNROLL
      for (uint j = 0; j < LOAD_ELEMS; j += 16u) {
        if (j + 16u <= here) {
          float4 x[16];
          UNROLL
          for (uint e = 0; e < 16u; e++) x[e] = w[g * SPLIT + t + j + e];
          UNROLL
          for (uint e = 0; e < 16u; e++) a = fma4(word_elem<F32>(v[(j + e) / (LOAD_ELEMS / LOAD_WORDS)], e & 1u), x[e], a);
        } else {
          UNROLL
          for (uint e = 0; e < 16u; e++)
            if (j + e < here) {
              const float4 x = w[g * SPLIT + t + j + e];
              a = fma4(word_elem<F32>(v[(j + e) / (LOAD_ELEMS / LOAD_WORDS)], e & 1u), x, a);
            }
        }
      }
      UNROLL
      for (uint j = 0; j < LOAD_WORDS; j++) v[j] = next[j];
    }
    merge_into(o, st, g, HD, i, a, merge);
  }
}

template <class WAY>
GPU_FN void attn_block(gptr<const int> sl, gptr<const float> query, gptr<const uint> pool, gptr<float> scratch, cref<attn_args> p, tptr<float4> q, tptr<float4> o,
                       tptr<float4> w, tptr<float4> st, uint x, uint row, uint split, uint tid, uint lane, uint sg) {
  const uint group = p.d.NQ / p.d.NKV, kv = x / p.blocks, head0 = x % p.blocks * p.heads, HD = p.d.HD;
  const uint heads = group - head0 < p.heads ? group - head0 : p.heads, quads = (heads + 3u) / 4u, qh = kv * group + head0;
  const uint elems = WAY::WIDE ? 1u : 2u;  // in a word
  const uint half = p.d.halfelems / elems, values = p.d.headelems / elems - half;  // words
  uint l = 0, end = 0;
  if (row < uint(sl[SLOT_ROWS])) {
    l = uint(sl[p.s.lane + row]);
    if (p.least == 0u || uint(sl[p.s.count + l]) < p.least) end = row_position(sl, p.s, row) + 1u;
  }
  const bool here = split * SPLIT < end;
  const uint last = here ? (end - 1u) / SPLIT : 0u;
  split_pages pages;
  pages.a = 0;
  pages.b = 0;
  if (here) {
    const uint n = end - split * SPLIT < SPLIT ? end - split * SPLIT : SPLIT;
    pages = pages_of<WAY::WIDE != 0>(sl, p.s, p.d, l, split * SPLIT, n, kv);
    if (tid < (n > PAGE ? 4u : 2u)) bring(pool + ((tid < 2u ? pages.a : pages.b) + (tid & 1u) * half), (tid & 1u) ? values * 4u : half * 4u);
  }
  GRID_WAIT(); GRID_RELEASE();
  if (!here) return;
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
    if (s > split) pages = pages_of<WAY::WIDE != 0>(sl, p.s, p.d, l, from, n, kv);
    WAY::scores(pool, p, q, w, pages, n, quads, tid);
    uint v[LOAD_WORDS];
    float scale[SPLIT / 32u];
    if (tid < HD * quads) WAY::load(pool, pages, v, half, tid % HD, 0, n);
    if (sg < quads) WAY::load_scales(pool, pages, scale, half, HD, n, lane);
    threadgroup_barrier(mem_flags::mem_threadgroup);
    if (sg < quads) attn_top(w, st, n, sg, s > split, lane);
    threadgroup_barrier(mem_flags::mem_threadgroup);
    for (uint item = tid; item < SPLIT * quads; item += 256u)
      if (item % SPLIT < n) {
        const float4 score = w[item], m = st[item / SPLIT * ST_SIZE + ST_M];
        w[item] = exp4(score, m);
      }
    threadgroup_barrier(mem_flags::mem_threadgroup);
    if (sg < quads) {
      attn_sum(w, st, n, sg, s > split, lane);
      WAY::weigh(w, scale, n, sg, lane);
    }
    if (WAY::SCALED) threadgroup_barrier(mem_flags::mem_threadgroup);
    WAY::values(pool, p, w, o, st, pages, v, n, quads, s > split, tid);
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

// Keys and values in bfloat16 (T is ushort) or float32 (float). What a way must have: the pool's elements are as wide as
// words or half of that; whether weights are multiplied by scales after they were summed; how a row's key, dim by dim and by
// all lanes also past the last, and value are written; how a split's scores and values are computed.
template <class T, bool F32>
struct plain_way {
  enum { WIDE = F32, SCALED = 0 };
  GPU_FN void put(gptr<ushort> pool, ulong at, float v) { pool[at] = ushort(bf16_of(v)); }
  GPU_FN void put(gptr<float> pool, ulong at, float v) { pool[at] = v; }
  GPU_FN void put_key(gptr<T> pool, ulong at, uint HD, uint t, uint i, float v, uint lane) {
    if (i < HD) put(pool, at + key_index<F32>(HD, t, i), v);
  }
  GPU_FN void put_value(gptr<T> pool, ulong at, gptr<const int> sl, gptr<const float> in, cref<attn_prep_args> p, uint h, uint row, uint t, uint lane) {
    gptr<const float> line = in + (ulong(row) * p.stride + p.v + h * p.d.HD);
    for (uint i = lane; i < p.d.HD; i += 32u) put(pool, at + value_index<F32>(t, i), line[i]);
  }
  GPU_FN void scores(gptr<const uint> pool, cref<attn_args> p, tptr<float4> q, tptr<float4> w, split_pages pages, uint n, uint quads, uint tid) {
    attn_scores<F32>(pool, p, q, w, pages, n, quads, tid);
  }
  GPU_FN void load(gptr<const uint> pool, split_pages pages, GPU_ARRAY(uint, v, LOAD_WORDS), uint half, uint i, uint t, uint n) {
    load_value<F32>(pool, pages, v, half, i, t, n);
  }
  GPU_FN void load_scales(gptr<const uint> pool, split_pages pages, GPU_ARRAY(float, scale, SPLIT / 32u), uint half, uint HD, uint n, uint lane) {}
  GPU_FN void weigh(tptr<float4> w, GPU_ARRAY(float, scale, SPLIT / 32u), uint n, uint g, uint lane) {}
  GPU_FN void values(gptr<const uint> pool, cref<attn_args> p, tptr<float4> w, tptr<float4> o, tptr<float4> st, split_pages pages, GPU_ARRAY(uint, v, LOAD_WORDS), uint n,
                     uint quads, bool merge, uint tid) {
    attn_values<F32>(pool, p, w, o, st, pages, v, n, quads, merge, tid);
  }
};

#define ATTN_PREP(name, T, ...)                                                                                                         \
  KERNEL_SLOTS(name, IN(int, sl), IN(float, in), FIXED(float, qgain), FIXED(float, kgain), INOUT(T, pool), INOUT(float, out),           \
               ARG(attn_prep_args, p)) { /* 32 threads */                                                                               \
    THREADGROUP(float, x, HEAD_MOST);                                                                                                   \
    attn_unit<__VA_ARGS__>(sl, in, qgain, kgain, pool, out, p, x, tg.x, tg.y, lane);                                                    \
  }
#define ATTENTION(name, ...)                                                                                                            \
  KERNEL_SLOTS(name, IN(int, sl), IN(float, query), IN(uint, pool), INOUT(float, scratch), ARG(attn_args, p)) {                         \
    THREADGROUP(float4, q, Q_MOST);                                                                                                     \
    THREADGROUP(float4, o, Q_MOST);                                                                                                     \
    THREADGROUP(float4, w, W_MOST);                                                                                                     \
    THREADGROUP(float4, st, 4 * 5);                                                                                                     \
    attn_block<__VA_ARGS__>(sl, query, pool, scratch, p, q, o, w, st, tg.x, tg.y, tg.z, tid.x, lane, sg);                               \
  }
ATTN_PREP(attn_prep_bf16, ushort, plain_way<ushort, false>, ushort)
ATTN_PREP(attn_prep_f32, float, plain_way<float, true>, float)
ATTENTION(attention_bf16, plain_way<ushort, false>)
ATTENTION(attention_f32, plain_way<float, true>)

struct attn_merge_args {
  slots_at s;
  acts_at a;
  attn_dims d;
  uint splits, whole, stride, qcol;
};

// What merging the splits of one head carries: the greatest score, the sum, and the factors of a step.
struct attn_carry {
  float m, l, old, more;
};
GPU_FN attn_carry carried(attn_carry c, float m, float l) {
  attn_carry r;
  r.m = max_bits(c.m, m);
  r.old = exp_bits(c.m - r.m);
  r.more = exp_bits(m - r.m);
  const float a = c.l * r.old, b = l * r.more;
  r.l = a + b;
  return r;
}

#define MERGE_AHEAD 8u  // splits whose values are in flight

// Whether a simdgroup has a block of a row, and how many splits are to be merged there.
GPU_FN bool merge_here(gptr<const int> sl, cref<attn_merge_args> p, uint row, uint b, GPU_OUT_REF(uint) splits) {
  const bool here = row < uint(sl[SLOT_ROWS]) && b * 64u < p.d.NQ * p.d.HD;
  splits = here && !p.whole ? row_position(sl, p.s, row) / SPLIT + 1u : 1u;
  return here;
}

// Merges a block of 64 of a row: its lanes' two dims are of one head, or are merged with factors of their own. z: gates.
GPU_FN void merge_block(gptr<const float> scratch, gptr<const float> gates, cref<attn_merge_args> p, uint row, uint b, uint splits, uint lane, GPU_OUT_REF(float) y0,
                        GPU_OUT_REF(float) y1, GPU_OUT_REF(float) z0, GPU_OUT_REF(float) z1) {
  const uint HD = p.d.HD, K = p.d.NQ * HD, k0 = 64u * b + lane, k1 = k0 + 32u;
  const bool two = k1 < K;
  const uint h0 = (k0 < K ? k0 : K - 1u) / HD, h1 = (two ? k1 : K - 1u) / HD, i0 = k0 % HD, i1 = k1 % HD, step = HD + 2u;
  gptr<const float> from0 = scratch + (ulong(row) * p.d.NQ + h0) * p.splits * step, from1 = scratch + (ulong(row) * p.d.NQ + h1) * p.splits * step;
  gptr<const float> gate = gates + (ulong(row) * p.stride + p.qcol + HD);
  z0 = gate[h0 * 2u * HD + i0];
  z1 = gate[h1 * 2u * HD + i1];
  attn_carry c0, c1;
  c0.m = from0[0];
  c0.l = from0[1];
  c1.m = from1[0];
  c1.l = from1[1];
  float o0 = from0[2u + i0], o1 = from1[2u + i1];
  if (HD % 64u == 0u) {  // one head: a lane has the factors of a split, and every lane the chains
    for (uint from = 0; from < splits; from += 32u) {
      const uint s = from + lane, here = splits - from < 32u ? splits - from : 32u;
      float m = c0.m, l = 0.0f;
      if (s < splits) {
        m = from0[s * step];
        l = from0[s * step + 1u];
      }
      float v0[MERGE_AHEAD], v1[MERGE_AHEAD];
      UNROLL
      for (uint j = 0; j < MERGE_AHEAD; j++)
        if (j < here) {
          v0[j] = from0[(from + j) * step + 2u + i0];
          v1[j] = from0[(from + j) * step + 2u + i1];
        }
      float big = lane == 0u ? max_bits(c0.m, m) : m;
      UNROLL
      for (ushort d = 1; d < 32; d <<= 1) {
        const float w = simd_shuffle(big, ushort((lane - d) & 31u));
        if (lane >= d) big = max_bits(w, big);
      }
      const float left = simd_shuffle(big, ushort((lane - 1u) & 31u));
      const float old = exp_bits((lane == 0u ? c0.m : left) - big), more = exp_bits(m - big), part = l * more;
      for (uint first = 0; first < here; first += MERGE_AHEAD) {
        UNROLL
        for (uint j = 0; j < MERGE_AHEAD; j++) {
          const float f = simd_shuffle(old, ushort(first + j)), g = simd_shuffle(more, ushort(first + j)), b = simd_shuffle(part, ushort(first + j));
          if (first + j >= here || from + first + j == 0u) continue;
          const float a = c0.l * f, oe0 = o0 * f, oe1 = o1 * f;
          c0.l = a + b;
          o0 = fma(v0[j], g, oe0);
          o1 = fma(v1[j], g, oe1);
        }
        UNROLL
        for (uint j = 0; j < MERGE_AHEAD; j++)
          if (first + MERGE_AHEAD + j < here) {
            v0[j] = from0[(from + first + MERGE_AHEAD + j) * step + 2u + i0];
            v1[j] = from0[(from + first + MERGE_AHEAD + j) * step + 2u + i1];
          }
      }
      c0.m = simd_shuffle(big, ushort(here - 1u));
    }
    c1 = c0;
  } else {
    for (uint s = 1; s < splits; s++) {
      const uint at = s * step;
      c0 = carried(c0, from0[at], from0[at + 1u]);
      c1 = carried(c1, from1[at], from1[at + 1u]);
      const float oe0 = o0 * c0.old, oe1 = o1 * c1.old;
      o0 = fma(from0[at + 2u + i0], c0.more, oe0);
      o1 = fma(from1[at + 2u + i1], c1.more, oe1);
    }
  }
  const float inv0 = 1.0f / c0.l, inv1 = 1.0f / c1.l;
  y0 = o0 * inv0;
  y1 = o1 * inv1;
}

// What a lane's dim of a block comes to behind its gate; 0 past the last.
GPU_FN float gated(float y, float z, uint k, uint K) { return k < K ? y * sigmoid_bits(z) : 0.0f; }

KERNEL_SLOTS(attention_merge, IN(int, sl), IN(float, scratch), IN(float, gates), ACTS_OUT, ARG(attn_merge_args, p)) {  // 64 threads
  const uint row = tg.y, b = tg.x * 2u + sg, K = p.d.NQ * p.d.HD, k = 64u * b + lane;
  uint splits = 0;
  const bool here = merge_here(sl, p, row, b, splits);
  GRID_WAIT(); GRID_RELEASE();
  if (!here) return;
  float y0 = 0.0f, y1 = 0.0f, z0 = 0.0f, z1 = 0.0f;
  merge_block(scratch, gates, p, row, b, splits, lane, y0, y1, z0, z1);
  put_block(ACTS, p.a, row, b, gated(y0, z0, k, K), gated(y1, z1, k + 32u, K), lane);
}
