// line.metal: products of one row, whose inputs are brought to threadgroup memory once for all strips of a threadgroup.
// Strips, chunks and the order of what is added are product.metal's, and so the bits.

#define LINE_MOST 17408  // inputs
#define LINE_SUMS (16 * PART_STRIDE)

// Row 0 of activations into threadgroup memory.
GPU_FN void line_bring(gptr<const uint4> x, tptr<uint4> codes, tptr<float2> scales, uint blocks, uint maxrows, uint tid) {
  gptr<const float2> from = (gptr<const float2>)x + ulong(blocks) * maxrows * 8u;
  uint4 v[LINE_MOST / 16 / 256 + 1];
  float2 s[LINE_MOST / 64 / 256 + 1];
  UNROLL
  for (uint j = 0; j < LINE_MOST / 16 / 256 + 1; j++) {
    const uint i = tid + 256u * j;
    if (i < blocks * 4u) v[j] = x[i / 4u * maxrows * 4u + (i & 3u)];
  }
  UNROLL
  for (uint j = 0; j < LINE_MOST / 64 / 256 + 1; j++) {
    const uint b = tid + 256u * j;
    if (b < blocks) s[j] = from[b * maxrows];
  }
  UNROLL
  for (uint j = 0; j < LINE_MOST / 16 / 256 + 1; j++) {
    const uint i = tid + 256u * j;
    if (i < blocks * 4u) codes[i] = v[j];
  }
  UNROLL
  for (uint j = 0; j < LINE_MOST / 64 / 256 + 1; j++) {
    const uint b = tid + 256u * j;
    if (b < blocks) scales[b] = s[j];
  }
}

// Strips of up to four weights, one row. work: sums and tails of two chunks.
template <bool MATRIX>
GPU_FN void line_strips(gptr<const int> sl, gptr<const uint4> w, gptr<const uint4> w1, gptr<const uint4> w2, gptr<const uint4> w3, product_parts parts, gptr<const uint4> x,
                        gptr<float> y, tptr<float> work, tptr<uint4> xcodes, tptr<float2> xscales, cref<product_args> p, uint strip, uint step, uint tid, uint lane, uint sg) {
  const uint blocks = p.blocks, groups = p.groups, block = p.block, wide = p.wide, strips = p.strips, maxrows = p.maxrows, add = p.add;
  const uint chunks = (blocks + 15u) / 16u, left = blocks - (chunks - 1u) * 16u;  // left: blocks of the last chunk
  const uint r = lane / 4u, t = lane % 4u;
  const uint g = tid >> 4, i16 = tid & 15u, o = (i16 >> 1) + 8u * (i16 & 1u);
  const uint wstep = 16u * block, tailat = (32u + g * block) * 4u + (wide ? o * 2u : o);
  uint4 codes[2][2];
  uint scale[2], bias[2];
  uint wchunk = 0, wstrip = strip;
  gptr<const uint4> wp = w;
  gptr<const uint> tp = (gptr<const uint>)w;
#define LINE_BEGIN                                                                              \
  {                                                                                             \
    const product_place at_ = place_of_strip(parts, wstrip);                                    \
    gptr<const uint4> of_ = at_.part == 0u ? w : at_.part == 1u ? w1 : at_.part == 2u ? w2 : w3; \
    gptr<const uint4> from_ = of_ + ulong(at_.strip) * blocks * block;                          \
    wp = from_ + (lane + sg * 2u * block);                                                      \
    tp = (gptr<const uint>)from_ + tailat;                                                      \
  }
#define LINE_FETCH(s)                                                       \
  if (wstrip < strips) {                                                    \
    const bool whole = wchunk + 1u < chunks;                                \
    if (whole || sg * 2u < left) codes[s][0] = load_stream(wp, 0u);         \
    if (whole || sg * 2u + 1u < left) codes[s][1] = load_stream(wp, block); \
    if (whole || g < left) {                                                \
      scale[s] = tp[0];                                                     \
      if (wide) bias[s] = tp[1];                                            \
    }                                                                       \
    wp += wstep;                                                            \
    tp += wstep * 4u;                                                       \
    wchunk = whole ? wchunk + 1u : 0u;                                      \
    if (!whole) {                                                           \
      wstrip += step;                                                       \
      if (wstrip < strips) LINE_BEGIN                                       \
    }                                                                       \
  }
  LINE_BEGIN
  LINE_FETCH(0)
  LINE_FETCH(1)
  const bool here = sl[p.countat] > 0;
  GRID_WAIT();
  if (!here) return;
  line_bring(x, xcodes, xscales, blocks, maxrows, tid);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  tptr<int> sums = (tptr<int>)work;
  tptr<int2> sums2 = (tptr<int2>)work;
  tptr<float2> tails = (tptr<float2>)work + LINE_SUMS;
  float f = 0.0f, old = 0.0f;
  uint c = 0;
  while (strip < strips) {
    UNROLL
    for (uint s = 0; s < 2u; s++) {
      if (strip >= strips) continue;
      const product_place place = place_of_strip(parts, strip);
      const bool mine = tid < 16u && place.strip * 16u + o < place.N;
      const ulong to = ulong(place.col) + place.strip * 16u + o;
      if (add && mine && c == 0u) old = y[to];
      const uint q = scale[s];
      tails[s * 256u + tid] = F2(as_type<float>(wide ? q : q & 0xffff0000u), as_type<float>(wide ? bias[s] : q << 16));
      UNROLL
      for (uint u = 0; u < 2u; u++) {
        const uint4 q = codes[s][u];
        const uint4 lo = U4(q.x & 0x0f0f0f0fu, q.y & 0x0f0f0f0fu, q.z & 0x0f0f0f0fu, q.w & 0x0f0f0f0fu);
        const uint4 hi = U4((q.x >> 4) & 0x0f0f0f0fu, (q.y >> 4) & 0x0f0f0f0fu, (q.z >> 4) & 0x0f0f0f0fu, (q.w >> 4) & 0x0f0f0f0fu);
        const uint gi = sg * 2u + u, b = c * 16u + gi;
        uint4 in = U4(0, 0, 0, 0);
#if GPU_MATRIX
        if (MATRIX) {
          if (r == 0u && b < blocks) in = xcodes[b * 4u + t];
          int4 sum = I4(0, 0, 0, 0);
          sum = mma_u8s8(lo, in.x, in.y, sum);
          sum = mma_u8s8(hi, in.z, in.w, sum);
          if (t == 0u) sums2[s * (LINE_SUMS / 2) + gi * (PART_STRIDE / 2) + r] = I2(sum.x, sum.z);
        } else
#endif
        {
          if (b < blocks) in = xcodes[b * 4u + t];
          int l = dot4(lo.z, int(in.y), dot4(lo.x, int(in.x), 0)), h = dot4(lo.w, int(in.y), dot4(lo.y, int(in.x), 0));
          l = dot4(hi.z, int(in.w), dot4(hi.x, int(in.z), l));
          h = dot4(hi.w, int(in.w), dot4(hi.y, int(in.z), h));
          l = l + simd_shuffle_xor(l, 1);
          l = l + simd_shuffle_xor(l, 2);
          h = h + simd_shuffle_xor(h, 1);
          h = h + simd_shuffle_xor(h, 2);
          if (t == 0u) sums2[s * (LINE_SUMS / 2) + gi * (PART_STRIDE / 2) + r] = I2(l, h);
        }
      }
      LINE_FETCH(s)
      threadgroup_barrier(mem_flags::mem_threadgroup);
      if (tid < 16u) {
        const uint count = least(groups - c * 16u, 16u);
        uint k = 0;
        for (; k + 8u <= count; k += 8u) {  // loads first, so that only the two fma are a chain
          float sum[8];
          float2 tail[8], in[8];
          UNROLL
          for (uint j = 0; j < 8u; j++) {
            sum[j] = float(sums[s * LINE_SUMS + (k + j) * PART_STRIDE + i16]);
            tail[j] = tails[s * 256u + (k + j) * 16u + i16];
            in[j] = xscales[c * 16u + k + j];
          }
          UNROLL
          for (uint j = 0; j < 8u; j++) {
            const float ss = tail[j].x * in[j].x;
            f = fma(sum[j], ss, f);
            f = fma(tail[j].y, in[j].y, f);
          }
        }
        for (; k < count; k++) {
          const int sum = sums[s * LINE_SUMS + k * PART_STRIDE + i16];
          const float2 tail = tails[s * 256u + k * 16u + i16], in = xscales[c * 16u + k];
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

#define LINE(name, MATRIX)                                                                                                    \
  KERNEL_EARLY(name, IN(int, sl), FIXED(uint4, w), FIXED(uint4, w1), FIXED(uint4, w2), FIXED(uint4, w3), IN(uint4, x), INOUT(float, y), ARG(product_args, p)) { \
    THREADGROUP(float, work, 2 * LINE_SUMS + 2 * 2 * 256);                                                                    \
    THREADGROUP(uint4, xcodes, LINE_MOST / 16);                                                                               \
    THREADGROUP(float2, xscales, LINE_MOST / 64);                                                                             \
    line_strips<MATRIX>(sl, w, w1, w2, w3, parts_of(p.parts), x, y, work, xcodes, xscales, p, tg.x, ntg.x, tid.x, lane, sg);  \
  }

#if GPU_MATRIX
LINE(line_4_8_64, true)
#endif
#if !defined(__CUDACC__)
LINE(line_4_8_64_dot, false)
#endif
