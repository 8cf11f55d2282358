// rows_many.metal: rows.metal for many rows of whole blocks of 64. A row's norm has a threadgroup that keeps few registers,
// so that a processor holds six rows and one's chain runs beside others' reading and writing; the row is copied to
// threadgroup memory and read from there by the chains and by the quantiser, four inputs a lane.

GPU_FN void load8(tptr<float> x, GPU_ARRAY(float, v, 8)) {
  UNROLL
  for (uint j = 0; j < 8u; j++) v[j] = x[16u * j];
}
GPU_FN float squares8(GPU_ARRAY(float, v, 8), float acc) {
  UNROLL
  for (uint j = 0; j < 8u; j++) acc = fma(v[j], v[j], acc);
  return acc;
}

// Chain `at` of the sum of a row's squares: rows.metal's sum_squares. The next values are loaded while these are added.
GPU_FN float chain_squares(tptr<float> x, uint n) {
  float acc = 0.0f, v[8], u[8];
  const uint whole = n / 128u;
  if (whole != 0u) load8(x, v);
  uint i = 0;
  for (; i + 2u <= whole; i += 2u) {
    load8(x + (i + 1u) * 128u, u);
    acc = squares8(v, acc);
    if (i + 2u < whole) load8(x + (i + 2u) * 128u, v);
    acc = squares8(u, acc);
  }
  if (i < whole) acc = squares8(v, acc);
  if (n & 64u) {
    UNROLL
    for (uint j = 0; j < 4u; j++) {
      const float w = x[whole * 128u + 16u * j];
      acc = fma(w, w, acc);
    }
  }
  return acc;
}

KERNEL_SLOTS_AS(256, 6, norm_many, IN(int, sl), IN(float, x), FIXED(float, gain), INOUT(float, y), ACTS_OUT, ARG(norm_args, p)) {
  THREADGROUP(float4, row, NORM_CHUNK / 4);
  THREADGROUP(float, one, 1);
  const uint i = tg.y, quads = p.width / 4u;
  const bool here = i < map_count(sl, p.xmap);
  const ulong from = here ? ulong(map_row(sl, p.s, p.xmap, i)) * quads : 0;
  const ulong to = here && p.hasy ? ulong(map_row(sl, p.s, p.ymap, i)) * quads : 0;
  GRID_WAIT();
  if (!here) return;
  gptr<const float4> x4 = (gptr<const float4>)x + from, gain4 = (gptr<const float4>)gain;
  for (uint k = tid.x; k < quads; k += 256u) copy_async(row + k, x4 + k);
  copy_border();
  copy_wait<0>();
  threadgroup_barrier(mem_flags::mem_threadgroup);
  if (sg == 0u) {
    float acc = 0.0f;
    if (lane < 16u) acc = chain_squares((tptr<float>)row + lane, p.width);
    acc = tree16(acc);
    if (lane == 0u) one[0] = norm_factor(acc, p.width, p.eps);
  }
  threadgroup_barrier(mem_flags::mem_threadgroup | mem_flags::mem_device);
  const float r = one[0];
  for (uint b0 = 2u * sg; b0 < quads / 16u; b0 += 16u) {
    const uint b = b0 + lane / 16u, k = 16u * b + (lane & 15u);
    float4 v = F4(0.0f, 0.0f, 0.0f, 0.0f);
    if (k < quads) {
      const float4 in = row[k], g = gain4[k];
      const float a = in.x * r, b = in.y * r, c = in.z * r, d = in.w * r;
      v = F4(a * g.x, b * g.y, c * g.z, d * g.w);
      if (p.hasy) ((gptr<float4>)y)[to + k] = v;
    }
    if (p.a.forms) put_quad(ACTS, p.a, i, b, v, lane);
  }
}

KERNEL_SLOTS_AS(256, 6, swiglu_many, IN(int, sl), IN(float, x), ACTS_OUT, ARG(swiglu_args, p)) {
  const uint v = tg.y, quads = p.width / 4u, b0 = (tg.x * 8u + sg) * 2u;
  const bool here = v < uint(sl[SLOT_ROWS]) * p.times && b0 * 16u < quads;
  GRID_WAIT();
  if (!here) return;
  gptr<const float4> row = (gptr<const float4>)x + ulong(v) * (2u * quads);
  const uint b = b0 + lane / 16u, k = 16u * b + (lane & 15u);
  float4 y = F4(0.0f, 0.0f, 0.0f, 0.0f);
  if (k < quads) {
    const float4 a = row[k], u = row[quads + k];
    y = F4(silu_bits(a.x) * u.x, silu_bits(a.y) * u.y, silu_bits(a.z) * u.z, silu_bits(a.w) * u.w);
  }
  put_quad(ACTS, p.a, v, b, y, lane);
}
