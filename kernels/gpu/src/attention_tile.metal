// attention_tile.metal: attention of lanes with many rows. A threadgroup has a tile of 32 query vectors of one lane and key
// head, which follow one another row by row, and goes through the splits of their positions in ascending order. What a
// thread reads of keys and values serves eight chains, and what it reads of queries and weights four or eight: per split 8 by
// 4 scores a thread, and 8 by 8 sums of values, in registers. Chains and mergers are those of attention.metal, to the bit.

typedef float4 floats4;  // a name that no compiler takes for a constructor before a bracket

#define QUERIES 32u
#define TILE_THREADS 128u

// Queries and weights take turns in threadgroup memory, transposed: [dim or token][QUERIES], in quads, whose places are
// turned by the dim or by the token's four, so that threads that write together meet different banks.
GPU_FN uint query_quad(uint dim, uint quad) { return dim * (QUERIES / 4u) + (quad ^ (dim & 7u)); }
GPU_FN uint weight_quad(uint t, uint quad) { return t * (QUERIES / 4u) + (quad ^ (t / 4u & 7u)); }

struct tile_state {
  tptr<float4> x;              // SPLIT * QUERIES / 4: queries of SPLIT dims, or weights
  tptr<uint> place;            // of a query among [row][head]
  tptr<uint> count;            // its tokens in the split
  tptr<float> old, more, sum;  // factors of the merger; 4 parts of the weights' sum, [part][query]
};

// Word j of a vector, its two bfloat16 or one float.
template <bool F32>
GPU_FN float4 four_of(uint4 v, uint odd) {
  return F4(word_elem<F32>(v.x, odd), word_elem<F32>(v.y, odd), word_elem<F32>(v.z, odd), word_elem<F32>(v.w, odd));
}

// Words of four tokens' keys, eight dims.
#define KEY_VECTORS (F32 ? 8u : 4u)
template <bool F32>
GPU_FN void load_keys(gptr<const uint4> key, GPU_ARRAY(uint4, k, 8)) {
  UNROLL
  for (uint j = 0; j < KEY_VECTORS; j++) k[j] = key[j * 4u];
}

// Eight dims of the scores. x0..x3: where the quads of dims 0 and 1, 2 and 3, .. begin, but for the turn by the lowest bit.
template <bool F32>
GPU_FN void tile_dims(GPU_ARRAY(uint4, k, 8), tptr<float4> x0, tptr<float4> x1, tptr<float4> x2, tptr<float4> x3, GPU_ARRAY(floats4, a, 8)) {
  UNROLL
  for (uint e = 0; e < 8u; e++) {
    tptr<float4> x = e < 2u ? x0 : e < 4u ? x1 : e < 6u ? x2 : x3;
    const float4 v = four_of<F32>(k[F32 ? e : e / 2u], e & 1u), q0 = x[e * (QUERIES / 4u) + (e & 1u)], q1 = x[e * (QUERIES / 4u) + 1u - (e & 1u)];
    a[0] = fma4(q0.x, v, a[0]);
    a[1] = fma4(q0.y, v, a[1]);
    a[2] = fma4(q0.z, v, a[2]);
    a[3] = fma4(q0.w, v, a[3]);
    a[4] = fma4(q1.x, v, a[4]);
    a[5] = fma4(q1.y, v, a[5]);
    a[6] = fma4(q1.z, v, a[6]);
    a[7] = fma4(q1.w, v, a[7]);
  }
}

// Scores of a simdgroup's 8 queries, a lane's tokens being 4 * lane and the three after it, which are there when `mine`.
template <bool F32>
GPU_FN void tile_scores(gptr<const float> query, gptr<const uint> pool, cref<attn_args> p, tile_state st, split_pages pages, bool mine, GPU_ARRAY(floats4, a, 8), uint tid,
                        uint lane, uint sg) {
  const uint HD = p.d.HD, t = 4u * lane;
  gptr<const uint4> key = (gptr<const uint4>)(pool + ((t < PAGE ? pages.a : pages.b) + (t % PAGE / 16u * (F32 ? 16u : 8u) * HD + t % 16u)));
  uint4 k[8], next[8];
  if (mine) load_keys<F32>(key, k);
  UNROLL
  for (uint j = 0; j < 8u; j++) a[j] = F4(0.0f, 0.0f, 0.0f, 0.0f);
  for (uint from = 0; from < HD; from += SPLIT) {
    const uint dims = HD - from < SPLIT ? HD - from : SPLIT;
    if (from) threadgroup_barrier(mem_flags::mem_threadgroup);
    if (tid < dims) {
      gptr<const float> in = query + (from + tid);
      UNROLL
      for (uint quad = 0; quad < QUERIES / 4u; quad++) {
        const ulong at0 = ulong(st.place[4u * quad]) * HD, at1 = ulong(st.place[4u * quad + 1u]) * HD, at2 = ulong(st.place[4u * quad + 2u]) * HD,
                    at3 = ulong(st.place[4u * quad + 3u]) * HD;
        st.x[query_quad(tid, quad)] = F4(in[at0], in[at1], in[at2], in[at3]);
      }
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);
    if (!mine) continue;
    tptr<float4> x0 = st.x + 2u * sg, x1 = st.x + (2u * sg ^ 2u), x2 = st.x + (2u * sg ^ 4u), x3 = st.x + (2u * sg ^ 6u);
    for (uint i = 0; i < dims; i += 16u) {  // HD has whole sixteens
      load_keys<F32>(key + 4u * KEY_VECTORS, next);
      tile_dims<F32>(k, x0, x1, x2, x3, a);
      key += 8u * KEY_VECTORS;
      if (from + i + 16u < HD) load_keys<F32>(key, k);
      tile_dims<F32>(next, x0 + 2u * QUERIES, x1 + 2u * QUERIES, x2 + 2u * QUERIES, x3 + 2u * QUERIES, a);
      x0 += 4u * QUERIES;
      x1 += 4u * QUERIES;
      x2 += 4u * QUERIES;
      x3 += 4u * QUERIES;
    }
  }
}

// The greatest score of each of a simdgroup's queries, and weights instead of scores. Lane j below 8 gets that of query j.
GPU_FN float tile_weights(tile_state st, GPU_ARRAY(floats4, a, 8), uint lane, uint sg) {
  const float least = as_type<float>(0xff800000u);
  const uint t = 4u * lane;
  float mine = least;
  UNROLL
  for (uint j = 0; j < 8u; j++) {
    const uint n = st.count[8u * sg + j];
    float m = t < n ? greater(least, a[j].x) : least;
    m = t + 1u < n ? greater(m, a[j].y) : m;
    m = t + 2u < n ? greater(m, a[j].z) : m;
    m = t + 3u < n ? greater(m, a[j].w) : m;
    UNROLL
    for (ushort d = 16; d; d >>= 1) m = greater(m, simd_shuffle_xor(m, d));
    if (lane == j) mine = m;
    a[j] = exp4(a[j], F4(m, m, m, m));
  }
  return mine;
}

// A part of the sum of each query's weights: a lane has a query, a simdgroup the chains of two residues.
GPU_FN void tile_sums(tile_state st, uint lane, uint sg) {
  const uint n = st.count[lane];
  tptr<float> w = (tptr<float>)st.x;
  float a = 0.0f, b = 0.0f;
  UNROLL
  for (uint i = 0; i < SPLIT / 8u; i++) {
    const uint t = 8u * i + 2u * sg, at = weight_quad(t, lane / 4u) * 4u + lane % 4u;
    const float v = w[at], u = w[at + QUERIES];
    if (t < n) a = a + v;
    if (t + 1u < n) b = b + u;
  }
  st.sum[sg * QUERIES + lane] = a + b;
}

// A thread's values: four dims at a place and four at another, of two tokens.
#define VALUE_STEP (F32 ? 8u : 4u)  // between pairs of tokens
template <bool F32>
GPU_FN void load_values(gptr<const uint4> p0, gptr<const uint4> p1, GPU_ARRAY(uint4, v, 4)) {
  v[0] = p0[0];
  v[1] = p1[0];
  if (F32) {
    v[2] = p0[4];
    v[3] = p1[4];
  }
}

// A token's values times its weights of eight queries, of which `tell` says who has the token.
#define TILE_STEP(j, w, tell)   \
  if (tell) {                   \
    o0[j] = fma4(w, v0, o0[j]); \
    o1[j] = fma4(w, v1, o1[j]); \
  }
#define TILE_STEPS(TELL)                                                                                          \
  TILE_STEP(0, w0.x, TELL(0)) TILE_STEP(1, w0.y, TELL(1)) TILE_STEP(2, w0.z, TELL(2)) TILE_STEP(3, w0.w, TELL(3)) \
  TILE_STEP(4, w1.x, TELL(4)) TILE_STEP(5, w1.y, TELL(5)) TILE_STEP(6, w1.z, TELL(6)) TILE_STEP(7, w1.w, TELL(7))
#define TILE_ALL(j) true
#define TILE_SOME(j) t < n[j]

// Two tokens that all queries have. w0at, w1at: their first and last four queries' weights.
template <bool F32>
GPU_FN void tile_pair(GPU_ARRAY(uint4, v, 4), tptr<float4> w, uint w0at, uint w1at, GPU_ARRAY(floats4, o0, 8), GPU_ARRAY(floats4, o1, 8)) {
  UNROLL
  for (uint e = 0; e < 2u; e++) {
    const float4 w0 = w[w0at + e * (QUERIES / 4u)], w1 = w[w1at + e * (QUERIES / 4u)];
    const float4 v0 = four_of<F32>(v[F32 ? 2u * e : 0u], e), v1 = four_of<F32>(v[F32 ? 2u * e + 1u : 1u], e);
    TILE_STEPS(TILE_ALL)
  }
}

// Four dims of a query's sum of values, merged into what the splits before left.
GPU_FN void tile_merge(gptr<float2> to, float4 a, float e, float e2, bool merge) {
  if (merge) {
    const float2 x = to[0], y = to[1];
    const float c = x.x * e, d = x.y * e, f = y.x * e, g = y.y * e;
    a = F4(fma(a.x, e2, c), fma(a.y, e2, d), fma(a.z, e2, f), fma(a.w, e2, g));
  }
  to[0] = F2(a.x, a.y);
  to[1] = F2(a.z, a.w);
}

// Sums of values: a unit of work is 8 queries by 8 dims. sure, most: tokens that every query of the tile has in the split,
// and that any has.
template <bool F32>
GPU_FN void tile_values(gptr<const uint> pool, gptr<float> scratch, cref<attn_args> p, tile_state st, split_pages pages, uint split, uint sure, uint most, bool merge,
                        uint tid) {
  const uint HD = p.d.HD, half = F32 ? p.d.halfelems : p.d.halfelems / 2u, units = HD / 8u, full = sure & ~7u;
  gptr<const uint4> a = (gptr<const uint4>)(pool + (pages.a + half)), b = (gptr<const uint4>)(pool + (pages.b + half));
  for (uint unit = tid; unit < QUERIES / 8u * units; unit += TILE_THREADS) {
    const uint eight = unit / units, i0 = unit % units * 4u, i1 = i0 + HD / 2u;
    const uint at0 = i0 / 16u * (F32 ? 4u * PAGE : 2u * PAGE) + i0 % 16u / 4u, at1 = i1 / 16u * (F32 ? 4u * PAGE : 2u * PAGE) + i1 % 16u / 4u;
    float4 o0[8], o1[8];
    UNROLL
    for (uint j = 0; j < 8u; j++) {
      o0[j] = F4(0.0f, 0.0f, 0.0f, 0.0f);
      o1[j] = F4(0.0f, 0.0f, 0.0f, 0.0f);
    }
    if (full) {
      gptr<const uint4> p0 = a + at0, p1 = a + at1;
      tptr<float4> x = st.x;
      uint4 v[4], next[4];
      load_values<F32>(p0, p1, v);
      for (uint t = 0; t < full; t += 8u) {
        tptr<float4> w = x + (2u * eight ^ (t / 4u & 6u));  // of even fours; of odd ones the quads have changed places
        load_values<F32>(p0 + VALUE_STEP, p1 + VALUE_STEP, next);
        tile_pair<F32>(v, w, 0, 1, o0, o1);
        load_values<F32>(p0 + 2u * VALUE_STEP, p1 + 2u * VALUE_STEP, v);
        tile_pair<F32>(next, w, QUERIES / 2u, QUERIES / 2u + 1u, o0, o1);
        load_values<F32>(p0 + 3u * VALUE_STEP, p1 + 3u * VALUE_STEP, next);
        tile_pair<F32>(v, w, QUERIES + 1u, QUERIES, o0, o1);
        p0 += 4u * VALUE_STEP;
        p1 += 4u * VALUE_STEP;
        if (t + 8u == PAGE) {
          p0 = b + at0;
          p1 = b + at1;
        }
        if (t + 8u < full) load_values<F32>(p0, p1, v);
        tile_pair<F32>(next, w, QUERIES / 2u * 3u + 1u, QUERIES / 2u * 3u, o0, o1);
        x += 2u * QUERIES;
      }
    }
    if (full < most) {  // tokens that some queries do not have
      uint n[8];
      UNROLL
      for (uint j = 0; j < 8u; j++) n[j] = st.count[8u * eight + j];
      for (uint t = full; t < most; t++) {
        const uint at = F32 ? t % PAGE * 4u : t % PAGE / 2u * 4u;
        const uint4 u0 = t < PAGE ? a[at0 + at] : b[at0 + at], u1 = t < PAGE ? a[at1 + at] : b[at1 + at];
        const float4 w0 = st.x[weight_quad(t, 2u * eight)], w1 = st.x[weight_quad(t, 2u * eight + 1u)];
        const float4 v0 = four_of<F32>(u0, t & 1u), v1 = four_of<F32>(u1, t & 1u);
        TILE_STEPS(TILE_SOME)
      }
    }
    UNROLL
    for (uint j = 0; j < 8u; j++) {
      const uint q = 8u * eight + j;
      if (st.count[q] == 0u) continue;
      gptr<float> to = scratch + ((ulong(st.place[q]) * p.splits + split) * (HD + 2u) + 2u);
      const float e = merge ? float(st.old[q]) : 0.0f, e2 = merge ? float(st.more[q]) : 0.0f;
      tile_merge((gptr<float2>)(to + i0), o0[j], e, e2, merge);
      tile_merge((gptr<float2>)(to + i1), o1[j], e, e2, merge);
    }
  }
}

// Threadgroup y of a head has tile y of all lanes' tiles, a lane's last first: its splits are the most.
template <bool F32>
GPU_FN void attn_tile(gptr<const int> sl, gptr<const float> query, gptr<const uint> pool, gptr<float> scratch, cref<attn_args> p, tile_state st, uint kv, uint y, uint z,
                      uint tid, uint lane, uint sg) {
  const uint group = p.d.NQ / p.d.NKV, lanes = uint(sl[SLOT_LANES]);
  uint l = 0, vectors = 0, tiles = 0;
  for (; l < lanes; l++) {
    const uint rows = uint(sl[p.s.count + l]);
    if (rows < p.least) continue;
    vectors = rows * group;
    tiles = (vectors + QUERIES - 1u) / QUERIES;
    if (y < tiles) break;
    y -= tiles;
  }
  const bool any = l < lanes;
  uint first = 0, base = 0, v0 = 0, last = 0;
  if (any) {
    first = uint(sl[p.s.first + l]);
    base = uint(sl[p.s.base + l]);
    v0 = (tiles - 1u - y) * QUERIES;
    last = vectors - v0 < QUERIES ? vectors - 1u : v0 + QUERIES - 1u;
  }
  const uint low = base + v0 / group + 1u, high = base + last / group + 1u;  // ends of the first row and of the last
  const bool here = any && z * SPLIT < high;
  GRID_WAIT();
  if (!here) return;
  const uint from = p.whole ? 0u : z, upto = p.whole ? (high - 1u) / SPLIT : z;
  uint end = 0;
  if (tid < QUERIES) {  // places past the last repeat it, and have no tokens
    const uint v = v0 + tid < last ? v0 + tid : last;
    st.place[tid] = (first + v / group) * p.d.NQ + kv * group + v % group;
    end = v0 + tid <= last ? base + v / group + 1u : 0u;
  }
  threadgroup_barrier(mem_flags::mem_threadgroup);
  float top = 0.0f, sum = 0.0f;  // of lanes below 8: their simdgroup's queries
  const uint own = 8u * sg + (lane & 7u);
  for (uint s = from; s <= upto; s++) {
    const uint begin = s * SPLIT, most = high - begin < SPLIT ? high - begin : SPLIT, sure = low <= begin ? 0u : low - begin < SPLIT ? low - begin : SPLIT;
    const split_pages pages = pages_of<F32>(sl, p.s, p.d, l, begin, most, kv);
    const bool merge = s > from;
    if (tid < QUERIES) st.count[tid] = end <= begin ? 0u : end - begin < SPLIT ? end - begin : SPLIT;
    float4 a[8];
    tile_scores<F32>(query, pool, p, st, pages, 4u * lane < most, a, tid, lane, sg);
    const float m = tile_weights(st, a, lane, sg);
    const bool some = lane < 8u && st.count[own] > 0u;
    if (some) {
      if (merge) {
        const float big = max_bits(top, m);
        st.old[own] = exp_bits(top - big);
        st.more[own] = exp_bits(m - big);
        top = big;
      } else {
        top = m;
      }
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);  // nobody reads queries any more
    UNROLL
    for (uint j = 0; j < 4u; j++) {
      st.x[weight_quad(4u * lane + j, 2u * sg)] = F4(component(a[0], j), component(a[1], j), component(a[2], j), component(a[3], j));
      st.x[weight_quad(4u * lane + j, 2u * sg + 1u)] = F4(component(a[4], j), component(a[5], j), component(a[6], j), component(a[7], j));
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);
    tile_sums(st, lane, sg);
    tile_values<F32>(pool, scratch, p, st, pages, p.whole ? 0u : z, sure, most, merge, tid);
    threadgroup_barrier(mem_flags::mem_threadgroup);
    if (some) {
      const float s0 = st.sum[own], s1 = st.sum[QUERIES + own], s2 = st.sum[2u * QUERIES + own], s3 = st.sum[3u * QUERIES + own];
      const float s01 = s0 + s1, s23 = s2 + s3;
      float now = s01 + s23;
      if (merge) {
        const float b = sum * st.old[own], c = now * st.more[own];
        now = b + c;
      }
      sum = now;
    }
  }
  if (lane < 8u && (p.whole ? v0 + own <= last : st.count[own] > 0u)) {
    gptr<float> to = scratch + (ulong(st.place[own]) * p.splits + (p.whole ? 0u : z)) * (p.d.HD + 2u);
    to[0] = top;
    to[1] = sum;
  }
}

#define ATTENTION_TILE(name, F32)                                                                                                                   \
  KERNEL_SLOTS_AS(128, 3, name, IN(int, sl), IN(float, query), IN(uint, pool), INOUT(float, scratch), ARG(attn_args, p)) { /* 128 threads */ \
    THREADGROUP(float4, x, SPLIT * QUERIES / 4u);                                                                                                   \
    THREADGROUP(uint, place, QUERIES);                                                                                                              \
    THREADGROUP(uint, count, QUERIES);                                                                                                              \
    THREADGROUP(float, old, QUERIES);                                                                                                               \
    THREADGROUP(float, more, QUERIES);                                                                                                              \
    THREADGROUP(float, sum, 4 * QUERIES);                                                                                                           \
    const tile_state st = {x, place, count, old, more, sum};                                                                                        \
    attn_tile<F32>(sl, query, pool, scratch, p, st, tg.x, tg.y, tg.z, tid.x, lane, sg);                                                             \
  }
ATTENTION_TILE(attention_tile_bf16, false)
ATTENTION_TILE(attention_tile_f32, true)
