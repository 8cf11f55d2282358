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
