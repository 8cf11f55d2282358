// tile.metal: the product of product.metal for prefill, on hardware with the matrix step, for 4-bit weights and int8
// activations in groups of 64. A threadgroup has a tile of strips and rows: block after block, codes, tails and
// activations are copied to threadgroup memory some stages ahead, once for all its simdgroups. A simdgroup has S strips
// and T times 8 rows, whose floats it keeps in registers and adds to group after group, as the contract has it.

#define TILE_STRIPS 8u
#define TILE_ROWS 64u
#define TILE_STAGES 3u
#define TILE_UNITS 40u  // 16-byte units of a strip's block, wide tails included
// The sums start at the bits of 1.5 * 2^23, so that they are, read as floats, 1.5 * 2^23 and themselves: they have less
// than 22 bits. Taking it away is exact, and cheaper than a conversion.
#define TILE_BIAS 0x4b400000
GPU_FN float tile_sum(int biased) { return as_type<float>(biased) - 12582912.0f; }

#if GPU_MATRIX
GPU_FN void product_tile(gptr<const int> sl, gptr<const uint4> w, gptr<const uint4> x, gptr<float> y, cref<product_args> p, tptr<uint4> codes, tptr<uint4> acts,
                         tptr<float4> scales, uint tilerow, uint tilestrip, uint tid, uint lane, uint sg) {
  constexpr uint W = 4, S = TILE_STRIPS / W, T = TILE_ROWS / 8, COPIES = TILE_ROWS * 4 / (32 * W);
  const uint r = lane / 4u, t = lane % 4u, blocks = p.blocks, block = p.block, maxrows = p.maxrows;
  const uint count = uint(sl[p.countat]), row0 = tilerow * TILE_ROWS, strip0 = tilestrip * TILE_STRIPS, last = (p.N + 15u) / 16u - 1u;
  GRID_WAIT();
  if (row0 >= count) return;
  // What a thread copies: strips and rows that do not exist repeat the last one.
  ulong from[TILE_STRIPS / W];
  UNROLL
  for (uint i = 0; i < TILE_STRIPS / W; i++) from[i] = ulong(least(strip0 + sg + i * W, last)) * blocks * block + lane;
  uint at[COPIES];
  UNROLL
  for (uint i = 0; i < COPIES; i++) at[i] = least(row0 + tid / 4u + i * (8u * W), count - 1u) * 4u + tid % 4u;
  gptr<const uint4> xp = x;
  gptr<const float2> sp = (gptr<const float2>)x + (ulong(blocks) * maxrows * 8u + least(row0 + tid, count - 1u));
  const bool tails = lane < block - 32u;
#define TILE_FETCH(stage_)                                                                                                    \
  {                                                                                                                           \
    UNROLL                                                                                                                    \
    for (uint i = 0; i < TILE_STRIPS / W; i++) {                                                                              \
      const uint to = ((stage_) * TILE_STRIPS + sg + i * W) * TILE_UNITS + lane;                                              \
      copy_async(codes + to, w + from[i]);                                                                                    \
      if (tails) copy_async(codes + (to + 32u), w + (from[i] + 32u));                                                         \
      from[i] += block;                                                                                                       \
    }                                                                                                                         \
    UNROLL                                                                                                                    \
    for (uint i = 0; i < COPIES; i++) copy_async(acts + ((stage_) * TILE_ROWS * 4u + tid + i * (32u * W)), xp + at[i]);       \
    if (tid < TILE_ROWS) copy_async((tptr<float2>)scales + ((stage_) * TILE_ROWS + tid), sp);                                 \
    xp += maxrows * 4u;                                                                                                       \
    sp += maxrows;                                                                                                            \
  }
  UNROLL
  for (uint s = 0; s < TILE_STAGES - 1u; s++) {
    if (s < blocks) TILE_FETCH(s)
    copy_border();
  }
  float4 f[S][T];
  UNROLL
  for (uint s = 0; s < S; s++) {
    UNROLL
    for (uint i = 0; i < T; i++) f[s][i] = F4(0.0f, 0.0f, 0.0f, 0.0f);
  }
  const uint mystrip = sg * S;
  for (uint b0 = 0; b0 < blocks; b0 += TILE_STAGES) {
    UNROLL
    for (uint stage = 0; stage < TILE_STAGES; stage++) {  // so that places in threadgroup memory are constants
      const uint b = b0 + stage, next = (stage + TILE_STAGES - 1u) % TILE_STAGES;
      if (b >= blocks) break;
      copy_wait<TILE_STAGES - 2>();
      threadgroup_barrier(mem_flags::mem_threadgroup);
      if (b + TILE_STAGES - 1u < blocks) TILE_FETCH(next)
      copy_border();
      uint4 a0[S], a1[S];
      float2 lo[S], hi[S];
      UNROLL
      for (uint s = 0; s < S; s++) {
        tptr<uint4> strip = codes + (stage * TILE_STRIPS + mystrip + s) * TILE_UNITS;
        const uint4 v = strip[lane];
        a0[s] = U4(v.x & 0x0f0f0f0fu, v.y & 0x0f0f0f0fu, v.z & 0x0f0f0f0fu, v.w & 0x0f0f0f0fu);
        a1[s] = U4((v.x >> 4) & 0x0f0f0f0fu, (v.y >> 4) & 0x0f0f0f0fu, (v.z >> 4) & 0x0f0f0f0fu, (v.w >> 4) & 0x0f0f0f0fu);
        tptr<uint> tail = (tptr<uint>)strip + 128;
        if (p.wide) {
          lo[s] = F2(as_type<float>(uint(tail[2u * r])), as_type<float>(uint(tail[2u * r + 1u])));
          hi[s] = F2(as_type<float>(uint(tail[2u * r + 16u])), as_type<float>(uint(tail[2u * r + 17u])));
        } else {
          const uint a = tail[r], b = tail[r + 8u];
          lo[s] = F2(as_type<float>(a & 0xffff0000u), as_type<float>(a << 16));
          hi[s] = F2(as_type<float>(b & 0xffff0000u), as_type<float>(b << 16));
        }
      }
      tptr<uint4> q4 = acts + ((stage * TILE_ROWS + r) * 4u + t);
      tptr<float4> in4 = scales + (stage * (TILE_ROWS / 2u) + t);
      UNROLL
      for (uint i = 0; i < T; i++) {
        const uint4 q = q4[i * 32u];
        const float4 in = in4[i * 4u];
        UNROLL
        for (uint s = 0; s < S; s++) {
          int4 sum = I4(TILE_BIAS, TILE_BIAS, TILE_BIAS, TILE_BIAS);
          sum = mma_u8s8(a0[s], q.x, q.y, sum);
          sum = mma_u8s8(a1[s], q.z, q.w, sum);
          const float s0 = lo[s].x * in.x, s1 = lo[s].x * in.z, s2 = hi[s].x * in.x, s3 = hi[s].x * in.z;
          f[s][i] = F4(fma(lo[s].y, in.y, fma(tile_sum(sum.x), s0, f[s][i].x)), fma(lo[s].y, in.w, fma(tile_sum(sum.y), s1, f[s][i].y)),
                       fma(hi[s].y, in.y, fma(tile_sum(sum.z), s2, f[s][i].z)), fma(hi[s].y, in.w, fma(tile_sum(sum.w), s3, f[s][i].w)));
        }
      }
    }
  }
#undef TILE_FETCH
  UNROLL
  for (uint s = 0; s < S; s++) {
    UNROLL
    for (uint i = 0; i < T; i++) {
      const float v[4] = {f[s][i].x, f[s][i].y, f[s][i].z, f[s][i].w};
      UNROLL
      for (uint e = 0; e < 4u; e++) {
        const uint row = row0 + 8u * i + 2u * t + (e & 1u), o = (strip0 + mystrip + s) * 16u + r + (e & 2u) * 4u;
        if (row < count && o < p.N) {
          const ulong to = ulong(row) * p.stride + p.col + o;
          y[to] = p.add ? y[to] + v[e] : v[e];
        }
      }
    }
  }
}

// 128 outputs by 64 rows for 4 simdgroups, three stages: 29,184 bytes of threadgroup memory, three threadgroups a processor.
KERNEL_EARLY_AS(128, 3, tile_4_8_64, IN(int, sl), FIXED(uint4, w), IN(uint4, x), INOUT(float, y), ARG(product_args, p)) {
  THREADGROUP(uint4, codes, TILE_STAGES * TILE_STRIPS * TILE_UNITS);
  THREADGROUP(uint4, acts, TILE_STAGES * TILE_ROWS * 4);
  THREADGROUP(float4, scales, TILE_STAGES * TILE_ROWS / 2);
  product_tile(sl, w, x, y, p, codes, acts, scales, tg.x, tg.y, tid.x, lane, sg);
}
#endif
