// slots.h: where the fields of kernels.Slots lie in its buffer, in 32-bit words, and the row maps. The counts are at the
// start of the buffer.
#pragma once

struct slots_at {
  uint id, lane, in, out, logit, invt, first, count, base, certain, fold, state, tapein, tapeout, pages, cos, sin, maxpages, rotary;
};

#define SLOT_ROWS 0
#define SLOT_LANES 1
#define SLOT_LOGITS 2

GPU_FN uint map_count(gptr<const int> sl, uint map) { return uint(sl[map >= 3u ? SLOT_LOGITS : SLOT_ROWS]); }

GPU_FN uint map_row(gptr<const int> sl, cref<slots_at> s, uint map, uint i) {
  if (map == 1u) return uint(sl[s.in + i]);
  if (map == 2u) return uint(sl[s.out + i]);
  if (map == 3u) return uint(sl[s.out + uint(sl[s.logit + i])]);
  return i;
}

GPU_FN uint row_position(gptr<const int> sl, cref<slots_at> s, uint row) {
  const uint l = uint(sl[s.lane + row]);
  return uint(sl[s.base + l]) + row - uint(sl[s.first + l]);
}
