// delta_head.metal: the three operations of a delta layer between its products in one kernel, for few rows and heads of 128
// by 128: a threadgroup has a value head of a lane and takes its rows one after another. What a row's convolution, unit
// vectors and gates are, each threadgroup computes for itself; who shares a key head leaves its first value head to write
// them. The arithmetic is delta.metal's.

#define HEAD 128u

struct delta_head_args {
  slots_at s;
  delta_dims d;
  acts_at a;
  uint stride, qkv, acol, bcol, zstride, zcol;
  float eps;
};

// The taps of a channel, and its values: the three rows before the new one and that.
struct delta_window {
  float tap[TAPS], x[TAPS];
};

GPU_FN delta_window window_taps(gptr<const float> taps, uint ch) {
  delta_window v;
  UNROLL
  for (uint j = 0; j < TAPS; j++) {
    v.tap[j] = taps[ch * TAPS + j];
    v.x[j] = 0.0f;
  }
  return v;
}

GPU_FN float window_value(delta_window v) {
  float acc = 0.0f;
  UNROLL
  for (uint j = 0; j < TAPS; j++) acc = fma(v.tap[j], v.x[j], acc);
  return silu_bits(acc);
}

KERNEL_SLOTS(delta_head, IN(int, sl), IN(float, in), FIXED(float, taps), FIXED(float, dtbias), FIXED(float, expa), INOUT(float, out), INOUT(float, gates),
             INOUT(float, tapes), INOUT(float, states), INOUT(float, o), FIXED(float, gain), ACTS_OUT, IN(float, z), ARG(delta_head_args, p)) {  // 256 threads
  THREADGROUP(float4, fold4, 8 * KEY_QUADS(64));  // of a simdgroup: a key row of the tape
  THREADGROUP(float4, k4, KEY_QUADS(64));
  THREADGROUP(float4, q4, KEY_QUADS(64));
  THREADGROUP(float, raw, 256);  // q and k before their factors
  THREADGROUP(float, value, 128);
  THREADGROUP(float, result, 128);
  THREADGROUP(float, gate, 2);
  const uint h = tg.x, l = tg.y, HK = p.d.HK, HV = p.d.HV, hk = h / (HV / HK), conv = p.d.conv, wide = HEAD, t0 = tid.x;
  const bool here = l < uint(sl[SLOT_LANES]), leads = h % (HV / HK) == 0u, key = t0 >= HEAD, both = !key;
  const lane_slots t = lane_of(sl, p.s, p.d, here ? l : 0u);
  // A thread has channel ch of a query or key and, in the first half, channel vch of the value.
  const uint i = t0 & 127u, ch = (key ? HK * HEAD : 0u) + hk * HEAD + i, vch = 2u * HK * HEAD + h * HEAD + i;
  const uint c = lane & 15u, e = lane >> 4, col = sg * 16u + c;
  delta_window a = window_taps(taps, ch), b = window_taps(taps, vch);
  const float rate = expa[h], dt = dtbias[h];
  const float g0 = gain[(sg & 1u) * 64u + lane], g1 = gain[(sg & 1u) * 64u + lane + 32u];
  const ulong block = ulong(uint(sl[p.s.state + (here ? l : 0u)])) * p.d.statestep + p.d.stateat + ulong(h * 8u + sg) * HEAD * 16u, state = block + c;
  if (here && lane == 0u && t.base != 0u) bring(states + block, HEAD * 64u);
  GRID_WAIT(); GRID_RELEASE();
  if (!here) return;
  gptr<const float> line = in + (ulong(t.first) * p.stride + p.qkv);
  UNROLL
  for (uint j = 0; j < TAPS - 1u; j++) {
    a.x[j] = past_value(tapes, t.tapein, conv, t.base, t.fold, j, ch);
    if (both) b.x[j] = past_value(tapes, t.tapein, conv, t.base, t.fold, j, vch);
  }
  if (t.count != 0u) {
    a.x[TAPS - 1u] = line[ch];
    if (both) b.x[TAPS - 1u] = line[vch];
  }
  float S[64], first[4], d0 = 0.0f, gn = 0.0f;
  gptr<const float> oldkey = tapes + (t.tapein + p.d.tapek + hk * HEAD), oldd = tapes + (t.tapein + p.d.taped + h * wide + col), oldg = tapes + (t.tapein + p.d.tapeg + h);
  if (t.fold != 0u) {
    key_load<64>(oldkey, first, HEAD, lane);
    d0 = oldd[0];
    gn = oldg[0];
  }
  UNROLL
  for (uint j = 0; j < 64u; j++) {
    S[j] = 0.0f;
    if (t.base != 0u) S[j] = states[state + (2u * j + e) * 16u];
  }
  // What the tape keeps of the rows before the new ones.
  UNROLL
  for (uint j = 0; j < TAPS - 1u; j++)
    if (j >= t.certain) {
      if (leads) tapes[t.tapeout + ulong(j - t.certain) * conv + ch] = a.x[j];
      if (both) tapes[t.tapeout + ulong(j - t.certain) * conv + vch] = b.x[j];
    }
  tptr<float4> fold = fold4 + sg * KEY_QUADS(64);
  for (uint n = 0; n < t.fold; n++) {
    key_put<64>(fold, first, lane);
    const float d = d0, g = gn;
    if (n + 1u < t.fold) {
      key_load<64>(oldkey + (n + 1u) * HK * HEAD, first, HEAD, lane);
      d0 = oldd[(n + 1u) * HV * wide];
      gn = oldg[(n + 1u) * HV];
    }
    simdgroup_barrier(mem_flags::mem_threadgroup);
    delta_step<64, true>(S, fold, d, g, e, HEAD);
    simdgroup_barrier(mem_flags::mem_threadgroup);
  }
  for (uint n = 0; n <= t.count; n++) {
    if (n == t.certain) {
      UNROLL
      for (uint j = 0; j < 64u; j++) states[state + (2u * j + e) * 16u] = S[j];
    }
    if (n == t.count) break;
    const ulong row = t.first + n;
    const bool taped = n >= t.certain;
    float z0 = 0.0f, z1 = 0.0f;
    if (sg < 2u) {
      gptr<const float> zr = z + (row * p.zstride + p.zcol + h * HEAD + sg * 64u + lane);
      z0 = zr[0];
      z1 = zr[32];
    }
    raw[t0] = window_value(a);
    if (both) {
      const float v = window_value(b);
      value[i] = v;
      out[row * conv + vch] = v;
    }
    if (n + TAPS - 1u >= t.certain) {
      const ulong to = t.tapeout + ulong(n + TAPS - 1u - t.certain) * conv;
      if (leads) tapes[to + ch] = a.x[TAPS - 1u];
      if (both) tapes[to + vch] = b.x[TAPS - 1u];
    }
    if (t0 == 255u) {
      gptr<const float> from = in + row * p.stride;
      const float bv = from[p.bcol + h], x = from[p.acol + h] + dt;
      const float decay = rate * softplus_bits(x);
      const float g = exp_bits(-decay), beta = sigmoid_bits(bv);
      gate[0] = g;
      gate[1] = beta;
      gates[row * 2u * HV + h] = g;
      gates[row * 2u * HV + HV + h] = beta;
      if (taped) tapes[t.tapeout + p.d.tapeg + (n - t.certain) * HV + h] = g;
    }
    UNROLL
    for (uint j = 0; j + 1u < TAPS; j++) {
      a.x[j] = a.x[j + 1u];
      b.x[j] = b.x[j + 1u];
    }
    if (n + 1u < t.count) {
      a.x[TAPS - 1u] = line[ulong(n + 1u) * p.stride + ch];
      if (both) b.x[TAPS - 1u] = line[ulong(n + 1u) * p.stride + vch];
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);
    float acc = 0.0f;  // every simdgroup for itself
    if (lane < 16u) {
      float x[8];
      UNROLL
      for (uint j = 0; j < 8u; j++) x[j] = raw[(key ? HEAD : 0u) + lane + 16u * j];
      UNROLL
      for (uint j = 0; j < 8u; j++) acc = fma(x[j], x[j], acc);
    }
    acc = tree16(acc);
    float f = inv_sqrt(simd_shuffle(acc, 0) + 1e-6f);
    if (!key) f = f * inv_sqrt(float(HEAD));
    const float unit = raw[t0] * f;
    tptr<float> to = (tptr<float>)(key ? k4 : q4);
    to[(i & 1u) * KEY_STEP(64) + (i >> 1)] = unit;
    if (leads) {
      out[row * conv + ch] = unit;
      if (key && taped) tapes[t.tapeout + p.d.tapek + (n - t.certain) * HK * HEAD + hk * HEAD + i] = unit;
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);
    const float g = gate[0], beta = gate[1], v = value[col];
    const float u = delta_dot<64, true>(S, k4, e, HEAD);
    const float gu = g * u;
    const float diff = v - gu;
    const float d = beta * diff;
    delta_step<64, true>(S, k4, d, g, e, HEAD);
    const float y = delta_dot<64, true>(S, q4, e, HEAD);
    if (e == 0u) {
      result[col] = y;
      o[row * (HV * HEAD) + h * HEAD + col] = y;
      if (taped) tapes[t.tapeout + p.d.taped + ((n - t.certain) * HV + h) * wide + col] = d;
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);
    if (sg < 2u) {  // a block of 64 each
      acc = 0.0f;
      if (lane < 16u) {
        float x[8];
        UNROLL
        for (uint j = 0; j < 8u; j++) x[j] = result[lane + 16u * j];
        UNROLL
        for (uint j = 0; j < 8u; j++) acc = fma(x[j], x[j], acc);
      }
      acc = tree16(acc);
      const float r = norm_factor(simd_shuffle(acc, 0), HEAD, p.eps);
      float y0 = result[sg * 64u + lane] * r, y1 = result[sg * 64u + lane + 32u] * r;
      y0 = y0 * g0;
      y1 = y1 * g1;
      y0 = y0 * silu_bits(z0);
      y1 = y1 * silu_bits(z1);
      put_block(ACTS, p.a, uint(row), h * 2u + sg, y0, y1, lane);
    }
  }
}
