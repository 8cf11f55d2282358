// delta_norm.metal: the norm of each head after the delta net, gated, with its activations.

struct delta_norm_args {
  acts_at a;
  uint HV, DV, zstride, zcol;
  float eps;
};

// The factor of one head's norm, by a simdgroup.
GPU_FN float head_factor(gptr<const float> x, uint DV, float eps, uint lane) {
  float acc = 0.0f;
  if (lane < 16u) {
    uint i = lane;
    for (; i + 112u < DV; i += 128u) {  // loads first
      float v[8];
      UNROLL
      for (uint j = 0; j < 8u; j++) v[j] = x[i + 16u * j];
      UNROLL
      for (uint j = 0; j < 8u; j++) acc = fma(v[j], v[j], acc);
    }
    for (; i < DV; i += 16u) {
      const float v = x[i];
      acc = fma(v, v, acc);
    }
  }
  acc = tree16(acc);
  return norm_factor(simd_shuffle(acc, 0), DV, eps);
}

// A simdgroup has a block of 64, and norms the heads that it needs itself: one where heads are whole blocks.
KERNEL_SLOTS(delta_norm, IN(int, sl), IN(float, o), IN(float, z), FIXED(float, gain), ACTS_OUT, ARG(delta_norm_args, p)) {  // 64 threads
  const uint row = tg.y, K = p.HV * p.DV, b = tg.x * 2u + sg, k0 = 64u * b + lane, k1 = k0 + 32u;
  const bool here = row < uint(sl[SLOT_ROWS]) && b * 64u < K;
  const float g0 = gain[k0 % p.DV], g1 = gain[k1 % p.DV];
  GRID_WAIT(); GRID_RELEASE();
  if (!here) return;
  gptr<const float> x = o + ulong(row) * K, zr = z + (ulong(row) * p.zstride + p.zcol);
  float z0 = 0.0f, z1 = 0.0f, y0 = 0.0f, y1 = 0.0f;
  if (k0 < K) {
    z0 = zr[k0];
    y0 = x[k0];
  }
  if (k1 < K) {
    z1 = zr[k1];
    y1 = x[k1];
  }
  const uint last = (64u * b + 63u < K ? 64u * b + 63u : K - 1u) / p.DV, h0 = 64u * b / p.DV;
  float r0 = 0.0f, r1 = 0.0f;
  for (uint h = h0; h <= last; h++) {
    const float f = head_factor(x + h * p.DV, p.DV, p.eps, lane);
    if (k0 / p.DV == h) r0 = f;
    if (k1 / p.DV == h) r1 = f;
  }
  y0 = y0 * r0;
  y0 = y0 * g0;
  y1 = y1 * r1;
  y1 = y1 * g1;
  y0 = k0 < K ? y0 * silu_bits(z0) : 0.0f;
  y1 = k1 < K ? y1 * silu_bits(z1) : 0.0f;
  put_block(ACTS, p.a, row, b, y0, y1, lane);
}

// The same for many rows and heads of 128: a simdgroup has a head, a lane four neighbouring values of it.
KERNEL_SLOTS_AS(256, 6, delta_norm_many, IN(int, sl), IN(float, o), IN(float, z), FIXED(float, gain), ACTS_OUT, ARG(delta_norm_args, p)) {
  const uint row = tg.y, h = tg.x * 8u + sg;
  const bool here = row < uint(sl[SLOT_ROWS]) && h < p.HV;
  const float4 g = ((gptr<const float4>)gain)[lane];
  GRID_WAIT(); GRID_RELEASE();
  if (!here) return;
  gptr<const float> x = o + (ulong(row) * p.HV + h) * 128u;
  gptr<const float4> zr = (gptr<const float4>)(z + (ulong(row) * p.zstride + p.zcol + h * 128u));
  const float4 v = ((gptr<const float4>)x)[lane], w = zr[lane];
  const float r = head_factor(x, 128u, p.eps, lane);
  const float a = v.x * r, b = v.y * r, c = v.z * r, d = v.w * r;
  const float a1 = a * g.x, b1 = b * g.y, c1 = c * g.z, d1 = d * g.w;
  put_quad(ACTS, p.a, row, 2u * h + lane / 16u, F4(a1 * silu_bits(w.x), b1 * silu_bits(w.y), c1 * silu_bits(w.z), d1 * silu_bits(w.w)), lane);
}
