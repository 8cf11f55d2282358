// support.metal: what sampling needs of a row of logits. Chunks of 4096 entries give their maximum, their part of Z and
// their 64 best; the best of all are found among those, by as many narrowing passes as the vocabulary needs.

#define CHUNK 4096
#define TOP 64

// A key orders as the value does, -0 like +0; NaN is below all, 0 is "absent".
GPU_FN uint key_of(float x) {
  if (x != x) return 1u;
  const uint u = as_type<uint>(x + 0.0f);
  return (u >> 31) ? ~u : u | 0x80000000u;
}

// Exclusive sum over 256 threads in order; total in sums[8]. Barriers inside.
GPU_FN uint scan256(uint v, tptr<uint> sums, uint lane, uint sg) {
  uint s = v;
  UNROLL
  for (ushort d = 1; d < 32; d <<= 1) {
    const uint t = simd_shuffle(s, ushort((lane - d) & 31u));
    if (lane >= d) s = s + t;
  }
  if (lane == 31u) sums[sg] = s;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  uint before = 0, all = 0;
  for (uint i = 0; i < 8u; i++) {
    const uint t = sums[i];
    if (i < sg) before = before + t;
    all = all + t;
  }
  threadgroup_barrier(mem_flags::mem_threadgroup);
  if (lane == 0u && sg == 0u) sums[8] = all;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  return before + s - v;
}

// The positions of the TOP greatest keys among n, the lower position first among equals, in ascending order of position
// to pick; returns how many. By digits of 8 bits from the top.
GPU_FN uint select_top(tptr<uint> key, uint n, tptr<atomic_uint> hist, tptr<uint> sums, tptr<uint> pick, uint tid, uint lane, uint sg) {
  uint prefix = 0, want = TOP;
  bool all = false;
  for (int shift = 24; shift >= 0; shift -= 8) {
    atomic_store_explicit(&hist[tid], 0u, memory_order_relaxed);
    threadgroup_barrier(mem_flags::mem_threadgroup);
    for (uint i = tid; i < n; i += 256u) {
      const uint k = key[i];
      if (k != 0u && (shift == 24 || ((k ^ prefix) >> (shift + 8)) == 0u)) atomic_fetch_add_explicit(&hist[(k >> shift) & 255u], 1u, memory_order_relaxed);
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);
    if (sg == 0u) {  // lane l has digits 255-8l down to 248-8l
      uint own = 0;
      for (uint j = 0; j < 8u; j++) own = own + atomic_load_explicit(&hist[255u - 8u * lane - j], memory_order_relaxed);
      uint upto = own;
      UNROLL
      for (ushort d = 1; d < 32; d <<= 1) {
        const uint t = simd_shuffle(upto, ushort((lane - d) & 31u));
        if (lane >= d) upto = upto + t;
      }
      const uint before = upto - own;
      if (lane == 31u) sums[10] = upto < want ? 1u : 0u;
      if (before < want && want <= upto) {
        uint left = want - before, j = 0;
        for (; j < 7u; j++) {
          const uint c = atomic_load_explicit(&hist[255u - 8u * lane - j], memory_order_relaxed);
          if (left <= c) break;
          left = left - c;
        }
        sums[8] = 255u - 8u * lane - j;
        sums[9] = left;
      }
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);
    all = sums[10] != 0u;
    if (all) break;
    prefix = prefix | (sums[8] << shift);
    want = sums[9];
    threadgroup_barrier(mem_flags::mem_threadgroup);
  }
  threadgroup_barrier(mem_flags::mem_threadgroup);
  uint base = 0, equal = 0;
  for (uint at = 0; at < n; at += 256u) {
    const uint k = at + tid < n ? uint(key[at + tid]) : 0u;
    const uint eq = !all && k == prefix ? 1u : 0u;
    const uint rank = equal + scan256(eq, sums, lane, sg);
    equal = equal + sums[8];
    threadgroup_barrier(mem_flags::mem_threadgroup);
    const uint take = k != 0u && ((all || k > prefix) || (eq != 0u && rank < want)) ? 1u : 0u;
    const uint pos = base + scan256(take, sums, lane, sg);
    base = base + sums[8];
    threadgroup_barrier(mem_flags::mem_threadgroup);
    if (take) pick[pos] = at + tid;
  }
  threadgroup_barrier(mem_flags::mem_threadgroup);
  return base;
}

struct support_args {
  slots_at s;
  uint vocab, stride, chunks, cand, count;  // places in scratch, in words: chunks' pairs {max, z}, candidates
  uint next, blocks;                        // narrowing: candidates out, blocks of CHUNK in
  uint listed, most;                        // rows have 16 entries more for each block of their lists, [rows][1 + most]
};

GPU_FN uint entries_of(gptr<const int> lists, cref<support_args> p, uint row) {
  return p.vocab + (p.listed ? 16u * uint(lists[row * (1u + p.most)]) : 0u);
}

KERNEL(support_chunk, IN(int, sl), IN(float, logits), INOUT(uint, scratch), IN(int, lists), ARG(support_args, p)) {
  THREADGROUP(uint, key, CHUNK);
  THREADGROUP(atomic_uint, hist, 256);
  THREADGROUP(uint, sums, 12);
  THREADGROUP(uint, pick, TOP);
  THREADGROUP(float, best, 8);
  THREADGROUP(uint, bestat, 8);
  const uint row = tg.y, c = tg.x, from = c * CHUNK;
  if (row >= uint(sl[SLOT_LOGITS])) return;
  gptr<uint> cand = scratch + (ulong(p.cand) + (ulong(row) * p.count + c) * TOP);
  const uint entries = entries_of(lists, p, row);
  if (from >= entries) {  // a longer row's chunk
    if (tid.x < TOP) cand[tid.x] = 0xffffffffu;
    return;
  }
  const uint n = entries - from < CHUNK ? entries - from : CHUNK;
  gptr<const float> x = logits + ulong(row) * p.stride + from;
  float m = 0.0f;
  uint mi = CHUNK;
  for (uint i = tid.x; i < n; i += 256u) {
    const float v = x[i];
    key[i] = key_of(v);
    if (mi == CHUNK || v > m) {
      m = v;
      mi = i;
    }
  }
  UNROLL
  for (ushort d = 16; d; d >>= 1) {
    const float v = simd_shuffle_xor(m, d);
    const uint i = simd_shuffle_xor(mi, d);
    if (i != CHUNK && (mi == CHUNK || v > m || (v == m && i < mi))) {
      m = v;
      mi = i;
    }
  }
  if (lane == 0u) {
    best[sg] = m;
    bestat[sg] = mi;
  }
  threadgroup_barrier(mem_flags::mem_threadgroup);
  m = best[0];
  mi = bestat[0];
  for (uint g = 1; g < 8u; g++) {
    const float v = best[g];
    const uint i = bestat[g];
    if (i != CHUNK && (v > m || (v == m && i < mi))) {
      m = v;
      mi = i;
    }
  }
  const uint found = select_top(key, n, hist, sums, pick, tid.x, lane, sg);
  if (tid.x < TOP) cand[tid.x] = tid.x < found ? from + pick[tid.x] : 0xffffffffu;
  const float inv = as_type<float>(sl[p.s.invt + row]);
  for (uint i = tid.x; i < n; i += 256u) {
    const float d = x[i] - m;
    key[i] = as_type<uint>(exp_bits(d * inv));
  }
  threadgroup_barrier(mem_flags::mem_threadgroup);
  if (sg == 0u) {
    float acc = 0.0f;
    if (lane < 16u)
      for (uint i = lane; i < n; i += 16u) {
        const uint e = key[i];
        acc = acc + as_type<float>(e);
      }
    acc = tree16(acc);
    if (lane == 0u) {
      gptr<uint> out = scratch + (ulong(p.chunks) + (ulong(row) * p.count + c) * 2u);
      out[0] = as_type<uint>(m);
      out[1] = as_type<uint>(acc);
    }
  }
}

GPU_FN uint cand_key(gptr<const float> x, uint id) { return id == 0xffffffffu ? 0u : key_of(x[id]); }

// 4096 candidates to 64, the ids ascending in both.
KERNEL(support_narrow, IN(int, sl), IN(float, logits), INOUT(uint, scratch), ARG(support_args, p)) {
  THREADGROUP(uint, key, CHUNK);
  THREADGROUP(atomic_uint, hist, 256);
  THREADGROUP(uint, sums, 12);
  THREADGROUP(uint, pick, TOP);
  const uint row = tg.y, c = tg.x;
  if (row >= uint(sl[SLOT_LOGITS])) return;
  gptr<const float> x = logits + ulong(row) * p.stride;
  gptr<const uint> in = scratch + (ulong(p.cand) + (ulong(row) * p.count * TOP + c * CHUNK));
  const uint left = p.count * TOP - c * CHUNK, n = left < CHUNK ? left : CHUNK;
  for (uint i = tid.x; i < n; i += 256u) key[i] = cand_key(x, in[i]);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  const uint found = select_top(key, n, hist, sums, pick, tid.x, lane, sg);
  gptr<uint> cand = scratch + (ulong(p.next) + (ulong(row) * p.blocks + c) * TOP);
  if (tid.x < TOP) {
    const uint at = tid.x < found ? uint(pick[tid.x]) : 0u;
    cand[tid.x] = tid.x < found ? in[at] : 0xffffffffu;
  }
}

// At most 4096 candidates to the sorted 64, and the chunks' parts of Z merged in ascending order.
KERNEL(support_top, IN(int, sl), IN(float, logits), IN(uint, scratch), IN(int, lists), INOUT(uint, out), ARG(support_args, p)) {
  THREADGROUP(uint, key, CHUNK);
  THREADGROUP(atomic_uint, hist, 256);
  THREADGROUP(uint, sums, 12);
  THREADGROUP(uint, pick, TOP);
  const uint row = tg.y;
  if (row >= uint(sl[SLOT_LOGITS])) return;
  gptr<const float> x = logits + ulong(row) * p.stride;
  gptr<const uint> in = scratch + (ulong(p.cand) + ulong(row) * p.count * TOP);
  const uint n = p.count * TOP;
  for (uint i = tid.x; i < n; i += 256u) key[i] = cand_key(x, in[i]);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  const uint found = select_top(key, n, hist, sums, pick, tid.x, lane, sg);
  gptr<uint> w = out + ulong(row) * (4u + 2u * TOP);
  if (tid.x < found) {  // positions ascend with ids, so they stand in for them
    const uint at = pick[tid.x], k = key[at];
    uint rank = 0;
    for (uint j = 0; j < found; j++) {
      const uint other = pick[j], q = key[other];
      if (q > k || (q == k && other < at)) rank = rank + 1u;
    }
    const uint id = in[at];
    w[4u + rank] = id;
    w[4u + TOP + rank] = as_type<uint>(x[id]);
  }
  if (tid.x == 0u) {
    const float inv = as_type<float>(sl[p.s.invt + row]);
    gptr<const uint> part = scratch + (ulong(p.chunks) + ulong(row) * p.next * 2u);  // next: the chunks of the longest row
    float top = as_type<float>(part[0]), z = as_type<float>(part[1]);
    const uint chunks = (entries_of(lists, p, row) + CHUNK - 1u) / CHUNK;
    for (uint c = 1; c < chunks; c++) {
      const float m = as_type<float>(part[2u * c]), zc = as_type<float>(part[2u * c + 1u]);
      const float big = max_bits(top, m);
      const float a = top - big, b = m - big;
      const float old = z * exp_bits(a * inv);
      const float more = zc * exp_bits(b * inv);
      top = big;
      z = old + more;
    }
    w[0] = as_type<uint>(top);
    w[1] = as_type<uint>(z);
    w[2] = found;
    w[3] = 0u;
  }
}
