// acts.h: the layouts of activations and the quantiser. A row is put 64 inputs at a time, by one simdgroup whose lane l
// holds inputs l and l+32 of the block. With nb = ceil(K/64) blocks, P planes (int8 1, int16 2) and SUB scales a block
// (group 64: 1, group 32: 2), a form's buffer holds, in 32-bit words,
//
//   codes   word (((b*maxrows + row)*P + plane)*4 + t)*4 + j: inputs 16j+4t .. +3 of block b, a byte each, so that lane
//           (row, t) of a matrix step reads 16 bytes
//   scales  from nb*maxrows*P*16 on: pairs {s, b} at ((b*maxrows + row)*SUB + sub)*2
//
// An int16 q is hi*256 + lo with hi = (q+128)>>8; plane 0 is hi.
#pragma once

struct acts_at {
  uint K, maxrows, forms;
};

#define FORM_F32 1u
#define FORM_I8_64 2u
#define FORM_I16_64 4u
#define FORM_I8_32 8u
#define FORM_I16_32 16u

#define ACTS_OUT OUT(float, af), OUT(uint, i8g64), OUT(uint, i16g64), OUT(uint, i8g32), OUT(uint, i16g32)
#define ACTS af, i8g64, i16g64, i8g32, i16g32
#define ACTS_ARGS gptr<float> af, gptr<uint> i8g64, gptr<uint> i16g64, gptr<uint> i8g32, gptr<uint> i16g32

// Four neighbouring lanes' bytes in one word, in all four lanes.
GPU_FN uint pack4(int q, uint lane) {
  uint v = (uint(q) & 255u) << (8u * (lane & 3u));
  v = v | simd_shuffle_xor(v, 1);
  return v | simd_shuffle_xor(v, 2);
}

GPU_FN int code_of(float y, uint mx, float R) {
  if (mx < 0x0d800000u || mx > 0x7f800000u) return 0;  // 2^-100; NaN
  const float s = as_type<float>(mx) / R;
  const float inv = 1.0f / s;
  return int(rint(y * inv));
}

// P planes, SUB scales; m0 and m1 are the bits of the greatest magnitude among inputs 0..31 and 32..63.
template <uint P, uint SUB>
GPU_FN void put_form(gptr<uint> a, uint nb, uint maxrows, uint row, uint b, float y0, float y1, uint m0, uint m1, uint lane) {
  const float R = P == 1 ? 127.0f : 32512.0f;
  if (SUB == 1) {
    m0 = m0 > m1 ? m0 : m1;
    m1 = m0;
  }
  const int q0 = code_of(y0, m0, R), q1 = code_of(y1, m1, R);
  int sum0 = sum_int32(q0), sum1 = sum_int32(q1);
  if (SUB == 1) sum0 = sum0 + sum1;
  const uint at = (b * maxrows + row) * P;
  UNROLL
  for (uint plane = 0; plane < P; plane++) {
    int c0 = q0, c1 = q1;
    if (P == 2) {
      const int h0 = (q0 + 128) >> 8, h1 = (q1 + 128) >> 8;
      c0 = plane == 0 ? h0 : q0 - 256 * h0;
      c1 = plane == 0 ? h1 : q1 - 256 * h1;
    }
    const uint w0 = pack4(c0, lane), w1 = pack4(c1, lane);
    if ((lane & 3u) == 0u) {
      const uint word = ((at + plane) * 4u + ((lane >> 2) & 3u)) * 4u + (lane >> 4);
      a[word] = w0;
      a[word + 2u] = w1;
    }
  }
  if (lane < SUB) {
    const uint mx = lane == 0 ? m0 : m1;
    float s = 0.0f, bias = 0.0f;
    if (mx > 0x7f800000u) {
      s = as_type<float>(mx);
      bias = s;
    } else if (mx >= 0x0d800000u) {
      s = as_type<float>(mx) / R;
      bias = s * float(lane == 0 ? sum0 : sum1);
    }
    const uint word = nb * maxrows * P * 16u + ((b * maxrows + row) * SUB + lane) * 2u;
    a[word] = as_type<uint>(s);
    a[word + 1u] = as_type<uint>(bias);
  }
}

// Puts block b of a row in every form: y0 and y1 are inputs 64b+lane and 64b+32+lane, zero past K.
GPU_FN void put_block(ACTS_ARGS, cref<acts_at> p, uint row, uint b, float y0, float y1, uint lane) {
  const uint k = 64u * b + lane, nb = (p.K + 63u) / 64u;
  if (p.forms & FORM_F32) {
    const ulong at = ulong(row) * p.K + k;
    if (k < p.K) af[at] = y0;
    if (k + 32u < p.K) af[at + 32u] = y1;
  }
  if (p.forms == FORM_F32) return;
  const uint m0 = max_uint32(as_type<uint>(y0) & 0x7fffffffu), m1 = max_uint32(as_type<uint>(y1) & 0x7fffffffu);
  if (p.forms & FORM_I8_64) put_form<1, 1>(i8g64, nb, p.maxrows, row, b, y0, y1, m0, m1, lane);
  if (p.forms & FORM_I16_64) put_form<2, 1>(i16g64, nb, p.maxrows, row, b, y0, y1, m0, m1, lane);
  if (p.forms & FORM_I8_32) put_form<1, 2>(i8g32, nb, p.maxrows, row, b, y0, y1, m0, m1, lane);
  if (p.forms & FORM_I16_32) put_form<2, 2>(i16g32, nb, p.maxrows, row, b, y0, y1, m0, m1, lane);
}
