// product.metal: y = W x for 1..16 rows a pass. A threadgroup of 8 simdgroups owns a strip of 16 outputs. The contract
// adds groups of inputs in ascending order to one float, and inside a group sums integers, whose order cannot show. So
// the simdgroups take the strip's blocks of 64 inputs in turn and leave the groups' integer sums in threadgroup memory;
// then a thread for each output and row adds a chunk of them in order. Weights are read once for all rows of the pass.
//
// A block of codes, in 16-byte units: 4 bits [32 lanes], 8 bits [2 steps][32 lanes], as mma_u8s8 takes them in A; the
// low nibbles are step 0 (inputs 0..31), the high ones step 1. Then a tail for each scale group: [16 outputs] words
// scale bf16 << 16 | bias bf16, or, wide, [16][2] floats.

#define PART_STRIDE 20  // outputs of a row in the chunk, padded against bank conflicts
#define CHUNK_WORDS (128 * PART_STRIDE)

// Up to four weights of one layout and input are one launch; their strips are numbered through. Strips of those up to
// each, outputs of each, and where they go.
struct product_parts {
  uint end0, end1, end2, N0, N1, N2, N3, col0, col1, col2, col3;
};

struct product_args {
  uint countat, K, blocks, groups, block, wide, N, col, stride, add, maxrows;  // N and col: of a weight by itself
  product_parts parts;
  uint strips;
};

// The place of a strip of all parts: its weight, its number in that, and where that one's outputs go.
struct product_place {
  uint part, strip, N, col;
};

GPU_FN product_place place_of_strip(product_parts p, uint strip) {
  product_place v;
  v.part = (strip >= p.end0 ? 1u : 0u) + (strip >= p.end1 ? 1u : 0u) + (strip >= p.end2 ? 1u : 0u);
  v.strip = strip - (v.part == 0u ? 0u : v.part == 1u ? p.end0 : v.part == 2u ? p.end1 : p.end2);
  v.N = v.part == 0u ? p.N0 : v.part == 1u ? p.N1 : v.part == 2u ? p.N2 : p.N3;
  v.col = v.part == 0u ? p.col0 : v.part == 1u ? p.col1 : v.part == 2u ? p.col2 : p.col3;
  return v;
}

// A simdgroup's blocks of two chunks are in flight while an earlier chunk is added up: FETCH_W loads codes and tails into
// registers of stage s, FETCH_X the activations of a chunk; both move on to the next chunk, at a strip's end to the first
// of the threadgroup's next strip. A last chunk may be partial: blocks that do not exist are not loaded, and nothing adds
// up what their place holds.
#define FETCH_W(s)                                                                                    \
  if (wstrip < strips) {                                                                              \
    const bool whole = wchunk + 1u < chunks;                                                          \
    UNROLL                                                                                            \
    for (uint u = 0; u < U; u++) {                                                                    \
      if (whole || sg * U + u < left) {                                                               \
        UNROLL                                                                                        \
        for (uint i = 0; i < BITS / 4; i++) codes[s][u][i] = load_stream(wp[u], i * 32u);             \
      }                                                                                               \
      if (!PARTS) wp[u] += whole ? wstep : wnext;                                                     \
      if (PARTS && whole) wp[u] += wstep;                                                             \
    }                                                                                                 \
    if (g < GC && (whole || g / SUB < left)) {                                                        \
      scale[s] = tp[0];                                                                               \
      if (wide) bias[s] = tp[1];                                                                      \
    }                                                                                                 \
    if (!PARTS) tp += (whole ? wstep : wnext) * 4u;                                                   \
    if (PARTS && whole) tp += wstep * 4u;                                                             \
    wchunk = whole ? wchunk + 1u : 0u;                                                                \
    if (!whole) {                                                                                     \
      wstrip += step;                                                                                 \
      if (PARTS) {                                                                                    \
        PART_WEIGHT(wstrip)                                                                           \
        wp[0] = from + (lane + sg * U * block);                                                       \
        wp[1] = wp[0] + block;                                                                        \
        tp = (gptr<const uint>)from + tailat;                                                         \
      }                                                                                               \
    }                                                                                                 \
  }
// Where the weight of a strip of all parts begins.
#define PART_WEIGHT(which_)                                                                           \
  const product_place at_ = place_of_strip(parts, which_);                                            \
  gptr<const uint4> of_ = at_.part == 0u ? w : at_.part == 1u ? w1 : at_.part == 2u ? w2 : w3;        \
  gptr<const uint4> from = of_ + ulong(at_.strip) * blocks * block;
#define FETCH_X()                                                                                     \
  {                                                                                                   \
    const bool whole = xchunk + 1u < chunks;                                                          \
    if (MATRIX) {                                                                                     \
      UNROLL                                                                                          \
      for (uint u = 0; u < U; u++) {                                                                  \
        if (whole || sg * U + u < left) {                                                             \
          UNROLL                                                                                      \
          for (uint i = 0; i < T * P; i++)                                                            \
            if (i / P * 8u + r < n) xq[u][i] = xp[u][i / P * (8u * P * 4u) + i % P * 4u];             \
        }                                                                                             \
        xp[u] += whole ? xstep : xnext;                                            \
      }                                                                                               \
    }                                                                                                 \
    if (g < GC && i16 < n && (whole || g / SUB < left)) act = ap[0];                                  \
    ap += whole ? astep : anext;                                                   \
    xchunk = whole ? xchunk + 1u : 0u;                                                                \
  }

GPU_FN uint least(uint a, uint b) { return a < b ? a : b; }

// Strips `strip`, strip + step, .. below `strips` of a weight at `at`, by one pass. T tiles of 8 rows, P planes, SUB scale groups a block. countat: where in the slots the number of
// rows is; 0xffffffff for one row. xrow, yrow: the pass's first row. part, tails and sb hold two chunks of 16/T groups:
// sums [group][8T rows][PART_STRIDE], tails [group][16], scales of activations [group][8T]. Within a row of sums and tails
// place i is output i/2 + 8(i mod 2), which makes a lane's two outputs neighbours.
template <uint BITS, uint P, uint SUB, uint T, bool MATRIX, bool PARTS>
GPU_FN void product_strip(gptr<const int> sl, uint countat, gptr<const uint4> w, gptr<const uint4> w1, gptr<const uint4> w2, gptr<const uint4> w3, product_parts parts, gptr<const uint4> x, gptr<float> y, tptr<int2> part2, tptr<float2> tails,
                          tptr<float2> sb, ulong at, uint wide, uint blocks, uint groups, uint block, uint N, uint col, uint stride, uint add, uint maxrows,
                          uint xrow, uint yrow, uint strip, uint step, uint strips, uint tid, uint lane, uint sg) {
  constexpr uint GC = 16 / T;                  // groups a chunk
  constexpr uint U = GC / (8 * SUB);           // blocks a simdgroup and chunk
  constexpr uint CODES = BITS == 4 ? 32 : 64;  // 16-byte units
  const uint chunks = (blocks + 8u * U - 1u) / (8u * U);
  const uint r = lane / 4u, t = lane % 4u;
  const uint g = tid >> 4, i16 = tid & 15u, o = (i16 >> 1) + 8u * (i16 & 1u), h = g % SUB;
  const uint left = blocks - (chunks - 1u) * 8u * U;  // blocks of the last chunk
  const int wstep = int(8u * U * block), xstep = int(8u * U * maxrows * P * 4u), astep = int(8u * U * maxrows * SUB), back = int(chunks) - 1;
  const int wnext = int(step * blocks * block) - back * wstep, xnext = -back * xstep, anext = -back * astep;
  tptr<int> sums = (tptr<int>)part2 + (g * PART_STRIDE + i16);
  tptr<int2> sums2 = part2 + ((sg * U * SUB * 8u * T + 2u * t) * (PART_STRIDE / 2u) + r);
  tptr<float2> tailput = tails + tid, actput = sb + (g * 8u * T + i16), tailget = tails + i16, actget = sb + g;
  const uint tailat = (CODES + g / SUB * block) * 4u + (wide ? (h * 16u + o) * 2u : h * 16u + o);
  gptr<const float2> ap = (gptr<const float2>)x + (ulong(blocks) * maxrows * P * 8u + (ulong(g / SUB) * maxrows + xrow + i16) * SUB + h);
  gptr<const uint4> begin = w + (at + ulong(strip) * blocks * block);
  if (PARTS) {
    PART_WEIGHT(strip)
    begin = from;
  }
  gptr<const uint> tp = (gptr<const uint>)begin + tailat;
  gptr<const uint4> w0 = begin + (lane + sg * U * block), x0 = x + ((ulong(sg * U) * maxrows + xrow + r) * (P * 4u) + t);
  gptr<const uint4> wp[2] = {w0, w0 + block}, xp[2] = {x0, x0 + maxrows * P * 4u};  // of blocks u
  uint4 codes[2][U][BITS / 4], xq[U][T * P];
  uint scale[2], bias[2];
  float2 act = F2(0.0f, 0.0f);
  UNROLL
  for (uint u = 0; u < U; u++)
    for (uint i = 0; i < T * P; i++) xq[u][i] = U4(0, 0, 0, 0);
  uint wchunk = 0, wstrip = strip, xchunk = 0;
  FETCH_W(0)
  FETCH_W(1)
  const uint count = countat != 0xffffffffu ? uint(sl[countat]) : xrow + 1u;
  GRID_WAIT();
  if (xrow >= count) return;
  const uint n = least(count - xrow, 8u * T);
  FETCH_X()
  float f = 0.0f, old = 0.0f;
  uint c = 0;
  while (strip < strips) {
    UNROLL
    for (uint s = 0; s < 2u; s++) {
      if (strip >= strips) continue;
      product_place place;
      place.strip = strip;
      place.N = N;
      place.col = col;
      if (PARTS) place = place_of_strip(parts, strip);
      const bool mine = g < n && place.strip * 16u + o < place.N;
      const ulong to = ulong(yrow + g) * stride + place.col + place.strip * 16u + o;
      if (add && mine && c == 0u) old = y[to];
      if (g < GC) {
        const uint q = scale[s];
        tailput[s * GC * 16u] = F2(as_type<float>(wide ? q : q & 0xffff0000u), as_type<float>(wide ? bias[s] : q << 16));
        if (i16 < n) actput[s * GC * 8u * T] = act;
      }
      UNROLL
      for (uint u = 0; u < U; u++) {
        uint4 a[2];
        if (BITS == 4) {
          const uint4 q = codes[s][u][0];
          a[0] = U4(q.x & 0x0f0f0f0fu, q.y & 0x0f0f0f0fu, q.z & 0x0f0f0f0fu, q.w & 0x0f0f0f0fu);
          a[1] = U4((q.x >> 4) & 0x0f0f0f0fu, (q.y >> 4) & 0x0f0f0f0fu, (q.z >> 4) & 0x0f0f0f0fu, (q.w >> 4) & 0x0f0f0f0fu);
        } else {
          a[0] = codes[s][u][0];
          a[1] = codes[s][u][BITS / 4 - 1];
        }
#if GPU_MATRIX
        if (MATRIX) {
          UNROLL
          for (uint tile = 0; tile < T; tile++) {
            int4 sum[SUB];
            UNROLL
            for (uint k = 0; k < SUB; k++) sum[k] = I4(0, 0, 0, 0);
            UNROLL
            for (uint plane = 0; plane < P; plane++) {
              const uint4 q = xq[u][tile * P + plane];
              if (plane == 1) {
                UNROLL
                for (uint k = 0; k < SUB; k++) sum[k] = I4(sum[k].x * 256, sum[k].y * 256, sum[k].z * 256, sum[k].w * 256);
              }
              sum[0] = mma_u8s8(a[0], q.x, q.y, sum[0]);
              sum[SUB - 1] = mma_u8s8(a[1], q.z, q.w, sum[SUB - 1]);
            }
            if (tile * 8u + 2u * t < n) {
              UNROLL
              for (uint k = 0; k < SUB; k++) {
                const uint to = (s * CHUNK_WORDS + ((u * SUB + k) * 8u * T + tile * 8u) * PART_STRIDE) / 2u;
                sums2[to] = I2(sum[k].x, sum[k].z);
                sums2[to + PART_STRIDE / 2u] = I2(sum[k].y, sum[k].w);
              }
            }
          }
        } else
#endif
        {
          const uint b = least(c * 8u * U + sg * U + u, blocks - 1u), gi = (sg * U + u) * SUB;
          for (uint row = 0; row < n; row++) {
            int lo[SUB], hi[SUB];
            UNROLL
            for (uint k = 0; k < SUB; k++) {
              lo[k] = 0;
              hi[k] = 0;
            }
            UNROLL
            for (uint plane = 0; plane < P; plane++) {
              const uint4 q = x[((ulong(b) * maxrows + xrow + row) * P + plane) * 4u + t];
              if (plane == 1) {
                UNROLL
                for (uint k = 0; k < SUB; k++) {
                  lo[k] = lo[k] * 256;
                  hi[k] = hi[k] * 256;
                }
              }
              lo[0] = dot4(a[0].z, int(q.y), dot4(a[0].x, int(q.x), lo[0]));
              hi[0] = dot4(a[0].w, int(q.y), dot4(a[0].y, int(q.x), hi[0]));
              lo[SUB - 1] = dot4(a[1].z, int(q.w), dot4(a[1].x, int(q.z), lo[SUB - 1]));
              hi[SUB - 1] = dot4(a[1].w, int(q.w), dot4(a[1].y, int(q.z), hi[SUB - 1]));
            }
            UNROLL
            for (uint k = 0; k < SUB; k++) {
              int l = lo[k], q = hi[k];
              l = l + simd_shuffle_xor(l, 1);
              l = l + simd_shuffle_xor(l, 2);
              q = q + simd_shuffle_xor(q, 1);
              q = q + simd_shuffle_xor(q, 2);
              if (t == 0u) part2[(s * CHUNK_WORDS + ((gi + k) * 8u * T + row) * PART_STRIDE) / 2u + r] = I2(l, q);
            }
          }
        }
      }
      FETCH_W(s)
      FETCH_X()
      threadgroup_barrier(mem_flags::mem_threadgroup);
      if (g < n) {  // thread (row g, output o)
        const uint count = least(groups - c * GC, GC);
        uint k = 0;
        for (; k + 8u <= count; k += 8u) {  // loads first, so that only the two fma are a chain
          float sum[8];
          float2 tail[8], in[8];
          UNROLL
          for (uint j = 0; j < 8u; j++) {
            sum[j] = float(sums[s * CHUNK_WORDS + (k + j) * 8u * T * PART_STRIDE]);
            tail[j] = tailget[(s * GC + k + j) * 16u];
            in[j] = actget[(s * GC + k + j) * 8u * T];
          }
          UNROLL
          for (uint j = 0; j < 8u; j++) {
            const float ss = tail[j].x * in[j].x;
            f = fma(sum[j], ss, f);
            f = fma(tail[j].y, in[j].y, f);
          }
        }
        for (; k < count; k++) {
          const int sum = sums[s * CHUNK_WORDS + k * 8u * T * PART_STRIDE];
          const float2 tail = tailget[(s * GC + k) * 16u], in = actget[(s * GC + k) * 8u * T];
          const float ss = tail.x * in.x;
          f = fma(float(sum), ss, f);
          f = fma(tail.y, in.y, f);
        }
      }
      c = c + 1u;
      if (c == chunks) {
        if (mine) {
          if (add) f = old + f;
          y[to] = f;
        }
        f = 0.0f;
        c = 0;
        strip += step;
      }
    }
  }
}

// Out of the arguments' address space, member by member.
GPU_FN product_parts parts_of(cref<product_parts> from) {
  product_parts p;
  p.end0 = from.end0;
  p.end1 = from.end1;
  p.end2 = from.end2;
  p.N0 = from.N0;
  p.N1 = from.N1;
  p.N2 = from.N2;
  p.N3 = from.N3;
  p.col0 = from.col0;
  p.col1 = from.col1;
  p.col2 = from.col2;
  p.col3 = from.col3;
  return p;
}

GPU_FN product_parts no_parts() {
  product_parts p;
  p.end0 = 0u;
  p.end1 = 0u;
  p.end2 = 0u;
  p.N0 = 0u;
  p.N1 = 0u;
  p.N2 = 0u;
  p.N3 = 0u;
  p.col0 = 0u;
  p.col1 = 0u;
  p.col2 = 0u;
  p.col3 = 0u;
  return p;
}

#define PRODUCT(name, BITS, P, SUB, T, MATRIX) PRODUCT_AS(KERNEL_EARLY, name, BITS, P, SUB, T, MATRIX)
#define PRODUCT_AS(KIND, name, BITS, P, SUB, T, MATRIX)                                                                         \
  KIND(name, IN(int, sl), FIXED(uint4, w), IN(uint4, x), INOUT(float, y), ARG(product_args, p)) {                       \
    THREADGROUP(int2, part, CHUNK_WORDS);                                                                                    \
    THREADGROUP(float2, tails, 2 * 16 / T * 16);                                                                                \
    THREADGROUP(float2, sb, 2 * 16 * 8);                                                                                        \
    product_strip<BITS, P, SUB, T, MATRIX, false>(sl, p.countat, w, w, w, w, no_parts(), x, y, part, tails, sb, 0, p.wide, p.blocks, \
                                           p.groups, p.block, p.N, p.col, p.stride, p.add, p.maxrows, tg.y * 8u * T, tg.y * 8u * T, tg.x, ntg.x, (p.N + 15u) / 16u, tid.x, lane, sg); \
  }

#define PRODUCTS(name, BITS, P, SUB, MATRIX)                                                                                   \
  KERNEL_EARLY(name, IN(int, sl), FIXED(uint4, w), FIXED(uint4, w1), FIXED(uint4, w2), FIXED(uint4, w3), IN(uint4, x), INOUT(float, y), ARG(product_args, p)) { \
    THREADGROUP(int2, part, CHUNK_WORDS);                                                                                    \
    THREADGROUP(float2, tails, 2 * 16 * 16);                                                                                 \
    THREADGROUP(float2, sb, 2 * 16 * 8);                                                                                     \
    product_strip<BITS, P, SUB, 1, MATRIX, true>(sl, p.countat, w, w1, w2, w3, parts_of(p.parts), x, y, part, tails, sb, 0, p.wide, p.blocks, \
                                           p.groups, p.block, 0u, 0u, p.stride, p.add, p.maxrows, 0u, 0u, tg.x, ntg.x, p.strips, tid.x, lane, sg); \
  }

struct expert_args {
  uint experts, topk, shared, K, blocks, groups, block, N, col, stride, maxrows;
};

// A product whose weight is chosen by the row. table: for each expert its place in w, in 16-byte units, low and high
// word, and whether its tails are wide. An index outside the table raises fault[0] and writes nothing.
#define EXPERT_PARTS(T_) IN(int, sl), IN(int, index), FIXED(uint, table), FIXED(T_, w)
#define EXPERT_BEGIN                                                                               \
  const uint v = tg.y;                                                                             \
  if (v >= uint(sl[SLOT_ROWS]) * p.topk) return;                                                   \
  const uint e = uint(index[v]);                                                                   \
  if (e >= p.experts) {                                                                            \
    if (tid.x == 0u) atomic_fetch_add_explicit(&fault[0], 1u, memory_order_relaxed);               \
    return;                                                                                        \
  }                                                                                                \
  const ulong at = ulong(table[e * 4u + 1u]) << 32 | table[e * 4u];                                \
  const uint xrow = p.shared ? v / p.topk : v;

#define EXPERT(name, BITS, P, SUB, MATRIX)                                                                                       \
  KERNEL(name, EXPERT_PARTS(uint4), IN(uint4, x), INOUT(float, y), INOUT(atomic_uint, fault), ARG(expert_args, p)) {             \
    THREADGROUP(int2, part, CHUNK_WORDS);                                                                                     \
    THREADGROUP(float2, tails, 2 * 16 * 16);                                                                                     \
    THREADGROUP(float2, sb, 2 * 16 * 8);                                                                                         \
    EXPERT_BEGIN                                                                                                                 \
    const uint wide = table[e * 4u + 2u], block = p.block + (wide ? 4u * SUB : 0u);                                              \
    product_strip<BITS, P, SUB, 1, MATRIX, false>(sl, 0xffffffffu, w, w, w, w, no_parts(), x, y, part, tails, sb, at, wide, p.blocks, p.groups, block, p.N, p.col, \
                                           p.stride, 0u, p.maxrows, xrow, v, tg.x, ntg.x, (p.N + 15u) / 16u, tid.x, lane, sg);                             \
  }

#if GPU_MATRIX
PRODUCT(product_4_8_64, 4, 1, 1, 1, true)
PRODUCT(product_4_8_64_two, 4, 1, 1, 2, true)
PRODUCT(product_4_8_32, 4, 1, 2, 1, true)
PRODUCT(product_4_16_64, 4, 2, 1, 1, true)
PRODUCT(product_4_16_64_two, 4, 2, 1, 2, true)
PRODUCT(product_4_16_32, 4, 2, 2, 1, true)
PRODUCT_AS(KERNEL_EARLY_LARGE, product_8_16_64, 8, 2, 1, 1, true)  // more registers
PRODUCT(product_8_16_64_two, 8, 2, 1, 2, true)
PRODUCT(product_8_16_32, 8, 2, 2, 1, true)
PRODUCTS(products_4_8_64, 4, 1, 1, true)
EXPERT(expert_4_8_64, 4, 1, 1, true)
EXPERT(expert_4_8_32, 4, 1, 2, true)
EXPERT(expert_4_16_64, 4, 2, 1, true)
EXPERT(expert_4_16_32, 4, 2, 2, true)
EXPERT(expert_8_16_64, 8, 2, 1, true)
EXPERT(expert_8_16_32, 8, 2, 2, true)
#endif
#if !defined(__CUDACC__)
PRODUCT(product_4_8_64_dot, 4, 1, 1, 1, false)
PRODUCT(product_4_8_64_two_dot, 4, 1, 1, 2, false)
PRODUCT(product_4_8_32_dot, 4, 1, 2, 1, false)
PRODUCT(product_4_16_64_dot, 4, 2, 1, 1, false)
PRODUCT(product_4_16_64_two_dot, 4, 2, 1, 2, false)
PRODUCT(product_4_16_32_dot, 4, 2, 2, 1, false)
PRODUCT(product_8_16_64_dot, 8, 2, 1, 1, false)
PRODUCT(product_8_16_64_two_dot, 8, 2, 1, 2, false)
PRODUCT(product_8_16_32_dot, 8, 2, 2, 1, false)
PRODUCTS(products_4_8_64_dot, 4, 1, 1, false)
EXPERT(expert_4_8_64_dot, 4, 1, 1, false)
EXPERT(expert_4_8_32_dot, 4, 1, 2, false)
EXPERT(expert_4_16_64_dot, 4, 2, 1, false)
EXPERT(expert_4_16_32_dot, 4, 2, 2, false)
EXPERT(expert_8_16_64_dot, 8, 2, 1, false)
EXPERT(expert_8_16_32_dot, 8, 2, 2, false)
#endif

// ---- weights stored as floats: 16 outputs by 64 inputs a block, [8][16][8] halves or [16][16][4] words. A lane owns an
// output and a group of 64 inputs; its sum is one fma chain over them. ----
#define W_BF16 0
#define W_F16 1
#define W_F32 2

template <int TYPE, uint R>
GPU_FN void float_strip(gptr<const uint4> w, gptr<const float> x, gptr<const float4> x4, gptr<float> y, tptr<float> part, ulong at, uint K, uint blocks,
                        uint N, uint col, uint stride, uint add, uint xrow, uint yrow, uint n, uint strip, uint tid, uint lane, uint sg) {
  constexpr uint PER = TYPE == W_F32 ? 4 : 8;  // inputs in 16 bytes
  constexpr uint CHUNK = 16 * R * PART_STRIDE;
  const uint o = lane & 15u, m = tid >> 4;
  float f = 0.0f;
  uint flip = 0;
  for (uint first = 0; first < blocks; first += 16u) {
    const uint gi = sg * 2u + (lane >> 4), b = first + gi;
    if (b < blocks) {
      const uint kn = K - 64u * b < 64u ? K - 64u * b : 64u;
      float acc[R];
      UNROLL
      for (uint q = 0; q < R; q++) acc[q] = 0.0f;
      for (uint k = 0; k < kn; k += PER) {
        const uint4 v = load_stream(w, at + (ulong(b) * (64u / PER) + k / PER) * 16u + o);
        float e[PER];
        if (TYPE == W_F32) {
          e[0] = as_type<float>(v.x);
          e[1] = as_type<float>(v.y);
          e[2] = as_type<float>(v.z);
          e[3] = as_type<float>(v.w);
        } else {
          const uint h[4] = {v.x, v.y, v.z, v.w};
          UNROLL
          for (uint i = 0; i < PER / 2; i++) {
            e[2 * i] = TYPE == W_BF16 ? as_type<float>(h[i & 3] << 16) : f32_of_f16(h[i & 3] & 0xffffu);
            e[2 * i + 1] = TYPE == W_BF16 ? as_type<float>(h[i & 3] & 0xffff0000u) : f32_of_f16(h[i & 3] >> 16);
          }
        }
        UNROLL
        for (uint q = 0; q < R; q++)
          if (q < n) {
            const ulong from = ulong(xrow + q) * K + 64u * b + k;
            if ((K & 3u) == 0u && k + PER <= kn) {
              UNROLL
              for (uint i = 0; i < PER / 4; i++) {
                const float4 xv = x4[from / 4u + i];
                acc[q] = fma(e[4 * i], xv.x, acc[q]);
                acc[q] = fma(e[4 * i + 1], xv.y, acc[q]);
                acc[q] = fma(e[4 * i + 2], xv.z, acc[q]);
                acc[q] = fma(e[4 * i + 3], xv.w, acc[q]);
              }
            } else {
              UNROLL
              for (uint i = 0; i < PER; i++)
                if (k + i < kn) acc[q] = fma(e[i], x[from + i], acc[q]);
            }
          }
      }
      UNROLL
      for (uint q = 0; q < R; q++)
        if (q < n) part[flip * CHUNK + (gi * R + q) * PART_STRIDE + o] = acc[q];
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);
    if (m < n) {
      const uint left = blocks - first, count = left < 16u ? left : 16u;
      for (uint g = 0; g < count; g++) {
        const float t = part[flip * CHUNK + (g * R + m) * PART_STRIDE + (tid & 15u)];
        f = f + t;
      }
    }
    flip = flip ^ 1u;
  }
  if (m < n && strip * 16u + (tid & 15u) < N) {
    const ulong to = ulong(yrow + m) * stride + col + strip * 16u + (tid & 15u);
    if (add) f = y[to] + f;
    y[to] = f;
  }
}

#define PRODUCT_FLOAT(name, TYPE, R)                                                                                            \
  KERNEL(name, IN(int, sl), FIXED(uint4, w), IN(float, x), IN(float4, x4), INOUT(float, y), ARG(product_args, p)) {             \
    THREADGROUP(float, part, 2 * 16 * R * PART_STRIDE);                                                                         \
    const uint row = tg.y * R, count = uint(sl[p.countat]);                                                                     \
    if (row >= count) return;                                                                                                   \
    const uint n = count - row < R ? count - row : R;                                                                           \
    float_strip<TYPE, R>(w, x, x4, y, part, ulong(tg.x) * p.blocks * p.block, p.K, p.blocks, p.N, p.col, p.stride, p.add, row, row, n, tg.x, tid.x, lane, sg); \
  }
#define EXPERT_FLOAT(name, TYPE)                                                                                                \
  KERNEL(name, EXPERT_PARTS(uint4), IN(float, x), IN(float4, x4), INOUT(float, y), INOUT(atomic_uint, fault), ARG(expert_args, p)) { \
    THREADGROUP(float, part, 2 * 16 * PART_STRIDE);                                                                             \
    EXPERT_BEGIN                                                                                                                \
    float_strip<TYPE, 1>(w, x, x4, y, part, at + ulong(tg.x) * p.blocks * p.block, p.K, p.blocks, p.N, p.col, p.stride, 0u, xrow, v, 1u, tg.x, tid.x, lane, sg); \
  }

PRODUCT_FLOAT(product_bf16, W_BF16, 8u)
PRODUCT_FLOAT(product_f16, W_F16, 8u)
PRODUCT_FLOAT(product_f32, W_F32, 8u)
PRODUCT_FLOAT(product_bf16_one, W_BF16, 1u)
PRODUCT_FLOAT(product_f16_one, W_F16, 1u)
PRODUCT_FLOAT(product_f32_one, W_F32, 1u)
EXPERT_FLOAT(expert_bf16, W_BF16)
EXPERT_FLOAT(expert_f16, W_F16)
EXPERT_FLOAT(expert_f32, W_F32)
