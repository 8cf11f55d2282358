// primitives.metal: the functions of arith.h, one value a thread.
#include "gpu.h"
#include "arith.h"

#define PRIMITIVES 8

KERNEL(primitives, IN(float, x), OUT(uint, y)) {
  const uint i = tg.x * 64u + tid.x;
  const float v = x[i];
  y[i * PRIMITIVES] = as_type<uint>(exp_bits(v));
  y[i * PRIMITIVES + 1u] = as_type<uint>(log_bits(v));
  y[i * PRIMITIVES + 2u] = as_type<uint>(sigmoid_bits(v));
  y[i * PRIMITIVES + 3u] = as_type<uint>(silu_bits(v));
  y[i * PRIMITIVES + 4u] = as_type<uint>(softplus_bits(v));
  y[i * PRIMITIVES + 5u] = as_type<uint>(inv_sqrt(v));
  y[i * PRIMITIVES + 6u] = bf16_of(v);
  y[i * PRIMITIVES + 7u] = as_type<uint>(f32_of_f16(as_type<uint>(v) >> 16));
}
