// delta_long.metal: the recurrence of delta.metal over many rows, for heads of 128 by 128. What bounds it there is one chain
// of 64 steps after another, two a row, in simdgroups of which a processor has three: so a row's output and the next row's
// first chain are formed in the pass that brings the state to the row, each value of the state feeding four operations,
// which fill the time of one step of a chain. Two rows' keys stay in registers, so that a pass reads threadgroup memory for
// the next row's but one and for the query alone. Those are copied there some turns of rows ahead, once for the simdgroups
// of a threadgroup, which have one strip each of value heads that share a key head. Operations and order are delta.metal's.

#define LONG_ROWS 6u                // of a turn: a multiple of 2 and of any number of simdgroups
#define LONG_RING (3u * LONG_ROWS)  // a turn in use, the next, and one on its way
#define LONG_HALF 80u               // where the odd half of a key begins: in other banks than the even one
#define LONG_QUERY 144u             // where a row's query is, in words of threadgroup memory
#define LONG_WORDS 288u             // of a row's key and query
#define LONG_VALUES 32u             // words of a simdgroup for a row: v of 16 columns, decay and beta
#define LONG_GROUP 3u               // simdgroups of a threadgroup, at most

typedef float4 key_quad;  // a name that no compiler takes for a constructor before a bracket

// What a lane copies: its share of a row's key and query, and one of v, decay and beta.
struct long_source {
  gptr<const float> k, q, v;
  uint step, vstep;  // to the next row
  uint last;         // row; those after it repeat it
  bool more;         // the lane has one of v, decay and beta
};

struct long_ring {
  tptr<float> keys, values;  // of the threadgroup; of the simdgroup
  uint sg, group;
};

// Begins to copy the turn from row n on to places from `at` on.
GPU_FN void long_copy(long_source s, long_ring ring, uint at, uint n, uint lane) {
  for (uint r = ring.sg; r < LONG_ROWS; r += ring.group) {
    const ulong row = ulong(n + r < s.last ? n + r : s.last) * s.step;
    tptr<float> to = ring.keys + ((at + r) * LONG_WORDS + (lane & 1u) * LONG_HALF + (lane >> 1));
    UNROLL
    for (uint j = 0; j < 4u; j++) {
      copy_async(to + 16u * j, s.k + (row + 32u * j));
      copy_async(to + (LONG_QUERY + 16u * j), s.q + (row + 32u * j));
    }
  }
  if (s.more) {
    UNROLL
    for (uint r = 0; r < LONG_ROWS; r++) copy_async(ring.values + ((at + r) * LONG_VALUES + lane), s.v + ulong(n + r < s.last ? n + r : s.last) * s.vstep);
  }
  copy_border();
}

template <uint R>
GPU_FN void long_keys(tptr<float4> k, GPU_ARRAY(key_quad, a, R / 4)) {
  UNROLL
  for (uint i = 0; i < R / 4u; i++) a[i] = k[i];
}

// One value of the state: S = fma(k, d, g*S), and its steps of the next row's first chain and of the output's.
#define LONG_STEP(j, part)                 \
  {                                        \
    const float s = g * S[4u * i + j];     \
    S[4u * i + j] = fma(a[i].part, d, s);  \
    u = fma(S[4u * i + j], b[i].part, u);  \
    o = fma(S[4u * i + j], qv.part, o);    \
  }

// A row: a holds its key, b the next row's; a gets the key of the row after that, which lies at k. q: the row's query.
template <uint R>
GPU_FN void long_pass(GPU_ARRAY(float, S, R), GPU_ARRAY(key_quad, a, R / 4), GPU_ARRAY(key_quad, b, R / 4), tptr<float4> q, tptr<float4> k, float g, float d,
                      GPU_OUT_REF(float) out, GPU_OUT_REF(float) next) {
  float o = 0.0f, u = 0.0f;
  UNROLL
  for (uint i = 0; i < R / 4u; i++) {
    const float4 qv = q[i];
    LONG_STEP(0u, x)
    LONG_STEP(1u, y)
    LONG_STEP(2u, z)
    LONG_STEP(3u, w)
    a[i] = k[i];
  }
  next = u + simd_shuffle_xor(u, 16);
  out = o + simd_shuffle_xor(o, 16);
}

// The first `rows` of a lane, a multiple of LONG_ROWS above 0. S is the state before them and after. Barriers inside.
template <uint R>
GPU_FN void long_rows(GPU_ARRAY(float, S, R), long_source from, long_ring ring, gptr<float> out, uint outstep, uint rows, uint lane) {
  const uint c = lane & 15u, e = lane >> 4;
  tptr<float> mine = ring.keys + e * LONG_HALF;
  long_copy(from, ring, 0, 0, lane);
  long_copy(from, ring, LONG_ROWS, LONG_ROWS, lane);
  copy_wait<1>();
  threadgroup_barrier(mem_flags::mem_threadgroup);
  key_quad a[R / 4], b[R / 4];
  long_keys<R>((tptr<float4>)mine, a);
  long_keys<R>((tptr<float4>)(mine + LONG_WORDS), b);
  float u = 0.0f;
  UNROLL
  for (uint i = 0; i < R / 4u; i++) {
    u = fma(S[4u * i], a[i].x, u);
    u = fma(S[4u * i + 1u], a[i].y, u);
    u = fma(S[4u * i + 2u], a[i].z, u);
    u = fma(S[4u * i + 3u], a[i].w, u);
  }
  u = u + simd_shuffle_xor(u, 16);
  float v = ring.values[c], g = ring.values[16], beta = ring.values[17];
  uint at = 0, then = 2;  // places of the pair of rows and of the next
  for (uint n = 0; n < rows; n += LONG_ROWS) {
    // The turn after this one has come, and nobody reads the turn before, whose place is the next copy's.
    copy_wait<0>();
    threadgroup_barrier(mem_flags::mem_threadgroup);
    long_copy(from, ring, at >= LONG_ROWS ? at - LONG_ROWS : at + 2u * LONG_ROWS, n + 2u * LONG_ROWS, lane);
    for (uint pair = 0; pair < LONG_ROWS; pair += 2u) {
      UNROLL
      for (uint h = 0; h < 2u; h++) {
        const float gu = g * u;
        const float diff = v - gu;
        const float d = beta * diff, decay = g;
        tptr<float> next = ring.values + (h == 0u ? at + 1u : then) * LONG_VALUES;
        v = next[c];
        g = next[16];
        beta = next[17];
        tptr<float4> q = (tptr<float4>)(mine + ((at + h) * LONG_WORDS + LONG_QUERY)), k = (tptr<float4>)(mine + (then + h) * LONG_WORDS);
        float o;
        if (h == 0u) long_pass<R>(S, a, b, q, k, decay, d, o, u); else long_pass<R>(S, b, a, q, k, decay, d, o, u);
        if (e == 0u) out[c] = o;
        out += outstep;
      }
      at = then;
      then = then + 2u == LONG_RING ? 0u : then + 2u;
    }
  }
  copy_wait<0>();
  simdgroup_barrier(mem_flags::mem_threadgroup);  // the simdgroup's own part is free
}
