// stream.metal: the product of product.metal for many rows, on hardware with the matrix step and for groups of 64. A
// simdgroup has a strip to itself and walks over its blocks: what it unpacked serves T tiles of 8 rows, a matrix step
// leaves a lane the sums of two outputs and two rows, and the lane itself adds them to its floats, group after group, as
// the contract has it. No sum goes through threadgroup memory and nothing waits for another simdgroup.

// Block b of a strip whose codes begin at `at`: codes, and the tails of outputs r and r + 8.
template <uint BITS>
struct stream_block {
  uint4 codes[BITS / 4];
  float2 lo, hi;
};

template <uint BITS>
GPU_FN stream_block<BITS> stream_load(gptr<const uint4> w, ulong at, uint wide, uint lane) {
  constexpr uint CODES = BITS == 4 ? 32 : 64;  // 16-byte units
  stream_block<BITS> v;
  UNROLL
  for (uint i = 0; i < BITS / 4; i++) v.codes[i] = load_stream(w, at + i * 32u + lane);
  gptr<const uint> tail = (gptr<const uint>)w + (at + CODES) * 4u;
  const uint r = lane / 4u;
  if (wide) {
    v.lo = F2(as_type<float>(tail[2u * r]), as_type<float>(tail[2u * r + 1u]));
    v.hi = F2(as_type<float>(tail[2u * r + 16u]), as_type<float>(tail[2u * r + 17u]));
  } else {
    const uint a = tail[r], b = tail[r + 8u];
    v.lo = F2(as_type<float>(a & 0xffff0000u), as_type<float>(a << 16));
    v.hi = F2(as_type<float>(b & 0xffff0000u), as_type<float>(b << 16));
  }
  return v;
}

GPU_FN float stream_add(float f, int sum, float2 tail, float2 in) {
  const float ss = tail.x * in.x;
  f = fma(float(sum), ss, f);
  return fma(tail.y, in.y, f);
}

#if GPU_MATRIX
// The sums of a block and a tile: (r, 2t), (r, 2t+1), (r+8, 2t), (r+8, 2t+1).
template <uint BITS, uint P>
GPU_FN int4 stream_sums(stream_block<BITS> v, GPU_ARRAY(uint4, x, P)) {
  uint4 a0 = v.codes[0], a1 = v.codes[BITS / 4 - 1];
  if (BITS == 4) {
    a1 = U4((a0.x >> 4) & 0x0f0f0f0fu, (a0.y >> 4) & 0x0f0f0f0fu, (a0.z >> 4) & 0x0f0f0f0fu, (a0.w >> 4) & 0x0f0f0f0fu);
    a0 = U4(a0.x & 0x0f0f0f0fu, a0.y & 0x0f0f0f0fu, a0.z & 0x0f0f0f0fu, a0.w & 0x0f0f0f0fu);
  }
  int4 sum = I4(0, 0, 0, 0);
  UNROLL
  for (uint plane = 0; plane < P; plane++) {
    if (plane == 1) sum = I4(sum.x * 256, sum.y * 256, sum.z * 256, sum.w * 256);
    sum = mma_u8s8(a0, x[plane].x, x[plane].y, sum);
    sum = mma_u8s8(a1, x[plane].z, x[plane].w, sum);
  }
  return sum;
}

// Rows xrow.. of one strip.
template <uint BITS, uint P, uint T>
GPU_FN void stream_strip(gptr<const int> sl, gptr<const uint4> w, gptr<const uint4> x, gptr<float> y, cref<product_args> p, uint strip, uint xrow, uint lane) {
  const uint r = lane / 4u, t = lane % 4u, blocks = p.blocks;
  const bool there = strip * 16u < p.N;
  const ulong at = ulong(strip) * blocks * p.block;
  stream_block<BITS> now, next;
  if (there) now = stream_load<BITS>(w, at, p.wide, lane);
  const uint count = uint(sl[p.countat]);
  GRID_WAIT();
  if (xrow >= count || !there) return;
  const uint n = least(count - xrow, 8u * T);
  gptr<const float2> scales = (gptr<const float2>)x + (ulong(blocks) * p.maxrows * P * 8u + xrow + 2u * t);
  float4 f[T];
  UNROLL
  for (uint i = 0; i < T; i++) f[i] = F4(0.0f, 0.0f, 0.0f, 0.0f);
  for (uint b = 0; b < blocks; b++) {
    if (b + 1u < blocks) next = stream_load<BITS>(w, at + ulong(b + 1u) * p.block, p.wide, lane);
    const ulong line = ulong(b) * p.maxrows;
    int4 sum[T];
    float2 in0[T], in1[T];
    UNROLL
    for (uint i = 0; i < T; i++) {
      const uint row = 8u * i + 2u * t;
      uint4 q[P];
      UNROLL
      for (uint plane = 0; plane < P; plane++) {
        q[plane] = U4(0, 0, 0, 0);
        if (8u * i + r < n) q[plane] = x[((line + xrow + 8u * i + r) * P + plane) * 4u + t];
      }
      in0[i] = F2(0.0f, 0.0f);
      in1[i] = F2(0.0f, 0.0f);
      if (row < n) in0[i] = scales[line + 8u * i];
      if (row + 1u < n) in1[i] = scales[line + 8u * i + 1u];
      sum[i] = stream_sums<BITS, P>(now, q);
    }
    UNROLL
    for (uint i = 0; i < T; i++) {
      f[i].x = stream_add(f[i].x, sum[i].x, now.lo, in0[i]);
      f[i].y = stream_add(f[i].y, sum[i].y, now.lo, in1[i]);
      f[i].z = stream_add(f[i].z, sum[i].z, now.hi, in0[i]);
      f[i].w = stream_add(f[i].w, sum[i].w, now.hi, in1[i]);
    }
    now = next;
  }
  UNROLL
  for (uint i = 0; i < T; i++) {
    const float v[4] = {f[i].x, f[i].y, f[i].z, f[i].w};
    UNROLL
    for (uint e = 0; e < 4u; e++) {
      const uint row = 8u * i + 2u * t + (e & 1u), o = strip * 16u + r + (e & 2u) * 4u;
      if (row < n && o < p.N) {
        const ulong to = ulong(xrow + row) * p.stride + p.col + o;
        y[to] = p.add ? y[to] + v[e] : v[e];
      }
    }
  }
}

#define STREAM(name, BITS, P)                                                                                              \
  KERNEL_EARLY_AS(128, 3, name, IN(int, sl), FIXED(uint4, w), IN(uint4, x), INOUT(float, y), ARG(product_args, p)) {       \
    stream_strip<BITS, P, 8>(sl, w, x, y, p, tg.x * 4u + sg, tg.y * 64u, lane);                                            \
  }

STREAM(stream_4_8_64, 4, 1)
STREAM(stream_8_16_64, 8, 2)
#endif
