// guess.metal: which token the host is expected to draw from a row of candidates. A simdgroup a row, whose lanes have two
// candidates each.

#define BEST 0
#define PICK 1
#define RACE 2
#define DRAW_WORDS 12

struct guess_args {
  slots_at s;
  uint first, listed, most, limit;
};

// The random number of a token: the second word of Philox 4x32-10 over {place, place2, purpose, name}.
GPU_FN float noise_of(uint k0, uint k1, uint place, uint place2, uint purpose, uint name) {
  uint a = place, b = place2, c = purpose, d = name;
  for (uint i = 0; i < 10u; i++) {
    const ulong x = ulong(a) * 0xD2511F53u, y = ulong(c) * 0xCD9E8D57u;
    a = uint(y >> 32) ^ b ^ k0;
    b = uint(y);
    c = uint(x >> 32) ^ d ^ k1;
    d = uint(x);
    k0 = k0 + 0x9E3779B9u;
    k1 = k1 + 0xBB67AE85u;
  }
  return fma(float(b >> 8), 5.9604644775390625e-8f, 2.98023223876953125e-8f);
}

KERNEL_SLOTS(guess_rows, IN(int, sl), IN(uint, draws), INOUT(uint, support), IN(int, lists), OUT(int, tokens), ARG(guess_args, p)) {
  THREADGROUP(float, mass, TOP);
  THREADGROUP(uint, names, TOP);
  const uint row = tg.x;
  const bool here = row < uint(sl[SLOT_ROWS]);
  uint d[DRAW_WORDS];
  UNROLL
  for (uint j = 0; j < DRAW_WORDS; j++) d[j] = here ? uint(draws[row * DRAW_WORDS + j]) : 0u;
  GRID_WAIT();
  if (!here) return;
  gptr<uint> w = support + ulong(d[0]) * (4u + 2u * TOP);
  const uint listed = w[2], n = listed < TOP ? listed : TOP, topk = d[2] == 0u ? TOP : d[2];
  const float top = as_type<float>(uint(w[0])), z = as_type<float>(uint(w[1])), inv = as_type<float>(d[5]);
  float q[2];
  uint name[2];
  UNROLL
  for (uint j = 0; j < 2u; j++) {
    const uint k = lane + 32u * j;
    q[j] = 0.0f;
    name[j] = 0u;
    if (k < n) {
      uint at = w[4u + k];
      if (p.listed && at >= p.first) at = uint(lists[d[0] * (1u + p.most) + 1u + (at - p.first) / 16u]) * 16u + ((at - p.first) & 15u);
      name[j] = at;
      const float x = as_type<float>(uint(w[4u + TOP + k])) - top;
      q[j] = exp_bits(x * inv) / z;
    }
    mass[k] = q[j];
    names[k] = name[j];
  }
  threadgroup_barrier(mem_flags::mem_threadgroup);
  float before[2] = {0.0f, 0.0f};
  for (uint k = 0; k < TOP; k++) {
    const float v = mass[k];
    if (k < lane) before[0] = before[0] + v;
    if (k < lane + 32u) before[1] = before[1] + v;
  }
  const float least = as_type<float>(d[4]) * mass[0];
  uint off = TOP;  // the first of this lane's candidates that is not kept
  UNROLL
  for (uint j = 0; j < 2u; j++) {
    const uint k = lane + 32u * j;
    const bool in = k == 0u || (k < topk && before[j] < as_type<float>(d[3]) && q[j] >= least && q[j] > 0.0f);
    if (off == TOP && (k >= n || !in)) off = k;
  }
  const uint kept = TOP - max_uint32(TOP - off);
  uint chosen = names[0];
  if (d[1] == PICK) {
    float sum[2] = {0.0f, 0.0f}, total = 0.0f;
    for (uint k = 0; k < kept; k++) {
      const float v = mass[k];
      const uint other = names[k];
      total = total + v;
      if (other <= name[0]) sum[0] = sum[0] + v;
      if (other <= name[1]) sum[1] = sum[1] + v;
    }
    const float target = as_type<float>(d[6]) * total;
    uint low = 0u, high = 0u;  // the lowest above the target, as its complement, and the highest of all
    UNROLL
    for (uint j = 0; j < 2u; j++)
      if (lane + 32u * j < kept) {
        if (target < sum[j] && ~name[j] > low) low = ~name[j];
        if (name[j] > high) high = name[j];
      }
    low = max_uint32(low);
    high = max_uint32(high);
    chosen = low != 0u ? ~low : high;
  } else if (d[1] == RACE) {
    uint first = 0xffffffffu, mine = 0xffffffffu;
    UNROLL
    for (uint j = 0; j < 2u; j++)
      if (lane + 32u * j < kept) {
        const float u = noise_of(d[7], d[8], d[9], d[10], d[11], name[j]);
        const float t = (0.0f - log_bits(u)) / q[j];
        const uint bits = t != t ? 0x7f800000u : as_type<uint>(t);  // none is below 0
        if (bits < first || (bits == first && name[j] < mine)) {
          first = bits;
          mine = name[j];
        }
      }
    const uint least = ~max_uint32(~first);
    chosen = ~max_uint32(first == least ? ~mine : 0u);
  }
  if (lane == 0u) {
    const uint last = p.limit - 1u;
    chosen = chosen < last ? chosen : last;
    tokens[row] = int(chosen);
    w[3] = chosen;
  }
}
