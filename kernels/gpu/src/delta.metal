// delta.metal: the gated delta net: convolution and unit vectors, the recurrence with the fold of the tape, and the norm
// after it.

#define TAPS 4u

struct delta_dims {
  uint HK, HV, DK, DV, strips, conv, tape, statewords, tapewords, tapek, taped, tapeg;
  uint statestep, tapestep, stateat, tapeat;  // words of a slot of all layers; words of the layer in it
};

struct delta_prep_args {
  slots_at s;
  delta_dims d;
  uint stride, qkv, a, b, vblocks;
};

// Row j of the three rows before a lane's new ones.
GPU_FN float past_value(gptr<const float> tapes, ulong tapein, uint conv, uint base, uint fold, uint j, uint ch) {
  return base == 0u ? 0.0f : tapes[tapein + ulong(fold + j) * conv + ch];
}

// Unit u of a row: query heads, key heads, blocks of 128 value channels, the gates. z = 1: what a lane's tape keeps of
// the three rows before its new ones.
KERNEL(delta_prep, IN(int, sl), IN(float, in), FIXED(float, taps), FIXED(float, dtbias), FIXED(float, expa), INOUT(float, out), INOUT(float, gates), INOUT(float, tapes), ARG(delta_prep_args, p)) {  // 128 threads
  THREADGROUP(float, v, 512);
  THREADGROUP(float, one, 2);
  const uint conv = p.d.conv, HK = p.d.HK, DK = p.d.DK, HV = p.d.HV;
  const uint l = tg.z == 0u ? (tg.y < uint(sl[SLOT_ROWS]) ? uint(sl[p.s.lane + tg.y]) : 0xffffffffu) : tg.y;
  if (l >= uint(sl[SLOT_LANES])) return;
  const uint first = uint(sl[p.s.first + l]), count = uint(sl[p.s.count + l]), base = uint(sl[p.s.base + l]);
  const uint certain = uint(sl[p.s.certain + l]), fold = base == 0u ? 0u : uint(sl[p.s.fold + l]);
  const ulong tapein = ulong(uint(sl[p.s.tapein + l])) * p.d.tapestep + p.d.tapeat;
  const ulong tapeout = ulong(uint(sl[p.s.tapeout + l])) * p.d.tapestep + p.d.tapeat;
  if (tg.z == 1u) {
    for (uint j = certain; j < TAPS - 1u; j++)
      for (uint ch = tg.x * 128u + tid.x; ch < conv; ch += ntg.x * 128u) tapes[tapeout + ulong(j - certain) * conv + ch] = past_value(tapes, tapein, conv, base, fold, j, ch);
    return;
  }
  const uint row = tg.y, i = row - first;
  if (i >= count) return;
  const uint u = tg.x, vfirst = 2u * HK;
  if (u == vfirst + p.vblocks) {  // the gates
    for (uint h = tid.x; h < HV; h += 128u) {
      const float x = in[ulong(row) * p.stride + p.a + h] + dtbias[h];
      const float rate = expa[h] * softplus_bits(x);
      const float g = exp_bits(-rate);
      gates[ulong(row) * 2u * HV + h] = g;
      gates[ulong(row) * 2u * HV + HV + h] = sigmoid_bits(in[ulong(row) * p.stride + p.b + h]);
      if (i >= certain) tapes[tapeout + p.d.tapeg + (i - certain) * HV + h] = g;
    }
    return;
  }
  const uint ch0 = u < vfirst ? u * DK : 2u * HK * DK + (u - vfirst) * 128u;
  const uint end = u < vfirst ? ch0 + DK : conv;
  const uint width = end - ch0 < 128u || u < vfirst ? end - ch0 : 128u;
  for (uint c = tid.x; c < width; c += 128u) {
    const uint ch = ch0 + c;
    float acc = 0.0f;
    for (uint j = 0; j < TAPS; j++) {
      const uint at = i + j;  // among the lane's three old rows and its new ones
      const float x = at < TAPS - 1u ? past_value(tapes, tapein, conv, base, fold, at, ch) : in[ulong(first + at - (TAPS - 1u)) * p.stride + p.qkv + ch];
      acc = fma(taps[ch * TAPS + j], x, acc);
    }
    const float y = silu_bits(acc);
    if (u < vfirst) v[c] = y; else out[ulong(row) * conv + ch] = y;
    const uint raw = i + TAPS - 1u;
    if (raw >= certain) tapes[tapeout + ulong(raw - certain) * conv + ch] = in[ulong(row) * p.stride + p.qkv + ch];
  }
  if (u >= vfirst) return;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  if (sg == 0u) {
    float acc = 0.0f;
    if (lane < 16u)
      for (uint c = lane; c < DK; c += 16u) {
        const float x = v[c];
        acc = fma(x, x, acc);
      }
    acc = tree16(acc);
    if (lane == 0u) one[0] = acc;
  }
  threadgroup_barrier(mem_flags::mem_threadgroup);
  float f = inv_sqrt(one[0] + 1e-6f);
  if (u < HK) f = f * inv_sqrt(float(DK));
  for (uint c = tid.x; c < DK; c += 128u) {
    const float y = v[c] * f;
    out[ulong(row) * conv + ch0 + c] = y;
    if (u >= HK && i >= certain) tapes[tapeout + p.d.tapek + (i - certain) * HK * DK + (u - HK) * DK + c] = y;
  }
}

struct delta_args {
  slots_at s;
  delta_dims d;
};

// A simdgroup has 16 columns of a head's state: lane c + 16e owns rows e, e+2, .. of column c, which are the even and
// the odd chain of the contract. R registers a lane; FULL when DK is 2R.
template <uint R, bool FULL>
GPU_FN void delta_lane(gptr<const int> sl, gptr<const float> in, gptr<const float> gates, gptr<float> out, gptr<float> states, gptr<float> tapes, cref<delta_args> p,
                       tptr<float> k, tptr<float> q, uint strip, uint h, uint l, uint lane) {
  if (l >= uint(sl[SLOT_LANES])) return;
  const uint c = lane & 15u, e = lane >> 4, DK = p.d.DK, col = strip * 16u + c;
  const uint hk = h / (p.d.HV / p.d.HK), wide = p.d.strips * 16u;
  const uint first = uint(sl[p.s.first + l]), count = uint(sl[p.s.count + l]), base = uint(sl[p.s.base + l]);
  const uint certain = uint(sl[p.s.certain + l]), fold = base == 0u ? 0u : uint(sl[p.s.fold + l]);
  const ulong state = ulong(uint(sl[p.s.state + l])) * p.d.statestep + p.d.stateat + ulong(h * p.d.strips + strip) * DK * 16u + c;
  const ulong tapein = ulong(uint(sl[p.s.tapein + l])) * p.d.tapestep + p.d.tapeat;
  const ulong tapeout = ulong(uint(sl[p.s.tapeout + l])) * p.d.tapestep + p.d.tapeat;
  float S[R];
  UNROLL
  for (uint i = 0; i < R; i++) {
    S[i] = 0.0f;
    if (base != 0u && (FULL || 2u * i + e < DK)) S[i] = states[state + (2u * i + e) * 16u];
  }
  for (uint n = 0; n < fold; n++) {
    simdgroup_barrier(mem_flags::mem_threadgroup);
    for (uint r = lane; r < DK; r += 32u) k[r] = tapes[tapein + p.d.tapek + (n * p.d.HK + hk) * DK + r];
    simdgroup_barrier(mem_flags::mem_threadgroup);
    const float d = tapes[tapein + p.d.taped + (n * p.d.HV + h) * wide + col], g = tapes[tapein + p.d.tapeg + n * p.d.HV + h];
    UNROLL
    for (uint i = 0; i < R; i++)
      if (FULL || 2u * i + e < DK) {
        const float gs = g * S[i];
        S[i] = fma(k[2u * i + e], d, gs);
      }
  }
  for (uint n = 0; n <= count; n++) {
    if (n == certain && col < p.d.DV) {
      UNROLL
      for (uint i = 0; i < R; i++)
        if (FULL || 2u * i + e < DK) states[state + (2u * i + e) * 16u] = S[i];
    }
    if (n == count) break;
    const ulong row = first + n;
    simdgroup_barrier(mem_flags::mem_threadgroup);
    for (uint r = lane; r < DK; r += 32u) {
      q[r] = in[row * p.d.conv + hk * DK + r];
      k[r] = in[row * p.d.conv + (p.d.HK + hk) * DK + r];
    }
    simdgroup_barrier(mem_flags::mem_threadgroup);
    const float g = gates[row * 2u * p.d.HV + h], beta = gates[row * 2u * p.d.HV + p.d.HV + h];
    const float v = col < p.d.DV ? float(in[row * p.d.conv + 2u * p.d.HK * DK + h * p.d.DV + col]) : 0.0f;
    float u = 0.0f;
    UNROLL
    for (uint i = 0; i < R; i++)
      if (FULL || 2u * i + e < DK) u = fma(S[i], k[2u * i + e], u);
    u = u + simd_shuffle_xor(u, 16);
    const float gu = g * u;
    const float diff = v - gu;
    const float d = beta * diff;
    float o = 0.0f;
    UNROLL
    for (uint i = 0; i < R; i++)
      if (FULL || 2u * i + e < DK) {
        const float gs = g * S[i];
        S[i] = fma(k[2u * i + e], d, gs);
        o = fma(S[i], q[2u * i + e], o);
      }
    o = o + simd_shuffle_xor(o, 16);
    if (e == 0u && col < p.d.DV) {
      out[row * (p.d.HV * p.d.DV) + h * p.d.DV + col] = o;
      if (n >= certain) tapes[tapeout + p.d.taped + ((n - certain) * p.d.HV + h) * wide + col] = d;
    }
  }
}

#define DELTA(name, R, FULL)                                                                                                                                     \
  KERNEL(name, IN(int, sl), IN(float, in), IN(float, gates), INOUT(float, out), INOUT(float, states), INOUT(float, tapes), ARG(delta_args, p)) { /* 32 threads */ \
    THREADGROUP(float, k, 2 * R);                                                                                                                                \
    THREADGROUP(float, q, 2 * R);                                                                                                                                \
    delta_lane<R, FULL>(sl, in, gates, out, states, tapes, p, k, q, tg.x, tg.y, tg.z, lane);                                                                     \
  }
DELTA(delta_32, 16, false)
DELTA(delta_128, 64, false)
DELTA(delta_128_full, 64, true)
DELTA(delta_256, 128, false)

struct delta_norm_args {
  acts_at a;
  uint HV, DV, zstride, zcol;
  float eps;
};

#define HEADS_MOST 256

GPU_FN float gated(gptr<const float> o, gptr<const float> z, gptr<const float> gain, tptr<float> r, uint h0, uint DV, uint k, uint K) {
  if (k >= K) return 0.0f;
  float y = o[k] * r[k / DV - h0];
  y = y * gain[k % DV];
  return y * silu_bits(z[k]);
}

KERNEL(delta_norm, IN(int, sl), IN(float, o), IN(float, z), FIXED(float, gain), ACTS_OUT, ARG(delta_norm_args, p)) {
  THREADGROUP(float, r, HEADS_MOST);
  const uint row = tg.y, K = p.HV * p.DV;
  if (row >= uint(sl[SLOT_ROWS])) return;
  gptr<const float> x = o + ulong(row) * K;
  const uint end = (tg.x * 512u + 512u < K ? tg.x * 512u + 512u : K) - 1u, h0 = tg.x * 512u / p.DV;
  for (uint h = h0 + sg; h <= end / p.DV; h += 8u) {  // heads of the threadgroup's blocks
    float acc = 0.0f;
    if (lane < 16u) {
      uint i = lane;
      for (; i + 112u < p.DV; i += 128u) {
        float v[8];
        UNROLL
        for (uint j = 0; j < 8u; j++) v[j] = x[h * p.DV + i + 16u * j];
        UNROLL
        for (uint j = 0; j < 8u; j++) acc = fma(v[j], v[j], acc);
      }
      for (; i < p.DV; i += 16u) {
        const float v = x[h * p.DV + i];
        acc = fma(v, v, acc);
      }
    }
    acc = tree16(acc);
    if (lane == 0u) r[h - h0] = norm_factor(acc, p.DV, p.eps);
  }
  threadgroup_barrier(mem_flags::mem_threadgroup);
  gptr<const float> zr = z + (ulong(row) * p.zstride + p.zcol);
  const uint b = tg.x * 8u + sg, k = 64u * b + lane;
  if (b * 64u >= K) return;
  const float y0 = gated(x, zr, gain, r, h0, p.DV, k, K), y1 = gated(x, zr, gain, r, h0, p.DV, k + 32u, K);
  put_block(ACTS, p.a, row, b, y0, y1, lane);
}
