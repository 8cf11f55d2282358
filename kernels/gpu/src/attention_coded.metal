// attention_coded.metal: quantised keys and values. Keys are bytes with a scale for 32 dims; values are rotated, and codes of
// 8, 4 or 3 bits with a scale a token (kernels/kv.go has the places, kernels/kv_code.go the arithmetic). Pools are read in
// words; a word of a key holds four dims of a token, a word of values some tokens of a dim.

// ---- codes ----
// Byte i of a word as a float: the byte becomes the end of a float whose unit is 1, from which its beginning is taken.
GPU_FN float byte_float(uint word, uint i) { return as_type<float>(bytes_at(word, 0x4b000000u, 0x7440u + i)) - 8388608.0f; }
// The same of a signed byte, in a word whose bytes had their top bits turned.
#define SIGNED_BYTES 0x80808080u
GPU_FN float signed_float(uint word, uint i) { return as_type<float>(bytes_at(word, 0x4b000000u, 0x7440u + i)) - 8388736.0f; }

// What the values' codes stand for: the magnitudes of 4 bits are the bytes of two words, those of 3 bits of one.
#define LEVELS4_LOW 0x2c1f1206u
#define LEVELS4_HIGH 0x7f604b3au
#define LEVELS3 0x7f4f2d0eu

// Codes of token u of a page, in the words of a dim.
template <uint BITS>
GPU_FN float value_of(GPU_ARRAY(uint, v, LOAD_WORDS), uint u) {
  if (BITS == 8u) return signed_float(v[u / 4u] ^ SIGNED_BYTES, u % 4u);
  if (BITS == 4u) {
    const uint word = v[u / 8u], e = u % 8u, four = bytes_at(LEVELS4_LOW, LEVELS4_HIGH, e < 4u ? word : word >> 16);
    return as_type<float>(as_type<uint>(byte_float(four, e % 4u)) ^ ((word << (28u - 4u * e)) & 0x80000000u));
  }
  const uint b = u / 32u * 3u, e = u % 32u;
  uint code = 0;
  if (e < 30u)
    code = v[b + e / 10u] >> (3u * (e % 10u));
  else  // in the words' last two bits
    code = v[b + (e & 1u) * 2u] >> 30 | ((v[b + 1u] >> e) & 1u) << 2;
  const float x = as_type<float>(bytes_at(LEVELS3, 0x4b000000u, 0x7440u | (code & 3u))) - 8388608.0f;
  return as_type<float>(as_type<uint>(x) ^ ((code << 29) & 0x80000000u));
}

// ---- the rotation ----
GPU_FN float rotation_sign(uint i) {
  uint x = i * 0x9e3779b1u + 0x7f4a7c15u;
  x = x ^ (x >> 16);
  x = x * 0x85ebca6bu;
  x = x ^ (x >> 13);
  return x & 1u ? -1.0f : 1.0f;
}
GPU_FN uint rotation_block(uint HD) { return HD & (~HD + 1u); }

// A step of the transform between lanes whose numbers differ in bit d.
GPU_FN float turn(float v, ushort d, uint lane) {
  const float other = simd_shuffle_xor(v, d);
  return lane & d ? other - v : v + other;
}

// Turns a block of 64 of rotated sums back: y0 and y1 are dims i0 and i1 of their heads. A threadgroup has whole blocks of
// the rotation, which begin where its simdgroups' do, or have 64 dims or fewer. x: 64 floats a simdgroup.
GPU_FN void turn_back(GPU_OUT_REF(float) y0, GPU_OUT_REF(float) y1, uint i0, uint i1, tptr<float> x, uint HD, uint lane, uint sg) {
  const uint block = rotation_block(HD);
  for (ushort d = 1; d < 32; d <<= 1)
    if (d < block) {
      y0 = turn(y0, d, lane);
      y1 = turn(y1, d, lane);
    }
  if (block >= 64u) {
    const float a = y0, b = y1;
    y0 = a + b;
    y1 = a - b;
  }
  for (uint h = 1; 64u * h < block; h *= 2u) {
    if (h > 1u) threadgroup_barrier(mem_flags::mem_threadgroup);
    x[sg * 64u + lane] = y0;
    x[sg * 64u + 32u + lane] = y1;
    threadgroup_barrier(mem_flags::mem_threadgroup);
    const float o0 = x[(sg ^ h) * 64u + lane], o1 = x[(sg ^ h) * 64u + 32u + lane];
    y0 = sg & h ? o0 - y0 : y0 + o0;
    y1 = sg & h ? o1 - y1 : y1 + o1;
  }
  const float f = 1.0f / float(block), f0 = rotation_sign(i0) * f, f1 = rotation_sign(i1) * f;
  y0 = y0 * f0;
  y1 = y1 * f1;
}

// ---- quantising ----
// A magnitude's bits, or 0 below 2^-100, where its inverse could overflow.
GPU_FN float greatest_of(uint bits) { return bits < 0x0d800000u ? 0.0f : as_type<float>(bits); }

// The code of a value that was divided by its scale; 0 for NaN.
template <uint BITS>
GPU_FN uint value_code(float y) {
  if (BITS == 8u) return y == y ? uint(int(rint(y))) & 255u : 0u;
  const float a = as_type<float>(as_type<uint>(y) & 0x7fffffffu);
  uint c = 0;
  if (BITS == 4u) {
    c = (a > 12.0f ? 1u : 0u) + (a > 24.5f ? 1u : 0u) + (a > 37.5f ? 1u : 0u) + (a > 51.0f ? 1u : 0u);
    c = c + (a > 66.5f ? 1u : 0u) + (a > 85.5f ? 1u : 0u) + (a > 111.5f ? 1u : 0u);
    return y < 0.0f ? c + 8u : c;
  }
  c = (a > 29.5f ? 1u : 0u) + (a > 62.0f ? 1u : 0u) + (a > 103.0f ? 1u : 0u);
  return y < 0.0f ? c + 4u : c;
}

// Puts the code of dim i of token t among those of its words, which one thread writes.
template <uint BITS>
GPU_FN void put_code(gptr<uint> values, uint t, uint i, uint code) {
  const uint u = t % 32u, tile = i / 16u * (32u * BITS) + i % 16u;
  if (BITS != 3u) {
    const uint per = 32u / BITS, at = tile + t / per * 16u, bit = t % per * BITS;
    values[at] = (uint(values[at]) & ~(((1u << BITS) - 1u) << bit)) | code << bit;
    return;
  }
  const uint at = tile + t / 32u * 48u;
  if (u < 30u) {
    const uint w = at + u / 10u * 16u, bit = 3u * (u % 10u);
    values[w] = (uint(values[w]) & ~(7u << bit)) | code << bit;
    return;
  }
  const uint w = at + (u & 1u) * 32u, middle = at + 16u;
  values[w] = (uint(values[w]) & 0x3fffffffu) | code << 30;
  values[middle] = (uint(values[middle]) & ~(1u << u)) | code >> 2 << u;
}

// A head's value of one token, rotated and quantised. values: where the head's begin in the page.
template <uint BITS>
GPU_FN void quantise_value(gptr<uint> values, gptr<const float> line, uint HD, uint t, uint lane) {
  const uint block = rotation_block(HD);
  float v[HEAD_MOST / 32];
  UNROLL
  for (uint j = 0; j < HEAD_MOST / 32; j++) {
    const uint i = lane + 32u * j;
    v[j] = i < HD ? line[i] * rotation_sign(i) : 0.0f;
  }
  UNROLL
  for (uint j = 0; j < HEAD_MOST / 32; j++) {
    if (32u * j >= HD) break;
    for (ushort d = 1; d < 32; d <<= 1)
      if (d < block) v[j] = turn(v[j], d, lane);
  }
  UNROLL
  for (uint h = 1; h < HEAD_MOST / 32; h *= 2u)
    if (32u * h < block) {
      UNROLL
      for (uint j = 0; j < HEAD_MOST / 32; j++)
        if ((j & h) == 0u) {
          const float a = v[j], b = v[j + h];
          v[j] = a + b;
          v[j + h] = a - b;
        }
    }
  float s = 0.0f;
  if (BITS == 8u) {
    uint most = 0;
    UNROLL
    for (uint j = 0; j < HEAD_MOST / 32; j++) {
      const uint m = as_type<uint>(v[j]) & 0x7fffffffu;
      most = m > most ? m : most;
    }
    s = greatest_of(max_uint32(most)) / 127.0f;
  } else {
    float acc = 0.0f;  // of lanes 0..15: chains over dims 16 apart
    UNROLL
    for (uint j = 0; j < HEAD_MOST / 32; j++) {
      if (32u * j >= HD) break;
      const float more = simd_shuffle_xor(v[j], 16);
      acc = fma(v[j], v[j], acc);
      if (32u * j + 16u < HD) acc = fma(more, more, acc);
    }
    acc = tree16(acc);
    const float mean = simd_shuffle(acc, 0) / float(HD), root = sqrt(mean);
    s = root * as_type<float>(BITS == 4u ? 0x3cb04346u : 0x3c8acf19u);  // the greatest level of a normal distribution, over 127
    if (s < as_type<float>(0x0d800000u)) s = 0.0f;
  }
  const float inv = s == 0.0f ? 0.0f : 1.0f / s;
  UNROLL
  for (uint j = 0; j < HEAD_MOST / 32; j++) {
    const uint i = lane + 32u * j;
    if (i < HD) {
      const float y = v[j] * inv;
      put_code<BITS>(values, t, i, s == 0.0f ? 0u : value_code<BITS>(y));
    }
  }
  if (lane == 0u) values[PAGE * HD * BITS / 32u + t] = as_type<uint>(s);
}

// ---- the ways ----
// Positions whose values share words are written by one simdgroup, that of the first of them in the forward.
template <uint BITS>
struct coded_way {
  enum { WIDE = 0, SCALED = 1, BLOCK = BITS == 8u ? 4 : BITS == 4u ? 8 : 32, WORDS = PAGE * BITS / 32u };  // WORDS: of a dim in a page

  GPU_FN void put_key(gptr<ushort> pool, ulong at, uint HD, uint t, uint i, float v, uint lane) {
    const uint tile = t / 16u, groups = (HD + 31u) / 32u;
    const float most = greatest_of(max_uint32(as_type<uint>(v) & 0x7fffffffu)) / 127.0f;  // v is 0 past the last dim
    const uint h = bf16_of(most);
    const float s = f32_of_bf16(h), inv = s == 0.0f ? 0.0f : 1.0f / s, y = v * inv;
    const uint word = pack4(s != 0.0f && y == y ? int(rint(y)) : 0, lane);
    gptr<uint> keys = (gptr<uint>)(pool + at);
    if ((lane & 3u) == 0u && i < HD) keys[tile * 4u * HD + i / 4u * 16u + t % 16u] = word;
    if (lane == 0u) pool[at + PAGE * HD / 2u + (tile * groups + i / 32u) * 16u + t % 16u] = ushort(h);
  }

  GPU_FN void put_value(gptr<ushort> pool, ulong at, gptr<const int> sl, gptr<const float> in, cref<attn_prep_args> p, uint h, uint row, uint t, uint lane) {
    const uint l = uint(sl[p.s.lane + row]), first = uint(sl[p.s.first + l]), end = first + uint(sl[p.s.count + l]);
    if (row > first && t % BLOCK != 0u) return;
    const uint rows = BLOCK - t % BLOCK < end - row ? BLOCK - t % BLOCK : end - row;
    gptr<uint> values = (gptr<uint>)(pool + at);
    for (uint r = 0; r < rows; r++) quantise_value<BITS>(values, in + (ulong(row + r) * p.stride + p.v + h * p.d.HD), p.d.HD, t + r, lane);
  }

  // Words of a key from dim i on, and the scales of their groups.
  GPU_FN void load_key(gptr<const uint> key, gptr<const uint> scales, GPU_ARRAY(uint, k, LOAD_WORDS), GPU_ARRAY(uint, s, LOAD_WORDS / 8u), uint i, uint HD) {
    UNROLL
    for (uint j = 0; j < LOAD_WORDS / 8u; j++)
      if (i + 32u * j < HD) s[j] = scales[(i / 32u + j) * 8u];
    UNROLL
    for (uint j = 0; j < LOAD_WORDS; j++)
      if (i + 4u * j < HD) k[j] = key[(i / 4u + j) * 16u];
  }

  // Scores of a split: item (token, quad) is a chain over groups ascending of chains over their dims.
  GPU_FN void scores(gptr<const uint> pool, cref<attn_args> p, tptr<float4> q, tptr<float4> w, split_pages pages, uint n, uint quads, uint tid) {
    const uint HD = p.d.HD, groups = (HD + 31u) / 32u;
    for (uint item = tid; item < SPLIT * quads; item += 256u) {
      const uint t = item % SPLIT, g = item / SPLIT, tile = t % PAGE / 16u;
      if (t >= n) continue;
      gptr<const uint> head = pool + (t < PAGE ? pages.a : pages.b);
      gptr<const uint> key = head + (tile * 4u * HD + t % 16u), scales = head + (PAGE * HD / 4u + tile * groups * 8u + t % 16u / 2u);
      const uint shift = t & 1u ? 0u : 16u;
      float4 a = F4(0.0f, 0.0f, 0.0f, 0.0f);
      uint k[LOAD_WORDS], next[LOAD_WORDS], s[LOAD_WORDS / 8u], nexts[LOAD_WORDS / 8u];
      load_key(key, scales, k, s, 0, HD);
      for (uint i = 0; i < HD; i += 4u * LOAD_WORDS) {
        load_key(key, scales, next, nexts, i + 4u * LOAD_WORDS, HD);
        UNROLL
        for (uint b = 0; b < LOAD_WORDS / 8u; b++) {
          if (i + 32u * b >= HD) continue;
          float4 sum = F4(0.0f, 0.0f, 0.0f, 0.0f);
          UNROLL
          for (uint j = 0; j < 32u; j += 16u)  // HD has whole sixteens
            if (i + 32u * b + j < HD) {
              float4 x[16];
              UNROLL
              for (uint e = 0; e < 16u; e++) x[e] = q[g * HD + i + 32u * b + j + e];
              UNROLL
              for (uint e = 0; e < 16u; e++) sum = fma4(signed_float(k[8u * b + (j + e) / 4u] ^ SIGNED_BYTES, e % 4u), x[e], sum);
            }
          a = fma4(as_type<float>((s[b] << shift) & 0xffff0000u), sum, a);
        }
        UNROLL
        for (uint j = 0; j < LOAD_WORDS; j++) k[j] = next[j];
        UNROLL
        for (uint j = 0; j < LOAD_WORDS / 8u; j++) s[j] = nexts[j];
      }
      w[g * SPLIT + t] = a;
    }
  }

  // Token of a page whose code is the first in word j of a dim.
  GPU_FN uint first_of(uint j) { return BITS == 3u ? j / 3u * 32u + j % 3u * 10u : j * (32u / BITS); }

  // Words of a dim's values in the page of token t, as far as there are tokens.
  GPU_FN void load(gptr<const uint> pool, split_pages pages, GPU_ARRAY(uint, v, LOAD_WORDS), uint half, uint i, uint t, uint n) {
    gptr<const uint> value = pool + ((t < PAGE ? pages.a : pages.b) + half + i / 16u * WORDS * 16u + i % 16u);
    UNROLL
    for (uint j = 0; j < WORDS; j++) {
      v[j] = 0;
      if (t + first_of(j) < n) v[j] = value[j * 16u];
    }
  }

  // A lane has the scales of tokens 32 apart.
  GPU_FN void load_scales(gptr<const uint> pool, split_pages pages, GPU_ARRAY(float, scale, SPLIT / 32u), uint half, uint HD, uint n, uint lane) {
    UNROLL
    for (uint j = 0; j < SPLIT / 32u; j++) {
      const uint t = lane + 32u * j;
      if (t < n) scale[j] = as_type<float>(pool[(t < PAGE ? pages.a : pages.b) + half + PAGE * HD * BITS / 32u + t % PAGE]);
    }
  }

  // One simdgroup a quad: the weights, which were summed, times the scales.
  GPU_FN void weigh(tptr<float4> w, GPU_ARRAY(float, scale, SPLIT / 32u), uint n, uint g, uint lane) {
    simdgroup_barrier(mem_flags::mem_threadgroup);
    UNROLL
    for (uint j = 0; j < SPLIT / 32u; j++) {
      const uint t = lane + 32u * j;
      if (t < n) {
        const float4 x = w[g * SPLIT + t];
        w[g * SPLIT + t] = F4(x.x * scale[j], x.y * scale[j], x.z * scale[j], x.w * scale[j]);
      }
    }
  }

  // As attn_values.
  GPU_FN void values(gptr<const uint> pool, cref<attn_args> p, tptr<float4> w, tptr<float4> o, tptr<float4> st, split_pages pages, GPU_ARRAY(uint, v, LOAD_WORDS), uint n,
                     uint quads, bool merge, uint tid) {
    const uint HD = p.d.HD, half = p.d.halfelems / 2u;
    for (uint item = tid; item < HD * quads; item += 256u) {
      const uint i = item % HD, g = item / HD;
      if (item != tid) load(pool, pages, v, half, i, 0, n);
      float4 a = F4(0.0f, 0.0f, 0.0f, 0.0f);
      for (uint t = 0; t < n; t += PAGE) {
        const uint here = n - t < PAGE ? n - t : PAGE;
        uint next[LOAD_WORDS];
        if (t + PAGE < n) load(pool, pages, next, half, i, t + PAGE, n);
        UNROLL
        for (uint j = 0; j < PAGE; j += 16u) {
          if (j + 16u <= here) {
            float4 x[16];
            UNROLL
            for (uint e = 0; e < 16u; e++) x[e] = w[g * SPLIT + t + j + e];
            UNROLL
            for (uint e = 0; e < 16u; e++) a = fma4(value_of<BITS>(v, j + e), x[e], a);
          } else {
            UNROLL
            for (uint e = 0; e < 16u; e++)
              if (j + e < here) {
                const float4 x = w[g * SPLIT + t + j + e];
                a = fma4(value_of<BITS>(v, j + e), x, a);
              }
          }
        }
        if (t + PAGE < n) {
          UNROLL
          for (uint j = 0; j < WORDS; j++) v[j] = next[j];
        }
      }
      merge_into(o, st, g, HD, i, a, merge);
    }
  }
};

#define CODED(name, BITS)                                        \
  ATTN_PREP(attn_prep_##name, ushort, coded_way<BITS>, ushort)   \
  ATTENTION(attention_##name, coded_way<BITS>)
CODED(q8, 8u)
CODED(q8v4, 4u)
CODED(q8v3, 3u)

// attention_merge for values that were rotated: a threadgroup has two blocks of 64, or a block of the rotation, which is
// turned back before the gate.
KERNEL_SLOTS(attention_merge_coded, IN(int, sl), IN(float, scratch), IN(float, gates), ACTS_OUT, ARG(attn_merge_args, p)) {  // 64 threads, or half a rotation's block
  THREADGROUP(float, x, HEAD_MOST);
  const uint row = tg.y, b = tg.x * (ntid.x / 32u) + sg, HD = p.d.HD, K = p.d.NQ * HD, k = 64u * b + lane;
  uint splits = 0;
  const bool here = merge_here(sl, p, row, b, splits);
  GRID_WAIT();
  if (!here) return;
  float y0 = 0.0f, y1 = 0.0f, z0 = 0.0f, z1 = 0.0f;
  merge_block(scratch, gates, p, row, b, splits, lane, y0, y1, z0, z1);
  turn_back(y0, y1, k % HD, (k + 32u) % HD, x, HD, lane, sg);
  put_block(ACTS, p.a, row, b, gated(y0, z0, k, K), gated(y1, z1, k + 32u, K), lane);
}
