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

// A thread has EACH of the up to 4096 keys: simdgroup sg the run of 512 from 512 sg on, its lane l of those each 32nd, from
// l on. So positions ascend with simdgroup, then with the number of the key, then with the lane.
#define EACH 16
GPU_FN uint place_of(uint j, uint lane, uint sg) { return sg * 512u + j * 32u + lane; }

// Inclusive sum over the lanes of a simdgroup.
GPU_FN uint scan32(uint v, uint lane) {
  UNROLL
  for (ushort d = 1; d < 32; d <<= 1) {
    const uint t = simd_shuffle(v, ushort((lane - d) & 31u));
    if (lane >= d) v = v + t;
  }
  return v;
}

// The TOP greatest of a threadgroup's keys, the lower position first among equals: at[j] is the place of key j among
// them in ascending order of position, or TOP for a key that is not; returns how many. By digits of 8 bits from the top.
GPU_FN uint select_top(GPU_ARRAY(uint, key, EACH), GPU_ARRAY(uint, at, EACH), tptr<atomic_uint> hist, tptr<uint> sums, uint tid, uint lane, uint sg) {
  uint prefix = 0, want = TOP;
  bool all = false;
  for (int shift = 24; shift >= 0; shift -= 8) {
    atomic_store_explicit(&hist[tid], 0u, memory_order_relaxed);
    threadgroup_barrier(mem_flags::mem_threadgroup);
    UNROLL
    for (uint j = 0; j < EACH; j++) {
      const uint k = key[j];
      if (k != 0u && (shift == 24 || ((k ^ prefix) >> (shift + 8)) == 0u)) atomic_fetch_add_explicit(&hist[(k >> shift) & 255u], 1u, memory_order_relaxed);
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);
    if (sg == 0u) {  // lane l has digits 255-8l down to 248-8l
      uint own[8], sum = 0;
      UNROLL
      for (uint j = 0; j < 8u; j++) {
        own[j] = atomic_load_explicit(&hist[255u - 8u * lane - j], memory_order_relaxed);
        sum = sum + own[j];
      }
      const uint upto = scan32(sum, lane), before = upto - sum;
      if (lane == 31u) sums[10] = upto < want ? 1u : 0u;
      if (before < want && want <= upto) {
        uint left = want - before, digit = 0;
        bool found = false;
        UNROLL
        for (uint j = 0; j < 8u; j++) {
          if (!found && left <= own[j]) {
            found = true;
            digit = j;
          }
          if (!found) left = left - own[j];
        }
        sums[8] = 255u - 8u * lane - digit;
        sums[9] = left;
      }
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);
    all = sums[10] != 0u;
    if (all) break;
    prefix = prefix | (sums[8] << shift);
    want = sums[9];
  }
  // Keys above the last one wanted, and its equals, counted together: the latter in the upper half of a word.
  uint own = 0;
  UNROLL
  for (uint j = 0; j < EACH; j++) {
    const uint k = key[j];
    at[j] = k == 0u ? 0u : all || k > prefix ? 1u : k == prefix ? 0x10000u : 0u;
    own = own + at[j];
  }
  const uint here = uint(sum_int32(int(own)));
  if (lane == 0u) sums[sg] = here;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  uint before = 0, total = 0;
  UNROLL
  for (uint i = 0; i < 8u; i++) {
    const uint t = sums[i];
    if (i < sg) before = before + t;
    total = total + t;
  }
  UNROLL
  for (uint j = 0; j < EACH; j++) {
    const uint v = at[j], upto = scan32(v, lane), mine = before + upto - v, equal = mine >> 16;
    const bool take = v == 1u || (v != 0u && equal < want);
    at[j] = take ? (mine & 0xffffu) + (equal < want ? equal : want) : TOP;
    before = before + simd_shuffle(upto, 31);
  }
  const uint equal = total >> 16;
  return (total & 0xffffu) + (equal < want ? equal : want);
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

KERNEL_SLOTS(support_chunk, IN(int, sl), IN(float, logits), INOUT(uint, scratch), IN(int, lists), ARG(support_args, p)) {
  THREADGROUP(float, e, CHUNK);
  THREADGROUP(atomic_uint, hist, 256);
  THREADGROUP(uint, sums, 12);
  THREADGROUP(float, best, 8);
  THREADGROUP(uint, bestat, 8);
  const uint row = tg.y, c = tg.x, from = c * CHUNK;
  const bool here = row < uint(sl[SLOT_LOGITS]);
  const float inv = here ? as_type<float>(sl[p.s.invt + row]) : 0.0f;
  GRID_WAIT(); GRID_RELEASE();
  if (!here) return;
  gptr<uint> cand = scratch + (ulong(p.cand) + (ulong(row) * p.count + c) * TOP);
  const uint entries = entries_of(lists, p, row);
  if (from >= entries) {  // a longer row's chunk
    if (tid.x < TOP) cand[tid.x] = 0xffffffffu;
    return;
  }
  const uint n = entries - from < CHUNK ? entries - from : CHUNK;
  gptr<const float> x = logits + (ulong(row) * p.stride + from);
  float v[EACH];
  UNROLL
  for (uint j = 0; j < EACH; j++) {
    const uint i = place_of(j, lane, sg);
    v[j] = i < n ? float(x[i]) : 0.0f;
  }
  float m = 0.0f;
  uint mi = CHUNK, key[EACH], at[EACH];
  UNROLL
  for (uint j = 0; j < EACH; j++) {
    const uint i = place_of(j, lane, sg);
    key[j] = i < n ? key_of(v[j]) : 0u;
    if (i < n && (mi == CHUNK || v[j] > m)) {
      m = v[j];
      mi = i;
    }
  }
  UNROLL
  for (ushort d = 16; d; d >>= 1) {
    const float w = simd_shuffle_xor(m, d);
    const uint i = simd_shuffle_xor(mi, d);
    if (i != CHUNK && (mi == CHUNK || w > m || (w == m && i < mi))) {
      m = w;
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
  UNROLL
  for (uint g = 1; g < 8u; g++) {
    const float w = best[g];
    const uint i = bestat[g];
    if (i != CHUNK && (w > m || (w == m && i < mi))) {
      m = w;
      mi = i;
    }
  }
  UNROLL
  for (uint j = 0; j < EACH; j++) {
    const uint i = place_of(j, lane, sg);
    const float d = v[j] - m;
    if (i < n) e[i] = exp_bits(d * inv);
  }
  const uint found = select_top(key, at, hist, sums, tid.x, lane, sg);  // its barriers are e's, too
  UNROLL
  for (uint j = 0; j < EACH; j++)
    if (at[j] < TOP) cand[at[j]] = from + place_of(j, lane, sg);
  if (tid.x >= found && tid.x < TOP) cand[tid.x] = 0xffffffffu;
  if (sg == 0u) {
    float acc = 0.0f;
    if (lane < 16u) {
      uint i = lane;
      for (; i + 240u < n; i += 256u) {  // loads first
        float w[16];
        UNROLL
        for (uint j = 0; j < 16u; j++) w[j] = e[i + 16u * j];
        UNROLL
        for (uint j = 0; j < 16u; j++) acc = acc + w[j];
      }
      for (; i < n; i += 16u) {
        const float w = e[i];
        acc = acc + w;
      }
    }
    acc = tree16(acc);
    if (lane == 0u) {
      gptr<uint> out = scratch + (ulong(p.chunks) + (ulong(row) * p.count + c) * 2u);
      out[0] = as_type<uint>(m);
      out[1] = as_type<uint>(acc);
    }
  }
}

// A thread's candidates, of n, and their logits and keys.
GPU_FN void load_candidates(gptr<const float> x, gptr<const uint> in, uint n, GPU_ARRAY(uint, id, EACH), GPU_ARRAY(float, v, EACH), GPU_ARRAY(uint, key, EACH), uint lane, uint sg) {
  UNROLL
  for (uint j = 0; j < EACH; j++) {
    const uint i = place_of(j, lane, sg);
    id[j] = i < n ? uint(in[i]) : 0xffffffffu;
  }
  UNROLL
  for (uint j = 0; j < EACH; j++) v[j] = id[j] != 0xffffffffu ? float(x[id[j]]) : 0.0f;
  UNROLL
  for (uint j = 0; j < EACH; j++) key[j] = id[j] != 0xffffffffu ? key_of(v[j]) : 0u;
}

// 4096 candidates to 64, the ids ascending in both.
KERNEL_SLOTS(support_narrow, IN(int, sl), IN(float, logits), INOUT(uint, scratch), ARG(support_args, p)) {
  THREADGROUP(atomic_uint, hist, 256);
  THREADGROUP(uint, sums, 12);
  const uint row = tg.y, c = tg.x;
  const bool here = row < uint(sl[SLOT_LOGITS]);
  GRID_WAIT(); GRID_RELEASE();
  if (!here) return;
  gptr<const float> x = logits + ulong(row) * p.stride;
  gptr<const uint> in = scratch + (ulong(p.cand) + (ulong(row) * p.count * TOP + c * CHUNK));
  const uint left = p.count * TOP - c * CHUNK, n = left < CHUNK ? left : CHUNK;
  uint id[EACH], key[EACH], at[EACH];
  float v[EACH];
  load_candidates(x, in, n, id, v, key, lane, sg);
  const uint found = select_top(key, at, hist, sums, tid.x, lane, sg);
  gptr<uint> cand = scratch + (ulong(p.next) + (ulong(row) * p.blocks + c) * TOP);
  UNROLL
  for (uint j = 0; j < EACH; j++)
    if (at[j] < TOP) cand[at[j]] = id[j];
  if (tid.x >= found && tid.x < TOP) cand[tid.x] = 0xffffffffu;
}

// The chunks' parts of Z merged in ascending order, by a simdgroup: what a chunk contributes to the greatest value and to
// the factors, a lane a chunk; the sum itself, in every lane. The first 32 parts are there already.
GPU_FN void merge_parts(gptr<const uint> part, uint chunks, float inv, float m, float zc, GPU_OUT_REF(float) top, GPU_OUT_REF(float) z, uint lane) {
  top = m;
  z = simd_shuffle(zc, 0);
  for (uint from = 0; from < chunks; from += 32u) {
    if (from != 0u) {
      m = top;  // a lane past the last chunk changes nothing
      zc = 0.0f;
      if (from + lane < chunks) {
        m = as_type<float>(part[2u * (from + lane)]);
        zc = as_type<float>(part[2u * (from + lane) + 1u]);
      }
    }
    float big = from != 0u && lane == 0u ? max_bits(top, m) : m;
    UNROLL
    for (ushort d = 1; d < 32; d <<= 1) {
      const float w = simd_shuffle(big, ushort((lane - d) & 31u));
      if (lane >= d) big = max_bits(w, big);
    }
    const float left = simd_shuffle(big, ushort((lane - 1u) & 31u)), before = lane == 0u ? top : left;
    const float a = before - big, b = m - big;
    const float old = exp_bits(a * inv), more = zc * exp_bits(b * inv);
    const uint here = chunks - from < 32u ? chunks - from : 32u;
    for (uint c = 0; c < here; c++) {
      const float o = simd_shuffle(old, ushort(c)), w = simd_shuffle(more, ushort(c));
      if (from + c != 0u) {
        z = z * o;
        z = z + w;
      }
    }
    top = simd_shuffle(big, ushort(here - 1u));
  }
}

// At most 4096 candidates to the sorted 64, and Z.
KERNEL_SLOTS(support_top, IN(int, sl), IN(float, logits), IN(uint, scratch), IN(int, lists), INOUT(uint, out), ARG(support_args, p)) {
  THREADGROUP(atomic_uint, hist, 256);
  THREADGROUP(uint, sums, 12);
  THREADGROUP(uint, ids, TOP);
  THREADGROUP(uint, keys, TOP);
  THREADGROUP(float, values, TOP);
  const uint row = tg.y;
  const bool here = row < uint(sl[SLOT_LOGITS]);
  const float inv = here ? as_type<float>(sl[p.s.invt + row]) : 0.0f;
  GRID_WAIT(); GRID_RELEASE();
  if (!here) return;
  gptr<const float> x = logits + ulong(row) * p.stride;
  gptr<const uint> in = scratch + (ulong(p.cand) + ulong(row) * p.count * TOP);
  gptr<const uint> part = scratch + (ulong(p.chunks) + ulong(row) * p.next * 2u);  // next: the chunks of the longest row
  const uint chunks = (entries_of(lists, p, row) + CHUNK - 1u) / CHUNK;
  float m = as_type<float>(part[0]), zc = 0.0f;
  if (lane < chunks) {
    m = as_type<float>(part[2u * lane]);
    zc = as_type<float>(part[2u * lane + 1u]);
  }
  uint id[EACH], key[EACH], at[EACH];
  float v[EACH];
  load_candidates(x, in, p.count * TOP, id, v, key, lane, sg);
  const uint found = select_top(key, at, hist, sums, tid.x, lane, sg);
  UNROLL
  for (uint j = 0; j < EACH; j++)
    if (at[j] < TOP) {
      ids[at[j]] = id[j];
      keys[at[j]] = key[j];
      values[at[j]] = v[j];
    }
  threadgroup_barrier(mem_flags::mem_threadgroup);
  gptr<uint> w = out + ulong(row) * (4u + 2u * TOP);
  if (tid.x < found) {
    const uint k = keys[tid.x];
    uint rank = 0;
    for (uint j = 0; j < found; j++) {
      const uint q = keys[j];
      if (q > k || (q == k && j < tid.x)) rank = rank + 1u;
    }
    w[4u + rank] = ids[tid.x];
    w[4u + TOP + rank] = as_type<uint>(float(values[tid.x]));
  }
  if (sg == 7u) {
    float top, z;
    merge_parts(part, chunks, inv, m, zc, top, z, lane);
    if (lane == 0u) {
      w[0] = as_type<uint>(top);
      w[1] = as_type<uint>(z);
      w[2] = found;
      w[3] = 0u;
    }
  }
}
