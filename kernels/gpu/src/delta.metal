// delta.metal: the gated delta net: convolution and unit vectors, and the recurrence with the fold of the tape.

#define TAPS 4u

struct delta_dims {
  uint HK, HV, DK, DV, strips, conv, tape, statewords, tapewords, tapek, taped, tapeg;
  uint statestep, tapestep, stateat, tapeat;  // words of a slot of all layers; words of the layer in it
};

struct delta_prep_args {
  slots_at s;
  delta_dims d;
  uint stride, qkv, a, b, vblocks;
  uint groups;  // threadgroups of rows
};

// Row j of the three rows before a lane's new ones.
GPU_FN float past_value(gptr<const float> tapes, ulong tapein, uint conv, uint base, uint fold, uint j, uint ch) {
  return base == 0u ? 0.0f : tapes[tapein + ulong(fold + j) * conv + ch];
}

// What the slots say of a lane, read before the grid's wait.
struct lane_slots {
  uint first, count, base, certain, fold;
  ulong tapein, tapeout;
};

GPU_FN lane_slots lane_of(gptr<const int> sl, cref<slots_at> s, cref<delta_dims> d, uint l) {
  lane_slots v;
  v.first = uint(sl[s.first + l]);
  v.count = uint(sl[s.count + l]);
  v.base = uint(sl[s.base + l]);
  v.certain = uint(sl[s.certain + l]);
  v.fold = v.base == 0u ? 0u : uint(sl[s.fold + l]);
  v.tapein = ulong(uint(sl[s.tapein + l])) * d.tapestep + d.tapeat;
  v.tapeout = ulong(uint(sl[s.tapeout + l])) * d.tapestep + d.tapeat;
  return v;
}

// Unit u of a row: query heads, key heads, blocks of 128 value channels, the gates. z = 1: what a lane's tape keeps of
// the three rows before its new ones.
KERNEL_SLOTS(delta_prep, IN(int, sl), IN(float, in), FIXED(float, taps), FIXED(float, dtbias), FIXED(float, expa), INOUT(float, out), INOUT(float, gates), INOUT(float, tapes), ARG(delta_prep_args, p)) {  // 128 threads
  THREADGROUP(float, v, 512);
  const uint conv = p.d.conv, HK = p.d.HK, DK = p.d.DK, HV = p.d.HV;
  const uint row = tg.y, u = tg.x, vfirst = 2u * HK;
  const uint l = tg.z == 0u ? (row < uint(sl[SLOT_ROWS]) ? uint(sl[p.s.lane + row]) : 0xffffffffu) : tg.y;
  const bool known = l < uint(sl[SLOT_LANES]);
  const lane_slots t = lane_of(sl, p.s, p.d, known ? l : 0u);
  const uint i = row - t.first;  // wraps for a row that is not the lane's
  const uint ch0 = u < vfirst ? u * DK : 2u * HK * DK + (u - vfirst) * 128u;
  const uint end = u < vfirst ? ch0 + DK : conv;
  const uint width = end - ch0 < 128u || u < vfirst ? end - ch0 : 128u;
  const bool channels = tg.z == 0u && u < vfirst + p.vblocks;
  float tap[TAPS];
  UNROLL
  for (uint j = 0; j < TAPS; j++) {
    tap[j] = 0.0f;
    if (channels && tid.x < width) tap[j] = taps[(ch0 + tid.x) * TAPS + j];
  }
  GRID_WAIT(); GRID_RELEASE();
  if (!known) return;
  if (tg.z == 1u) {
    for (uint j = t.certain; j < TAPS - 1u; j++)
      for (uint ch = tg.x * 128u + tid.x; ch < conv; ch += ntg.x * 128u) tapes[t.tapeout + ulong(j - t.certain) * conv + ch] = past_value(tapes, t.tapein, conv, t.base, t.fold, j, ch);
    return;
  }
  if (i >= t.count) return;
  if (u == vfirst + p.vblocks) {  // the gates
    for (uint h = tid.x; h < HV; h += 128u) {
      const float b = in[ulong(row) * p.stride + p.b + h];
      const float x = in[ulong(row) * p.stride + p.a + h] + dtbias[h];
      const float rate = expa[h] * softplus_bits(x);
      const float g = exp_bits(-rate);
      gates[ulong(row) * 2u * HV + h] = g;
      gates[ulong(row) * 2u * HV + HV + h] = sigmoid_bits(b);
      if (i >= t.certain) tapes[t.tapeout + p.d.tapeg + (i - t.certain) * HV + h] = g;
    }
    return;
  }
  for (uint c = tid.x; c < width; c += 128u) {
    const uint ch = ch0 + c;
    float x[TAPS];
    UNROLL
    for (uint j = 0; j < TAPS; j++) {
      const uint at = i + j;  // among the lane's three old rows and its new ones
      x[j] = at < TAPS - 1u ? past_value(tapes, t.tapein, conv, t.base, t.fold, at, ch) : float(in[ulong(t.first + at - (TAPS - 1u)) * p.stride + p.qkv + ch]);
      if (c != tid.x) tap[j] = taps[ch * TAPS + j];
    }
    float acc = 0.0f;
    UNROLL
    for (uint j = 0; j < TAPS; j++) acc = fma(tap[j], x[j], acc);
    const float y = silu_bits(acc);
    if (u < vfirst) v[c] = y; else out[ulong(row) * conv + ch] = y;
    const uint raw = i + TAPS - 1u;
    if (raw >= t.certain) tapes[t.tapeout + ulong(raw - t.certain) * conv + ch] = x[TAPS - 1u];
  }
  if (u >= vfirst) return;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  float acc = 0.0f;  // every simdgroup for itself
  if (lane < 16u) {
    uint c = lane;
    for (; c + 112u < DK; c += 128u) {  // loads first
      float x[8];
      UNROLL
      for (uint j = 0; j < 8u; j++) x[j] = v[c + 16u * j];
      UNROLL
      for (uint j = 0; j < 8u; j++) acc = fma(x[j], x[j], acc);
    }
    for (; c < DK; c += 16u) {
      const float x = v[c];
      acc = fma(x, x, acc);
    }
  }
  acc = tree16(acc);
  float f = inv_sqrt(simd_shuffle(acc, 0) + 1e-6f);
  if (u < HK) f = f * inv_sqrt(float(DK));
  for (uint c = tid.x; c < DK; c += 128u) {
    const float y = v[c] * f;
    out[ulong(row) * conv + ch0 + c] = y;
    if (u >= HK && i >= t.certain) tapes[t.tapeout + p.d.tapek + (i - t.certain) * HK * DK + (u - HK) * DK + c] = y;
  }
}

// The same for many rows: a threadgroup has PREP_ROWS rows that follow one another, of which a channel's values are read
// once where they are of one lane, and each simdgroup finds the factor of a row. tg.y counts on from the rows' threadgroups:
// there are those for what the lanes' tapes keep.
#define PREP_ROWS 4u

KERNEL_SLOTS_AS(128, 8, delta_prep_rows, IN(int, sl), IN(float, in), FIXED(float, taps), FIXED(float, dtbias), FIXED(float, expa), INOUT(float, out), INOUT(float, gates), INOUT(float, tapes), ARG(delta_prep_args, p)) {  // 128 threads
  THREADGROUP(float, v, PREP_ROWS * 256);
  THREADGROUP(float, factor, PREP_ROWS);
  const uint conv = p.d.conv, HK = p.d.HK, DK = p.d.DK, HV = p.d.HV, rows = uint(sl[SLOT_ROWS]), lanes = uint(sl[SLOT_LANES]);
  const uint u = tg.x, vfirst = 2u * HK;
  if (tg.y >= p.groups) {
    const uint l = tg.y - p.groups;
    GRID_WAIT(); GRID_RELEASE();
    if (l >= lanes) return;
    const lane_slots t = lane_of(sl, p.s, p.d, l);
    for (uint j = t.certain; j < TAPS - 1u; j++)
      for (uint ch = u * 128u + tid.x; ch < conv; ch += ntg.x * 128u) tapes[t.tapeout + ulong(j - t.certain) * conv + ch] = past_value(tapes, t.tapein, conv, t.base, t.fold, j, ch);
    return;
  }
  const uint row0 = tg.y * PREP_ROWS;
  uint of[PREP_ROWS];  // lanes of the rows
  UNROLL
  for (uint r = 0; r < PREP_ROWS; r++) of[r] = row0 + r < rows ? uint(sl[p.s.lane + row0 + r]) : lanes;
  const lane_slots first = lane_of(sl, p.s, p.d, of[0] < lanes ? of[0] : 0u);
  GRID_WAIT(); GRID_RELEASE();
  if (u == vfirst + p.vblocks) {  // the gates
    for (uint at = tid.x; at < PREP_ROWS * HV; at += 128u) {
      const uint r = at / HV, h = at % HV, row = row0 + r;
      if (row >= rows) break;
      const uint l = uint(sl[p.s.lane + row]);
      if (l >= lanes) continue;
      const lane_slots t = lane_of(sl, p.s, p.d, l);
      const uint i = row - t.first;
      if (i >= t.count) continue;
      const float b = in[ulong(row) * p.stride + p.b + h];
      const float x = in[ulong(row) * p.stride + p.a + h] + dtbias[h];
      const float rate = expa[h] * softplus_bits(x);
      const float g = exp_bits(-rate);
      gates[ulong(row) * 2u * HV + h] = g;
      gates[ulong(row) * 2u * HV + HV + h] = sigmoid_bits(b);
      if (i >= t.certain) tapes[t.tapeout + p.d.tapeg + (i - t.certain) * HV + h] = g;
    }
    return;
  }
  const uint ch0 = u < vfirst ? u * DK : 2u * HK * DK + (u - vfirst) * 128u;
  const uint end = u < vfirst ? ch0 + DK : conv;
  const uint width = end - ch0 < 128u || u < vfirst ? end - ch0 : 128u;
  for (uint c = tid.x; c < width; c += 128u) {
    const uint ch = ch0 + c;
    gptr<const float> from = in + (p.qkv + ch);
    float tap[TAPS], fresh[PREP_ROWS], x[TAPS];
    UNROLL
    for (uint j = 0; j < TAPS; j++) {
      tap[j] = taps[ch * TAPS + j];
      x[j] = 0.0f;
    }
    UNROLL
    for (uint r = 0; r < PREP_ROWS; r++) fresh[r] = row0 + r < rows ? float(from[ulong(row0 + r) * p.stride]) : 0.0f;
    lane_slots t = first;
    UNROLL
    for (uint r = 0; r < PREP_ROWS; r++) {
      if (of[r] >= lanes) continue;
      if (r != 0u && of[r] != of[r - 1u]) t = lane_of(sl, p.s, p.d, of[r]);
      const uint row = row0 + r, i = row - t.first;
      if (i >= t.count) continue;
      if (r == 0u || of[r] != of[r > 0u ? r - 1u : 0u]) {  // a lane begins, or the threadgroup does
        UNROLL
        for (uint j = 1; j < TAPS; j++) {
          const uint at = i + j - 1u;  // among the lane's three old rows and its new ones
          x[j] = at < TAPS - 1u ? past_value(tapes, t.tapein, conv, t.base, t.fold, at, ch) : float(from[ulong(t.first + at - (TAPS - 1u)) * p.stride]);
        }
      }
      UNROLL
      for (uint j = 0; j + 1u < TAPS; j++) x[j] = x[j + 1u];
      x[TAPS - 1u] = fresh[r];
      float acc = 0.0f;
      UNROLL
      for (uint j = 0; j < TAPS; j++) acc = fma(tap[j], x[j], acc);
      const float y = silu_bits(acc);
      if (u < vfirst) v[r * DK + c] = y; else out[ulong(row) * conv + ch] = y;
      const uint raw = i + TAPS - 1u;
      if (raw >= t.certain) tapes[t.tapeout + ulong(raw - t.certain) * conv + ch] = x[TAPS - 1u];
    }
  }
  if (u >= vfirst) return;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  const bool mine = sg < PREP_ROWS && row0 + sg < rows;
  float acc = 0.0f;
  if (mine && lane < 16u) {
    uint c = lane;
    for (; c + 112u < DK; c += 128u) {  // loads first
      float x[8];
      UNROLL
      for (uint j = 0; j < 8u; j++) x[j] = v[sg * DK + c + 16u * j];
      UNROLL
      for (uint j = 0; j < 8u; j++) acc = fma(x[j], x[j], acc);
    }
    for (; c < DK; c += 16u) {
      const float x = v[sg * DK + c];
      acc = fma(x, x, acc);
    }
  }
  acc = tree16(acc);
  float f = inv_sqrt(acc + 1e-6f);
  if (u < HK) f = f * inv_sqrt(float(DK));
  if (lane == 0u) factor[sg] = f;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  lane_slots t = first;
  UNROLL
  for (uint r = 0; r < PREP_ROWS; r++) {
    const uint row = row0 + r;
    if (of[r] >= lanes) continue;
    if (r != 0u && of[r] != of[r - 1u]) t = lane_of(sl, p.s, p.d, of[r]);
    const uint i = row - t.first;
    if (i >= t.count) continue;
    for (uint c = tid.x; c < DK; c += 128u) {
      const float y = v[r * DK + c] * factor[r];
      out[ulong(row) * conv + ch0 + c] = y;
      if (u >= HK && i >= t.certain) tapes[t.tapeout + p.d.tapek + (i - t.certain) * HK * DK + (u - HK) * DK + c] = y;
    }
  }
}

struct delta_args {
  slots_at s;
  delta_dims d;
};

// Key and query rows in threadgroup memory: row r at (r mod 2) * KEY_STEP + r/2, so that a lane reads four of its own at
// once; the two halves begin in different banks.
#define KEY_STEP(R) ((R) + 4)
#define KEY_QUADS(R) ((R) / 2 + 2)

template <uint R>
GPU_FN void key_put(tptr<float4> k4, GPU_ARRAY(float, v, (R + 15) / 16), uint lane) {
  tptr<float> k = (tptr<float>)k4;
  UNROLL
  for (uint j = 0; j < (R + 15u) / 16u; j++) {
    const uint r = lane + 32u * j;
    k[(r & 1u) * KEY_STEP(R) + (r >> 1)] = v[j];
  }
}
template <uint R>
GPU_FN void key_load(gptr<const float> from, GPU_ARRAY(float, v, (R + 15) / 16), uint DK, uint lane) {
  UNROLL
  for (uint j = 0; j < (R + 15u) / 16u; j++)
    v[j] = lane + 32u * j < DK ? float(from[lane + 32u * j]) : 0.0f;
}

// S = fma(k, d, g*S) over a lane's rows.
template <uint R, bool FULL>
GPU_FN void delta_step(GPU_ARRAY(float, S, R), tptr<float4> k, float d, float g, uint e, uint DK) {
  UNROLL
  for (uint i = 0; i < R; i += 4u)
    if (FULL || 2u * i + e < DK) {
      const float4 kv = k[e * (KEY_STEP(R) / 4u) + i / 4u];
      const float s0 = g * S[i], s1 = g * S[i + 1u], s2 = g * S[i + 2u], s3 = g * S[i + 3u];
      S[i] = fma(kv.x, d, s0);
      if (FULL || 2u * i + 2u + e < DK) S[i + 1u] = fma(kv.y, d, s1);
      if (FULL || 2u * i + 4u + e < DK) S[i + 2u] = fma(kv.z, d, s2);
      if (FULL || 2u * i + 6u + e < DK) S[i + 3u] = fma(kv.w, d, s3);
    }
}

// A chain over a lane's rows: sum of S times a row in threadgroup memory.
template <uint R, bool FULL>
GPU_FN float delta_dot(GPU_ARRAY(float, S, R), tptr<float4> k, uint e, uint DK) {
  float u = 0.0f;
  UNROLL
  for (uint i = 0; i < R; i += 4u)
    if (FULL || 2u * i + e < DK) {
      const float4 kv = k[e * (KEY_STEP(R) / 4u) + i / 4u];
      u = fma(S[i], kv.x, u);
      if (FULL || 2u * i + 2u + e < DK) u = fma(S[i + 1u], kv.y, u);
      if (FULL || 2u * i + 4u + e < DK) u = fma(S[i + 2u], kv.z, u);
      if (FULL || 2u * i + 6u + e < DK) u = fma(S[i + 3u], kv.w, u);
    }
  return u + simd_shuffle_xor(u, 16);
}

// A simdgroup has 16 columns of a head's state: lane c + 16e owns rows e, e+2, .. of column c, which are the even and
// the odd chain of the contract. R registers a lane; FULL when DK is 2R. A row's inputs are loaded while the row before
// is worked on.
// LONG: whole turns of the certain rows by delta_long.metal.
template <uint R, bool FULL, bool LONG>
GPU_FN void delta_lane(gptr<const int> sl, gptr<const float> in, gptr<const float> gates, gptr<float> out, gptr<float> states, gptr<float> tapes, cref<delta_args> p,
                       tptr<float4> k, tptr<float4> q, long_ring ring, uint strip, uint h, uint l, uint lane) {
  const bool here = l < uint(sl[SLOT_LANES]);
  const uint c = lane & 15u, e = lane >> 4, DK = p.d.DK, DV = p.d.DV, HV = p.d.HV, HK = p.d.HK, col = strip * 16u + c;
  const uint hk = h / (HV / HK), wide = p.d.strips * 16u;
  const lane_slots t = lane_of(sl, p.s, p.d, here ? l : 0u);
  const ulong block = ulong(uint(sl[p.s.state + (here ? l : 0u)])) * p.d.statestep + p.d.stateat + ulong(h * p.d.strips + strip) * DK * 16u, state = block + c;
  if (here && lane == 0u && t.base != 0u) bring(states + block, DK * 64u);
  GRID_WAIT(); GRID_RELEASE();
  if (!here) return;
  gptr<const float> oldkey = tapes + (t.tapein + p.d.tapek + hk * DK), oldd = tapes + (t.tapein + p.d.taped + h * wide + col), oldg = tapes + (t.tapein + p.d.tapeg + h);
  gptr<const float> line = in + ulong(t.first) * p.d.conv, gate = gates + (ulong(t.first) * 2u * HV + h);
  float nextk[(R + 15) / 16], nextq[(R + 15) / 16], nextd = 0.0f, nextg = 0.0f, nextv = 0.0f, nextbeta = 0.0f;
  if (t.fold != 0u) {
    key_load<R>(oldkey, nextk, DK, lane);
    nextd = oldd[0];
    nextg = oldg[0];
  }
  float S[R];
  UNROLL
  for (uint i = 0; i < R; i++) {
    S[i] = 0.0f;
    if (t.base != 0u && (FULL || 2u * i + e < DK)) S[i] = states[state + (2u * i + e) * 16u];
  }
  for (uint n = 0; n < t.fold; n++) {
    key_put<R>(k, nextk, lane);
    const float d = nextd, g = nextg;
    if (n + 1u < t.fold) {
      key_load<R>(oldkey + (n + 1u) * HK * DK, nextk, DK, lane);
      nextd = oldd[(n + 1u) * HV * wide];
      nextg = oldg[(n + 1u) * HV];
    }
    simdgroup_barrier(mem_flags::mem_threadgroup);
    delta_step<R, FULL>(S, k, d, g, e, DK);
    simdgroup_barrier(mem_flags::mem_threadgroup);
  }
  const uint begin = LONG ? t.certain / LONG_ROWS * LONG_ROWS : 0u;
  if (LONG && begin != 0u) {
    const bool value = lane < 16u;
    const long_source from = {line + ((HK + hk) * DK + lane), line + (hk * DK + lane), value ? line + (2u * HK * DK + h * DV + col) : gate + (lane & 1u) * HV,
                              p.d.conv, value ? p.d.conv : 2u * HV, t.count - 1u, lane < 18u};
    long_rows<R>(S, from, ring, out + (ulong(t.first) * (HV * DV) + h * DV + strip * 16u), HV * DV, begin, lane);
  }
  for (uint n = begin; n <= t.count; n++) {
    if (n == begin && t.count != begin) {
      gptr<const float> now = line + ulong(n) * p.d.conv;
      key_load<R>(now + hk * DK, nextq, DK, lane);
      key_load<R>(now + (HK + hk) * DK, nextk, DK, lane);
      if (col < DV) nextv = now[2u * HK * DK + h * DV + col];
      nextg = gate[n * 2u * HV];
      nextbeta = gate[n * 2u * HV + HV];
    }
    if (n == t.certain && col < DV) {
      UNROLL
      for (uint i = 0; i < R; i++)
        if (FULL || 2u * i + e < DK) states[state + (2u * i + e) * 16u] = S[i];
    }
    if (n == t.count) break;
    const ulong row = t.first + n;
    key_put<R>(q, nextq, lane);
    key_put<R>(k, nextk, lane);
    const float g = nextg, beta = nextbeta, v = nextv;
    if (n + 1u < t.count) {
      gptr<const float> next = line + ulong(n + 1u) * p.d.conv;
      key_load<R>(next + hk * DK, nextq, DK, lane);
      key_load<R>(next + (HK + hk) * DK, nextk, DK, lane);
      if (col < DV) nextv = next[2u * HK * DK + h * DV + col];
      nextg = gate[(n + 1u) * 2u * HV];
      nextbeta = gate[(n + 1u) * 2u * HV + HV];
    }
    simdgroup_barrier(mem_flags::mem_threadgroup);
    const float u = delta_dot<R, FULL>(S, k, e, DK);
    const float gu = g * u;
    const float diff = v - gu;
    const float d = beta * diff;
    delta_step<R, FULL>(S, k, d, g, e, DK);
    const float o = delta_dot<R, FULL>(S, q, e, DK);
    simdgroup_barrier(mem_flags::mem_threadgroup);
    if (e == 0u && col < DV) {
      out[row * (HV * DV) + h * DV + col] = o;
      if (n >= t.certain) tapes[t.tapeout + p.d.taped + ((n - t.certain) * HV + h) * wide + col] = d;
    }
  }
}

#define DELTA(name, R, FULL)                                                                                                                                     \
  KERNEL_SLOTS(name, IN(int, sl), IN(float, in), IN(float, gates), INOUT(float, out), INOUT(float, states), INOUT(float, tapes), ARG(delta_args, p)) { /* 32 threads */ \
    THREADGROUP(float4, k, KEY_QUADS(R));                                                                                                                        \
    THREADGROUP(float4, q, KEY_QUADS(R));                                                                                                                        \
    const long_ring none = {(tptr<float>)k, (tptr<float>)k, 0, 1};                                                                                               \
    delta_lane<R, FULL, false>(sl, in, gates, out, states, tapes, p, k, q, none, tg.x, tg.y, tg.z, lane);                                                                     \
  }
DELTA(delta_32, 16, false)
DELTA(delta_128, 64, false)
DELTA(delta_128_full, 64, true)
DELTA(delta_256, 128, false)

// A threadgroup has a strip of each value head of a key head, which then is copied once from further than the processor.
KERNEL_SLOTS_AS(96, 1, delta_long, IN(int, sl), IN(float, in), IN(float, gates), INOUT(float, out), INOUT(float, states), INOUT(float, tapes), ARG(delta_args, p)) {
  THREADGROUP(float4, keys, LONG_RING * LONG_WORDS / 4);
  THREADGROUP(float4, values, LONG_GROUP * LONG_RING * LONG_VALUES / 4);  // and what other rows' keys and queries take
  tptr<float4> own = values + sg * (LONG_RING * LONG_VALUES / 4u);
  const long_ring ring = {(tptr<float>)keys, (tptr<float>)own, sg, ntid.x / 32u};
  delta_lane<64, true, true>(sl, in, gates, out, states, tapes, p, own, own + KEY_QUADS(64), ring, tg.x, tg.y * ring.group + sg, tg.z, lane);
}
