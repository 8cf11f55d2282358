// measure.metal: ceilings that benchmarks stand beside.

struct measure_args {
  uint units, never;
};

// Reads 16-byte units, grid-strided, eight in flight a thread.
KERNEL(measure_read, FIXED(uint4, x), OUT(uint, y), ARG(measure_args, p)) {
  const uint step = ntg.x * 256u;
  uint acc = 0;
  uint i = tg.x * 256u + tid.x;
  for (; i + 7u * step < p.units; i += 8u * step) {
    uint4 v[8];
    UNROLL
    for (uint j = 0; j < 8u; j++) v[j] = load_stream(x, i + j * step);
    UNROLL
    for (uint j = 0; j < 8u; j++) acc = acc ^ v[j].x ^ v[j].y ^ v[j].z ^ v[j].w;
  }
  for (; i < p.units; i += step) {
    const uint4 v = x[i];
    acc = acc ^ v.x ^ v.y ^ v.z ^ v.w;
  }
  if (acc == p.never) y[0] = acc;
}

#if defined(__CUDACC__)
// Matrix steps of bfloat16 with float32 sums, 16 by 8 by 16, from registers alone: eight chains a simdgroup, p.units steps
// each. No kernel takes these: they are the rate that a dense product by the same kind of instruction could not pass.
KERNEL(measure_bf16, OUT(uint, y), ARG(measure_args, p)) {
  const uint v = 0x3c003c00u | lane << 16 | sg;  // small values that differ, as zeros would cost less power
  const uint4 a = U4(v, v + 1u, v + 2u, v + 3u);
  float4 f[8];
  UNROLL
  for (uint j = 0; j < 8u; j++) f[j] = F4(0.0f, 0.0f, 0.0f, 0.0f);
  for (uint i = 0; i < p.units; i++) {
    UNROLL
    for (uint j = 0; j < 8u; j++) f[j] = mma_bf16(a, v + j, v + 8u, f[j]);
  }
  float sum = 0.0f;
  UNROLL
  for (uint j = 0; j < 8u; j++) sum = sum + f[j].x + f[j].y + f[j].z + f[j].w;
  if (as_type<uint>(sum) == p.never) y[0] = 1u;
}
#endif
