// bad.metal: one right kernel and many wrong ones, which the emulator must report. Each takes 64 threads a group.
#include "gpu.h"

struct bad_args {
  uint n;
};

KERNEL(good, IN(float, x), OUT(float, y)) {
  THREADGROUP(float, s, 64);
  s[tid.x] = x[tid.x];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  y[tid.x] = s[63u - tid.x];
}
KERNEL(bad_race, IN(float, x), OUT(float, y)) {  // no barrier between write and read
  THREADGROUP(float, s, 64);
  s[tid.x] = x[tid.x];
  y[tid.x] = s[63u - tid.x];
}
KERNEL(bad_race_hidden, IN(float, x), OUT(float, y)) {  // lockstep hides it; a shuffle orders no memory
  THREADGROUP(float, s, 64);
  s[tid.x] = x[tid.x];
  const float v = simd_shuffle_xor(float(x[tid.x]), 1);
  y[tid.x] = s[tid.x ^ 1u] + v;
}
KERNEL(bad_flags, IN(float, x), INOUT(float, y)) {  // the barrier names the wrong memory
  y[tid.x] = x[tid.x];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  const float v = y[tid.x ^ 1u];
  threadgroup_barrier(mem_flags::mem_device);
  y[tid.x] = v;
}
KERNEL(bad_groups, IN(float, x), INOUT(float, y)) {  // two groups of a launch meet in one cell
  if (tid.x == 0u) y[0] = y[0] + x[tg.x];
}
KERNEL(bad_bounds, IN(float, x), OUT(float, y)) { y[tid.x] = x[tid.x + 1u]; }
KERNEL(bad_bounds_write, IN(float, x), OUT(float, y)) { y[tid.x + 1u] = x[tid.x]; }
KERNEL(bad_bounds_group, IN(float, x), OUT(float, y)) {
  THREADGROUP(float, s, 63);
  s[tid.x] = x[tid.x];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  y[tid.x] = s[tid.x];
}
KERNEL(bad_uninit, IN(float, x), OUT(float, y)) {
  THREADGROUP(float, s, 64);
  if (lane < 31u) s[tid.x] = x[tid.x];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  y[tid.x] = s[tid.x];
}
KERNEL(bad_out, IN(float, x), OUT(float, y)) { y[tid.x] = y[tid.x] + x[tid.x]; }  // OUT memory is read
KERNEL(bad_fixed, FIXED(float, x), INOUT(float, y)) { y[tid.x] = x[tid.x]; }      // called with one memory for both
KERNEL(bad_divergent, IN(float, x), OUT(float, y)) {
  THREADGROUP(float, s, 64);
  if (tid.x >= 40u) return;
  s[tid.x] = x[tid.x];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  y[tid.x] = s[39u - tid.x];
}
KERNEL(bad_divergent_groups, IN(float, x), OUT(float, y)) {
  if (sg == 0u) threadgroup_barrier(mem_flags::mem_threadgroup);
  else
    threadgroup_barrier(mem_flags::mem_threadgroup);
  y[tid.x] = x[tid.x];
}
KERNEL(bad_shuffle, IN(float, x), OUT(float, y)) {
  float v = x[tid.x];
  if (v > 0.5f) v = simd_shuffle_xor(v, 1);
  y[tid.x] = v;
}
KERNEL(bad_matrix, IN(float, x), OUT(float, y)) {
  int4 c = I4(0, 0, 0, 0);
  if (lane != 3u) c = mma_u8s8(U4(1, 2, 3, 4), 1u, 2u, c);
  y[tid.x] = float(c.x);
}
KERNEL(bad_memory, IN(float, x), OUT(float, y)) {
  THREADGROUP(float, s, 9000);
  s[tid.x] = x[tid.x];
  y[tid.x] = s[tid.x];
}
KERNEL(bad_stack, IN(float, x), OUT(float, y)) {  // only a child process can turn it into an error
  float big[40000];
  for (uint i = 0; i < 40000u; i++) big[i] = x[(i * 7u) & 63u];
  y[tid.x] = big[uint(x[tid.x] * 1000.0f)];
}
