// part.metal: products whose outputs differ from row to row. A threadgroup computes place tg.x of row tg.y's list: one
// block of 16 outputs, which is a strip of the weight. lists: [rows][1 + most], how many, then which; the host has looked
// at them.

struct part_args {
  uint K, blocks, groups, block, wide, limit, first, most, stride, maxrows;
};

// From output `limit` on there is nothing to compute: the product leaves those columns out, and they are set to -Inf.
#define PART_BEGIN                                                                        \
  const uint row = tg.y;                                                                  \
  if (row >= uint(sl[SLOT_LOGITS])) return;                                               \
  gptr<const int> list = lists + row * (1u + p.most);                                     \
  if (tg.x >= uint(list[0])) return;                                                      \
  const uint strip = uint(list[1u + tg.x]);                                               \
  const uint left = p.limit > strip * 16u ? p.limit - strip * 16u : 0u;                   \
  const ulong at = ulong(strip) * p.blocks * p.block;
#define PART_END                                                                          \
  if (tid.x < 16u && tid.x >= left) y[ulong(row) * p.stride + p.first + tg.x * 16u + tid.x] = as_type<float>(0xff800000u);

#define PART(name, BITS, P, SUB, MATRIX)                                                                                        \
  KERNEL(name, IN(int, sl), IN(int, lists), FIXED(uint4, w), IN(uint4, x), INOUT(float, y), ARG(part_args, p)) {                \
    THREADGROUP(int2, part, CHUNK_WORDS);                                                                                       \
    THREADGROUP(float2, tails, 2 * 16 * 16);                                                                                    \
    THREADGROUP(float2, sb, 2 * 16 * 8);                                                                                        \
    PART_BEGIN                                                                                                                  \
    product_strip<BITS, P, SUB, 1, MATRIX, false>(sl, 0xffffffffu, w, w, w, w, no_parts(), x, y, part, tails, sb, at, p.wide, p.blocks, p.groups, p.block,  \
                                           left, p.first + tg.x * 16u, p.stride, 0u, p.maxrows, row, row, 0u, 1u, 1u, tid.x, lane, sg); \
    PART_END                                                                                                                    \
  }
#define PART_FLOAT(name, TYPE)                                                                                                  \
  KERNEL(name, IN(int, sl), IN(int, lists), FIXED(uint4, w), IN(float, x), IN(float4, x4), INOUT(float, y), ARG(part_args, p)) { \
    THREADGROUP(float, part, 2 * 16 * PART_STRIDE);                                                                             \
    PART_BEGIN                                                                                                                  \
    float_strip<TYPE, 1>(w, x, x4, y, part, at, p.K, p.blocks, tg.x * 16u + left, p.first, p.stride, 0u, row, row, 1u, tg.x, tid.x, lane, sg); \
    PART_END                                                                                                                    \
  }

#if GPU_MATRIX
PART(part_4_8_64, 4, 1, 1, true)
PART(part_4_8_32, 4, 1, 2, true)
PART(part_4_16_64, 4, 2, 1, true)
PART(part_4_16_32, 4, 2, 2, true)
PART(part_8_16_64, 8, 2, 1, true)
PART(part_8_16_32, 8, 2, 2, true)
#endif
#if !defined(__CUDACC__)
PART(part_4_8_64_dot, 4, 1, 1, false)
PART(part_4_8_32_dot, 4, 1, 2, false)
PART(part_4_16_64_dot, 4, 2, 1, false)
PART(part_4_16_32_dot, 4, 2, 2, false)
PART(part_8_16_64_dot, 8, 2, 1, false)
PART(part_8_16_32_dot, 8, 2, 2, false)
#endif
PART_FLOAT(part_bf16, W_BF16)
PART_FLOAT(part_f16, W_F16)
PART_FLOAT(part_f32, W_F32)
