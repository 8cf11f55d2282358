// emumain.h: the emulator as a child process. It maps a file of memory that it shares with its parent (descriptor 3, size
// in argv[1]) and obeys requests on stdin, little-endian, each answered on stdout:
//
//   request  u32 launches, u32 seed, u32 ftz, then for each launch: u32 length of the name, the name, u32 grid[3],
//            u32 threads, u32 arguments, and for each: u64 offset, u64 size of memory, or u64 ~0, u64 size and the bytes
//   answer   i32 findings (0: all ran and none was found; -1: a call that cannot be made), u32 length, text
//
// A launch with findings is the last one that runs.
#pragma once
#include <sys/mman.h>

static bool get(void* p, size_t n) { return fread(p, 1, n, stdin) == n; }
static uint32_t get32() {
  uint32_t v = 0;
  if (!get(&v, 4)) exit(1);
  return v;
}
static uint64_t get64() {
  uint64_t v = 0;
  if (!get(&v, 8)) exit(1);
  return v;
}

int main(int argc, char** argv) {
  const size_t size = argc > 1 ? strtoull(argv[1], nullptr, 10) : 0;
  char* mem = (char*)mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, 3, 0);
  if (mem == MAP_FAILED) {
    perror("emulator: map the shared memory");
    return 1;
  }
  static char text[1 << 16];
  uint32_t launches;
  while (get(&launches, 4)) {
    emu::options opt;
    opt.seed = get32();
    opt.ftz = get32();
    int32_t found = 0;
    text[0] = 0;
    for (uint32_t l = 0; l < launches; l++) {
      char name[128];
      const uint32_t len = get32();
      if (len >= sizeof name || !get(name, len)) return 1;
      name[len] = 0;
      uint32_t grid[3], group[3] = {1, 1, 1};
      if (!get(grid, sizeof grid)) return 1;
      group[0] = get32();
      const uint32_t n = get32();
      void* p[emu::ARGS];
      size_t bytes[emu::ARGS];
      alignas(8) static char constants[emu::ARGS][4096];
      if (n > emu::ARGS) return 1;
      for (uint32_t i = 0; i < n; i++) {
        const uint64_t at = get64();
        bytes[i] = get64();
        p[i] = constants[i];
        if (at != ~uint64_t(0)) {
          if (at > size || bytes[i] > size - at) return 1;
          p[i] = mem + at;
        } else if (bytes[i] > sizeof constants[i] || !get(constants[i], bytes[i])) {
          return 1;
        }
      }
      if (!found && grid[0] && grid[1] && grid[2]) found = emu::dispatch(name, p, bytes, int(n), grid, group, opt, text, sizeof text);
    }
    const uint32_t len = strlen(text);
    fwrite(&found, 4, 1, stdout);
    fwrite(&len, 4, 1, stdout);
    fwrite(text, 1, len, stdout);
    fflush(stdout);
  }
}
