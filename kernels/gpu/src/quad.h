// quad.h: the quantiser of acts.h for rows of whole blocks of 64, where a lane has four neighbouring inputs and half a
// simdgroup a block: a word of codes is a lane's own, and what a block has once is computed by 16 lanes instead of 32.
#pragma once

// Four inputs of one row, and the forms that a row is put in. b may lie past the row's last block: all lanes of a
// simdgroup call this, since they exchange what they have.
GPU_FN uint magnitude(float x) { return as_type<uint>(x) & 0x7fffffffu; }
GPU_FN uint above(uint a, uint b) { return a > b ? a : b; }

// The nearest integer, ties to even, of a number below 2^22 in magnitude: 1.5 * 2^23 leaves it in the lowest bits.
GPU_FN int nearest(float x) { return as_type<int>(x + 12582912.0f) - 0x4b400000; }

// mx: the bits of the greatest magnitude of the lane's group, of 64 (SUB 1) or 32 (SUB 2) inputs.
template <uint P, uint SUB>
GPU_FN void put_quad_form(gptr<uint> a, uint nb, uint maxrows, uint row, uint b, float4 y, uint mx, uint lane) {
  const float R = P == 1 ? 127.0f : 32512.0f;
  const uint m = lane & 15u;
  // No branches before lanes exchange what they have. Codes of what is too small, infinite or NaN are 0.
  const bool finite = mx >= 0x0d800000u && mx < 0x7f800000u;  // 2^-100
  const float scale = as_type<float>(finite ? mx : 0x3f800000u) / R;
  const float inv = 1.0f / scale;
  const int q[4] = {finite ? nearest(y.x * inv) : 0, finite ? nearest(y.y * inv) : 0, finite ? nearest(y.z * inv) : 0, finite ? nearest(y.w * inv) : 0};
  int sum = (q[0] + q[1]) + (q[2] + q[3]);
  sum = sum + simd_shuffle_xor(sum, 1);
  sum = sum + simd_shuffle_xor(sum, 2);
  sum = sum + simd_shuffle_xor(sum, 4);
  if (SUB == 1) sum = sum + simd_shuffle_xor(sum, 8);
  if (b >= nb) return;
  const uint at = (b * maxrows + row) * P;
  UNROLL
  for (uint plane = 0; plane < P; plane++) {
    uint c[4];
    UNROLL
    for (uint j = 0; j < 4u; j++) {
      const int h = (q[j] + 128) >> 8;
      c[j] = uint(P == 1 ? q[j] : plane == 0 ? h : q[j] - 256 * h) & 255u;
    }
    a[(at + plane) * 16u + (m & 3u) * 4u + (m >> 2)] = c[0] | c[1] << 8 | c[2] << 16 | c[3] << 24;
  }
  if ((m & (SUB == 1 ? 15u : 7u)) == 0u) {
    gptr<float2> to = (gptr<float2>)(a + nb * maxrows * P * 16u);
    const float s = finite ? scale : mx < 0x0d800000u ? 0.0f : as_type<float>(mx);
    const float bias = mx > 0x7f800000u ? s : s * float(sum);
    to[(b * maxrows + row) * SUB + m / 8u] = F2(s, bias);
  }
}

// put_block for four inputs a lane: 64b + 4 * (lane mod 16) and the three after it.
GPU_FN void put_quad(ACTS_ARGS, cref<acts_at> p, uint row, uint b, float4 y, uint lane) {
  const uint nb = p.K / 64u;
  if ((p.forms & FORM_F32) && b < nb) ((gptr<float4>)af)[(ulong(row) * p.K + 64u * b) / 4u + (lane & 15u)] = y;
  if (p.forms == FORM_F32) return;
  uint half = above(above(magnitude(y.x), magnitude(y.y)), above(magnitude(y.z), magnitude(y.w)));
  half = above(half, simd_shuffle_xor(half, 1));
  half = above(half, simd_shuffle_xor(half, 2));
  half = above(half, simd_shuffle_xor(half, 4));
  const uint mx = above(half, simd_shuffle_xor(half, 8));
  if (p.forms & FORM_I8_64) put_quad_form<1, 1>(i8g64, nb, p.maxrows, row, b, y, mx, lane);
  if (p.forms & FORM_I16_64) put_quad_form<2, 1>(i16g64, nb, p.maxrows, row, b, y, mx, lane);
  if (p.forms & FORM_I8_32) put_quad_form<1, 2>(i8g32, nb, p.maxrows, row, b, y, half, lane);
  if (p.forms & FORM_I16_32) put_quad_form<2, 2>(i16g32, nb, p.maxrows, row, b, y, half, lane);
}
