// arith.h: the catalogue's float32 primitives (kernels/float.go) in the subset. Every fma is written, everything else is
// one rounding an operation, and nothing comes from a device's library but sqrt and division, which are correctly rounded.
#pragma once

GPU_FN float exp_bits(float x) {
  if (x != x) return x;
  x = x < -87.0f ? -87.0f : x;
  x = x > 88.0f ? 88.0f : x;
  const float n = rint(x * 1.44269504f);
  float r = fma(-n, 0.693359375f, x);
  r = fma(-n, -2.12194440e-4f, r);
  float p = 1.9875691500e-4f;
  p = fma(p, r, 1.3981999507e-3f);
  p = fma(p, r, 8.3334519073e-3f);
  p = fma(p, r, 4.1665795894e-2f);
  p = fma(p, r, 1.6666665459e-1f);
  p = fma(p, r, 5.0000001201e-1f);
  const float pr = p * r;
  const float r1 = r + 1.0f;
  const float y = fma(pr, r, r1);
  return y * as_type<float>((int(n) + 127) << 23);
}

GPU_FN float log_bits(float x) {
  const uint u = as_type<uint>(x);
  int e = int(u >> 23) - 126;
  float m = as_type<float>((u & 0x007fffffu) | 0x3f000000u);
  if (m < 0.70710678f) {
    e = e - 1;
    m = m + m;
  }
  const float f = m - 1.0f;
  const float z = f * f;
  float y = 7.0376836292e-2f;
  y = fma(y, f, -1.1514610310e-1f);
  y = fma(y, f, 1.1676998740e-1f);
  y = fma(y, f, -1.2420140846e-1f);
  y = fma(y, f, 1.4249322787e-1f);
  y = fma(y, f, -1.6668057665e-1f);
  y = fma(y, f, 2.0000714765e-1f);
  y = fma(y, f, -2.4999993993e-1f);
  y = fma(y, f, 3.3333331174e-1f);
  y = y * f;
  y = y * z;
  const float fe = float(e);
  y = fma(fe, -2.12194440e-4f, y);
  y = fma(-0.5f, z, y);
  const float fy = f + y;
  return fma(fe, 0.693359375f, fy);
}

GPU_FN float sigmoid_bits(float x) {
  const float e = 1.0f + exp_bits(-x);
  return 1.0f / e;
}

GPU_FN float silu_bits(float x) {
  const float e = 1.0f + exp_bits(-x);
  return x / e;
}

GPU_FN float softplus_bits(float x) {
  if (x > 20.0f) return x;
  if (x < -15.0f) return exp_bits(x);
  const float e = 1.0f + exp_bits(x);
  return log_bits(e);
}

GPU_FN float inv_sqrt(float x) {
  const float s = sqrt(x);
  return 1.0f / s;
}

// Nearest bfloat16, ties to even; NaN stays NaN.
GPU_FN uint bf16_of(float x) {
  const uint u = as_type<uint>(x);
  if (x != x) return (u >> 16) | 0x40u;
  return (u + 0x7fffu + ((u >> 16) & 1u)) >> 16;
}
GPU_FN float f32_of_bf16(uint h) { return as_type<float>(h << 16); }

// An IEEE half widened exactly, denormals included.
GPU_FN float f32_of_f16(uint h) {
  const uint s = (h & 0x8000u) << 16, e = (h >> 10) & 31u, m = h & 0x3ffu;
  if (e == 31u) return as_type<float>(s | 0x7f800000u | (m << 13));
  if (e == 0u) {
    const float f = float(m) * 5.9604644775390625e-8f;
    return as_type<float>(as_type<uint>(f) | s);
  }
  return as_type<float>(s | ((e + 112u) << 23) | (m << 13));
}

// The greater of two, with +0 above -0 and NaN above all.
GPU_FN float max_bits(float a, float b) {
  if (a > b) return a;
  if (b > a) return b;
  if (a == b) return as_type<float>(as_type<uint>(a) & as_type<uint>(b));
  return a + b;
}

// Sum over lanes 0..15 in the order of Tree16: acc[j] += acc[j+w] for w = 8, 4, 2, 1. Every lane of each half gets it,
// since addition commutes.
GPU_FN float tree16(float acc) {
  acc = acc + simd_shuffle_xor(acc, 8);
  acc = acc + simd_shuffle_xor(acc, 4);
  acc = acc + simd_shuffle_xor(acc, 2);
  acc = acc + simd_shuffle_xor(acc, 1);
  return acc;
}
