// Command mutate damages the GPU kernels in one place at a time and sees that the emulator or the
// conformance suite notices. It prints a line for each mutation, what noticed it, and fails when
// one was missed:
//
//	go run ./kernels/gpu/mutate [-only TEXT] [-list]     at the top of the repository
//
// Every barrier is removed once and given the wrong kind of memory once; the other mutations are
// mistakes that people make. It takes some minutes, so it is run by hand and by scheduled jobs, not by every test.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"mtplx/kernels/gpu"
)

// mutation is one mistake. It changes a file's text, or gives an error when the place is not there.
type mutation struct {
	name, file string
	change     func(text string) (string, error)
}

// suites are the parts of the conformance suite that use a file.
var suites = map[string]string{
	"arith.h":              "swiglu|delta-prep|support",
	"acts.h":               "quantize|swiglu",
	"quad.h":               "norm|swiglu",
	"slots.h":              "norm|quantize|attention",
	"rows.metal":           "embed|norm|quantize|head-input|swiglu",
	"rows_many.metal":      "norm|swiglu",
	"product.metal":        "product|expert-product|vectors",
	"part.metal":           "part-product",
	"stream.metal":         "product",
	"line.metal":           "product",
	"tile.metal":           "product",
	"expert.metal":         "route|combine",
	"support.metal":        "support|part-product",
	"guess.metal":          "guess",
	"delta.metal":          "delta|delta-prep|delta-long",
	"delta_long.metal":     "delta-long",
	"delta_norm.metal":     "delta-norm",
	"delta_head.metal":     "delta-chain",
	"attention.metal":      "attn-prep|attention",
	"attention_tile.metal": "attention",
	// Of these parts, only what has quantised keys and values.
	"attention_coded.metal": "attn-prep|attention)$/(q8.*",
}

func replace(file, name, old, repl string) mutation {
	return mutation{name, file, func(text string) (string, error) {
		if !strings.Contains(text, old) {
			return "", fmt.Errorf("%q is not there", old)
		}
		return strings.Replace(text, old, repl, 1), nil
	}}
}

// mistakes are single changes of the kind that a tired programmer makes.
var mistakes = []mutation{
	replace("arith.h", "exp: fma split", "r = fma(-n, -2.12194440e-4f, r);", "r = r + n * 2.12194440e-4f;"),
	replace("arith.h", "exp: another order", "const float y = fma(pr, r, r1);", "const float y = fma(pr, r, r) + 1.0f;"),
	replace("arith.h", "tree16: another order", "acc = acc + simd_shuffle_xor(acc, 8);\n  acc = acc + simd_shuffle_xor(acc, 4);", "acc = acc + simd_shuffle_xor(acc, 4);\n  acc = acc + simd_shuffle_xor(acc, 8);"),
	replace("arith.h", "softplus: the other branch", "x > 20.0f", "x > 10.0f"),
	replace("acts.h", "quantiser: times instead of over", "const float s = as_type<float>(mx) / R;\n  const float inv", "const float s = as_type<float>(mx) * (1.0f / R);\n  const float inv"),
	replace("acts.h", "quantiser: threshold dropped", "} else if (mx >= 0x0d800000u) {", "} else if (mx > 0u) {"),
	replace("acts.h", "quantiser: sum of one half", "if (SUB == 1) sum0 = sum0 + sum1;", ""),
	replace("acts.h", "quantiser: every lane writes the scale", "if (lane < SUB) {", "{"),
	replace("acts.h", "acts: past the last input", "if (k + 32u < p.K) af", "if (k < p.K) af"),
	replace("rows.metal", "norm: guard off by one", "const bool here = i < count;", "const bool here = i <= count;"),
	replace("rows.metal", "norm: 32 chains", "if (tid < 16u) {", "if (tid < 32u) {"),
	replace("rows.metal", "norm: mean by a product", "const float mean = sum / float(n);", "const float mean = sum * (1.0f / float(n));"),
	replace("rows.metal", "swiglu: no tail guard", "if (k + 32u < p.width) {\n    a1 = row[k + 32u];", "{\n    a1 = row[k + 32u];"),
	replace("quad.h", "quad: times instead of over", "as_type<float>(finite ? mx : 0x3f800000u) / R", "as_type<float>(finite ? mx : 0x3f800000u) * (1.0f / R)"),
	replace("quad.h", "quad: threshold dropped", "mx >= 0x0d800000u && mx < 0x7f800000u", "mx > 0u && mx < 0x7f800000u"),
	replace("quad.h", "quad: sum of one half", "if (SUB == 1) sum = sum + simd_shuffle_xor(sum, 8);", ""),
	replace("quad.h", "quad: greatest of one half", "const uint mx = above(half, simd_shuffle_xor(half, 8));", "const uint mx = half;"),
	replace("quad.h", "quad: blocks past the last", "if (b >= nb) return;", ""),
	replace("quad.h", "quad: NaN lost", "mx < 0x0d800000u ? 0.0f : as_type<float>(mx);", "0.0f;"),
	replace("rows_many.metal", "norm of many: 64 values left over", "if (n & 64u) {", "if (false) {"),
	replace("rows_many.metal", "norm of many: guard off by one", "const bool here = i < map_count(sl, p.xmap);", "const bool here = i <= map_count(sl, p.xmap);"),
	replace("rows_many.metal", "norm of many: every value twice in a chain", "load8(x + (i + 1u) * 128u, u);", "load8(x + i * 128u, u);"),
	replace("rows_many.metal", "swiglu of many: the gate of the row before", "ulong(v) * (2u * quads)", "ulong(v > 0u ? v - 1u : 0u) * (2u * quads)"),
	replace("delta_long.metal", "delta of many: copied over a turn that is read", "at >= LONG_ROWS ? at - LONG_ROWS : at + 2u * LONG_ROWS, n", "at, n"),
	replace("delta_long.metal", "delta of many: the next row's decay", "long_pass<R>(S, a, b, q, k, decay, d, o, u)", "long_pass<R>(S, a, b, q, k, g, d, o, u)"),
	replace("delta_long.metal", "delta of many: state by two roundings", "fma(a[i].part, d, s);", "a[i].part * d + s;  "),
	replace("delta_long.metal", "delta of many: one chain", "next = u + simd_shuffle_xor(u, 16);", "next = u + u;"),
	replace("delta_long.metal", "delta of many: an odd row's keys by an even one's", "long_pass<R>(S, b, a, q, k, decay, d, o, u)", "long_pass<R>(S, a, b, q, k, decay, d, o, u)"),
	replace("delta_long.metal", "delta of many: one simdgroup's rows for all", "for (uint r = ring.sg; r < LONG_ROWS; r += ring.group) {", "for (uint r = ring.sg; r < LONG_ROWS; r += LONG_GROUP) {"),
	replace("delta_long.metal", "delta of many: the turn before repeated", "(n + r < s.last ? n + r : s.last) * s.step;", "(r < s.last ? r : s.last) * s.step;"),
	replace("delta_long.metal", "delta of many: places past the ring", "then + 2u == LONG_RING ? 0u : then + 2u", "then + 2u"),
	replace("delta_norm.metal", "delta norm of many: one block a head", "2u * h + lane / 16u", "2u * h"),
	replace("product.metal", "product: fma split", "f = fma(tail[j].y, in[j].y, f);", "f = f + tail[j].y * in[j].y;"),
	replace("product.metal", "product: scales in another order", "const float ss = tail[j].x * in[j].x;\n            f = fma(sum[j], ss, f);", "const float ss = sum[j] * tail[j].x;\n            f = fma(ss, in[j].x, f);"),
	replace("product.metal", "product: one buffer for two chunks", "const uint to = (s * CHUNK_WORDS +", "const uint to = (0 * CHUNK_WORDS +"),
	replace("product.metal", "product: rows past the count", "if (g < n) {  // thread", "if (g < 8u * T) {  // thread"),
	replace("product.metal", "product: columns past the last", "const bool mine = g < n && place.strip * 16u + o < place.N;", "const bool mine = g < n;"),
	replace("guess.metal", "guess: names instead of places", "if (p.listed && at >= p.first)", "if (p.listed && at > p.first)"),
	replace("guess.metal", "guess: mass with the candidate's own", "if (k < lane) before[0]", "if (k <= lane) before[0]"),
	replace("guess.metal", "guess: the highest of the kept", "chosen = low != 0u ? ~low : high;", "chosen = ~low;"),
	replace("guess.metal", "guess: rows past the count", "if (!here) return;", ""),
	replace("guess.metal", "guess: another word of Philox", "float(b >> 8)", "float(a >> 8)"),
	replace("guess.metal", "guess: no limit", "chosen = chosen < last ? chosen : last;", ""),
	replace("stream.metal", "stream: one pass of rows", "ulong(xrow + row) * p.stride", "ulong(row) * p.stride"),
	replace("stream.metal", "stream: scales of the row before", "in1[i] = scales[line + 8u * i + 1u];", "in1[i] = scales[line + 8u * i];"),
	replace("product.metal", "product: low plane first", "if (plane == 1) {", "if (plane == 0) {"),
	replace("product.metal", "product: blocks past the last", "(whole || sg * U + u < left)", "(true || sg * U + u < left)"),
	replace("product.metal", "product: a shuffle in half of the lanes", "l = l + simd_shuffle_xor(l, 1);", "if (lane < 16u) l = l + simd_shuffle_xor(l, 1);"),
	replace("product.metal", "float product: chain of 128", "if (b < blocks) {\n      const uint kn = K - 64u * b < 64u", "if (b < blocks) {\n      const uint kn = K - 64u * b < 128u"),
	replace("product.metal", "expert: index not checked", "if (e >= p.experts) {", "if (e > p.experts) {"),
	replace("delta_head.metal", "delta head: every value head writes its key head", "leads = h % (HV / HK) == 0u", "leads = true"),
	replace("delta_head.metal", "delta head: the window not moved on", "a.x[j] = a.x[j + 1u];", ""),
	replace("delta_head.metal", "delta head: state after the first uncertain row", "if (n == t.certain) {", "if (n == t.certain + 1u) {"),
	replace("delta_head.metal", "delta head: norm of the other block", "y0 = y0 * g0;", "y0 = y0 * g1;"),
	replace("product.metal", "products: the third part's first strip to the second", "(strip >= p.end1 ? 1u : 0u)", "(strip > p.end1 ? 1u : 0u)"),
	replace("line.metal", "line: scales of the block before", "b < blocks) scales[b] = s[j];", "b < blocks) scales[b ^ 1u] = s[j];"),
	replace("line.metal", "line: one buffer for two chunks", "sums2[s * (LINE_SUMS / 2)", "sums2[0 * (LINE_SUMS / 2)"),
	replace("tile.metal", "tile: a stage brought over the one in use", "if (b + TILE_STAGES - 1u < blocks) TILE_FETCH(next)", "if (b + TILE_STAGES - 1u < blocks) TILE_FETCH(stage)"),
	replace("tile.metal", "tile: scales in another order", "fma(tile_sum(sum.x), s0, f[s][i].x)", "fma(tile_sum(sum.x) * lo[s].x, in.x, f[s][i].x)"),
	replace("tile.metal", "tile: outputs past the last", "if (row < count && o < p.N) {", "if (row < count) {"),
	replace("part.metal", "part product: a block past the list", "if (tg.x >= uint(list[0])) return;", "if (tg.x > uint(list[0])) return;"),
	replace("part.metal", "part product: the list of row 0", "lists + row * (1u + p.most)", "lists"),
	replace("part.metal", "part product: columns past the limit", "tid.x >= left) y", "tid.x > left) y"),
	replace("part.metal", "part product: the limit not looked at", "p.limit - strip * 16u : 0u", "16u : 0u"),
	replace("expert.metal", "route: later of two equals", "(u == last && j > lastat)", "(u == last && j < lastat)"),
	replace("expert.metal", "route: every lane writes", "if (lane == 0u) {\n      index", "{\n      index"),
	replace("expert.metal", "combine: experts backwards", "for (uint k = 0; k < p.topk; k++) a = fma", "for (uint k = p.topk; k-- > 0;) a = fma"),
	replace("support.metal", "support: -0 below +0", "as_type<uint>(x + 0.0f)", "as_type<uint>(x)"),
	replace("support.metal", "support: one candidate too few", "uint prefix = 0, want = TOP;", "uint prefix = 0, want = TOP - 1;"),
	replace("support.metal", "support: counting without atomics", "atomic_fetch_add_explicit(&hist[(k >> shift) & 255u], 1u, memory_order_relaxed)", "atomic_store_explicit(&hist[(k >> shift) & 255u], atomic_load_explicit(&hist[(k >> shift) & 255u], memory_order_relaxed) + 1u, memory_order_relaxed)"),
	replace("support.metal", "support: a shorter row's last chunk in full", "const uint n = entries - from < CHUNK ? entries - from : CHUNK;", "const uint n = p.vocab + 16u * p.most - from < CHUNK ? p.vocab + 16u * p.most - from : CHUNK;"),
	replace("support.metal", "support: chunks that a shorter row lacks", "if (from >= entries) {", "if (from > entries + CHUNK) {"),
	replace("support.metal", "support: parts of Z that a shorter row lacks", "const uint chunks = (entries_of(lists, p, row) + CHUNK - 1u) / CHUNK;", "const uint chunks = p.next;"),
	replace("support.metal", "support: Z merged backwards", "const float old = exp_bits(a * inv)", "const float old = exp_bits(b * inv)"),
	replace("support.metal", "support: Z of the second 32 chunks alone", "if (from + c != 0u) {", "if (c != 0u) {"),
	replace("delta.metal", "delta: one chain", "return u + simd_shuffle_xor(u, 16);", "return u + u;"),
	replace("delta.metal", "delta: state after the first uncertain row", "if (n == t.certain && col", "if (n == t.certain + 1u && col"),
	replace("delta.metal", "delta: fold rounds once", "S[i] = fma(kv.x, d, s0);", "S[i] = fma(g, S[i], kv.x * d);"),
	replace("delta.metal", "delta: columns of the padding", "if (e == 0u && col < DV) {", "if (e == 0u) {"),
	replace("delta.metal", "delta prep: taps backwards", "acc = fma(tap[j], x[j], acc)", "acc = fma(tap[TAPS - 1u - j], x[j], acc)"),
	replace("delta.metal", "delta prep: a row's window kept for another lane", "if (r == 0u || of[r] != of[r > 0u ? r - 1u : 0u]) {", "if (r == 0u) {"),
	replace("delta.metal", "delta prep: the factor of the row before", "const float y = v[r * DK + c] * factor[r];", "const float y = v[r * DK + c] * factor[r > 0u ? r - 1u : 0u];"),
	replace("delta.metal", "delta prep: past from row 0 of the tape", "tapes[tapein + ulong(fold + j) * conv + ch]", "tapes[tapein + ulong(j) * conv + ch]"),
	replace("attention.metal", "attention: one token too many", "end = row_position(sl, p.s, row) + 1u;", "end = row_position(sl, p.s, row) + 2u;"),
	replace("attention.metal", "attention: stale tokens weigh 0", "if (j + e < here) {", "{"),
	replace("attention.metal", "attention: sum over t mod 8 in halves", "sum = add4(sum, shuffle4(sum, 4));", "sum = add4(sum, sum);"),
	replace("attention.metal", "attention: merged by the old maximum", "st[g * ST_SIZE + ST_NEW] = exp4(m, big);", "st[g * ST_SIZE + ST_NEW] = exp4(m, old);"),
	replace("attention.metal", "rope: the other sign", "fma(a, c, -bs)", "fma(a, c, bs)"),
	replace("attention.metal", "keys truncated instead of rounded", "pool[at] = ushort(bf16_of(v));", "pool[at] = ushort(as_type<uint>(v) >> 16);"),
	replace("attention_tile.metal", "query tile: a token that a query does not have", "#define TILE_SOME(j) t < n[j]", "#define TILE_SOME(j) t <= n[j]"),
	replace("attention_tile.metal", "query tile: merged by the old maximum", "st.more[own] = exp_bits(m - big);", "st.more[own] = exp_bits(m - top);"),
	replace("attention_tile.metal", "query tile: places past the last written", "if (st.count[q] == 0u) continue;", ""),
	replace("attention_tile.metal", "query tile: parts of the sum in another order", "float now = s01 + s23;", "float now = s01 + s2 + s3;"),
	replace("attention_tile.metal", "query tile: the first page's values in the second", "p0 = b + at0;", "p0 = a + at0;"),
	replace("attention_tile.metal", "query tile: a lane of so many rows left out", "if (rows < p.least) continue;", "if (rows <= p.least) continue;"),
	replace("attention_tile.metal", "query tile: a lane's last tile from its first row", "v0 = (tiles - 1u - y) * QUERIES;", "v0 = (tiles - 1u - y) * (QUERIES - 1u);"),
	replace("attention_coded.metal", "coded: every row writes its values", "if (row > first && t % BLOCK != 0u) return;", ""),
	replace("attention_coded.metal", "coded: the block's later rows not written", "const uint rows = BLOCK - t % BLOCK < end - row ? BLOCK - t % BLOCK : end - row;", "const uint rows = 1;"),
	replace("attention_coded.metal", "coded: rows past the lane's last", "const uint rows = BLOCK - t % BLOCK < end - row ? BLOCK - t % BLOCK : end - row;", "const uint rows = BLOCK - t % BLOCK;"),
	replace("attention_coded.metal", "coded: neighbours' codes overwritten", "(uint(values[at]) & ~(((1u << BITS) - 1u) << bit)) | code << bit", "code << bit"),
	replace("attention_coded.metal", "coded: high bits of codes 30 and 31 of 3 bits swapped", "((v[b + 1u] >> e) & 1u) << 2", "((v[b + 1u] >> (e ^ 1u)) & 1u) << 2"),
	replace("attention_coded.metal", "coded: a level one off", "0x2c1f1206u", "0x2c1f1207u"),
	replace("attention_coded.metal", "coded: a midpoint counts as above", "(a > 29.5f ? 1u : 0u)", "(a > 29.4f ? 1u : 0u)"),
	replace("attention_coded.metal", "coded: key scale of the neighbour", "t & 1u ? 0u : 16u", "t & 1u ? 16u : 0u"),
	replace("attention_coded.metal", "coded: key scale not rounded", "const float s = f32_of_bf16(h), inv", "const float s = most, inv"),
	replace("attention_coded.metal", "coded: scores scaled dim by dim", "a = fma4(as_type<float>((s[b] << shift) & 0xffff0000u), sum, a);", "a = add4(a, mul4(F4(as_type<float>((s[b] << shift) & 0xffff0000u), as_type<float>((s[b] << shift) & 0xffff0000u), as_type<float>((s[b] << shift) & 0xffff0000u), as_type<float>((s[b] << shift) & 0xffff0000u)), sum));"),
	replace("attention_coded.metal", "coded: weights scaled before they are summed", "simdgroup_barrier(mem_flags::mem_threadgroup);\n    UNROLL\n    for (uint j = 0; j < SPLIT / 32u; j++) {\n      const uint t = lane + 32u * j;\n      if (t < n) {", "UNROLL\n    for (uint j = 0; j < SPLIT / 32u; j++) {\n      const uint t = lane + 32u * j;\n      if (t < n) {"),
	replace("attention_coded.metal", "coded: the last step of the rotation not turned back", "for (uint h = 1; 64u * h < block; h *= 2u) {", "for (uint h = 1; 128u * h < block; h *= 2u) {"),
	replace("attention_coded.metal", "coded: a difference the other way round", "y1 = a - b;", "y1 = b - a;"),
	replace("attention_coded.metal", "coded: sum of squares of the other half first", "acc = fma(v[j], v[j], acc);\n      if (32u * j + 16u < HD) acc = fma(more, more, acc);", "if (32u * j + 16u < HD) acc = fma(more, more, acc);\n      acc = fma(v[j], v[j], acc);"),
	replace("attention_coded.metal", "coded: the second page's words at the first's place", "if (t + PAGE < n) load(pool, pages, next, half, i, t + PAGE, n);", "if (t + PAGE < n) load(pool, pages, next, half, i, t, n);"),
	replace("attention_coded.metal", "coded: words of tokens that are not there", "if (t + first_of(j) < n) v[j] = value[j * 16u];", "if (t + first_of(j) <= n) v[j] = value[j * 16u + 64u * 512u];"),
}

var barrier = regexp.MustCompile(`(threadgroup|simdgroup)_barrier\([^;]*\);`)

// barriers is a removal and a change of flags for every barrier of a file.
func barriers(file, text string) []mutation {
	places := barrier.FindAllStringIndex(text, -1)
	list := make([]mutation, 0, 2*len(places))
	for i, at := range places {
		line := 1 + strings.Count(text[:at[0]], "\n")
		swap := func(repl string) func(string) (string, error) {
			return func(text string) (string, error) {
				at := barrier.FindAllStringIndex(text, -1)[i]
				return text[:at[0]] + repl + text[at[1]:], nil
			}
		}
		kind, _, _ := strings.Cut(text[at[0]:at[1]], "(")
		list = append(list,
			mutation{fmt.Sprintf("line %d: %s removed", line, kind), file, swap("")},
			mutation{fmt.Sprintf("line %d: %s for device memory only", line, kind), file, swap(kind + "(mem_flags::mem_device);")})
	}
	return list
}

func main() {
	only := flag.String("only", "", "run the mutations whose file or name contains this")
	list := flag.Bool("list", false, "list the mutations")
	flag.Parse()
	missed, err := run(*only, *list)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if missed > 0 {
		fmt.Fprintf(os.Stderr, "%d mutations were missed\n", missed)
		os.Exit(1)
	}
}

func run(only string, list bool) (missed int, err error) {
	files, err := gpu.Sources()
	if err != nil {
		return 0, err
	}
	all := slices.Clone(mistakes)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if suites[name] != "" {
			all = append(all, barriers(name, files[name])...)
		}
	}
	dir, err := os.MkdirTemp("", "mtplx-mutate-*")
	if err != nil {
		return 0, fmt.Errorf("mutate: %w", err)
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	tests := filepath.Join(dir, "emulator.test")
	if !list {
		build := exec.CommandContext(ctx, "go", "test", "-c", "-o", tests, "./kernels/gpu/emulator")
		if out, err := build.CombinedOutput(); err != nil {
			return 0, fmt.Errorf("build the tests: %w\n%s", err, out)
		}
		// A test that fails of itself would seem to notice everything.
		same := mutation{"expert.metal", "none", func(text string) (string, error) { return text, nil }}
		switch verdict, err := same.try(ctx, tests, filepath.Join(dir, "src"), files); {
		case err != nil:
			return 0, err
		case verdict != "":
			return 0, fmt.Errorf("the tests fail without a mutation: %s", verdict)
		}
	}
	for _, m := range all {
		if !strings.Contains(m.file+" "+m.name, only) {
			continue
		}
		if list {
			fmt.Println(m.file, m.name)
			continue
		}
		verdict, err := m.try(ctx, tests, filepath.Join(dir, "src"), files)
		if err != nil {
			return missed, fmt.Errorf("%s, %s: %w", m.file, m.name, err)
		}
		if verdict == "" {
			missed++
			verdict = "MISSED"
		}
		fmt.Printf("%s, %s: %s\n", m.file, m.name, verdict)
	}
	return missed, nil
}

var finding = regexp.MustCompile(`(race|bounds|uninitialised read|divergence|alias|limit|write to a constant buffer): [^\n]*`)

// try tests the kernels with the mutation and tells what noticed it; "" is nothing.
func (m *mutation) try(ctx context.Context, tests, dir string, files map[string]string) (string, error) {
	text, err := m.change(files[m.file])
	if err != nil {
		return "", err
	}
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	for name, t := range files {
		if name == m.file {
			t = text
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(t), 0o600); err != nil {
			return "", err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	filter := fmt.Sprintf("TestConformance/.*/^(%s)$|TestExpertOutsideTable|TestPrimitives", suites[m.file])
	cmd := exec.CommandContext(ctx, tests, "-test.failfast", "-test.run", filter)
	cmd.Dir = filepath.Join("kernels", "gpu", "emulator") // its testdata
	cmd.Env = append(os.Environ(), "MTPLX_GPU_SOURCES="+dir)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return "", nil
	case !errors.As(err, &exit):
		return "", err
	case strings.Contains(out.String(), "build the GPU emulator"):
		return "", fmt.Errorf("the mutated kernels do not compile:\n%s", out.String())
	}
	if f := finding.FindString(out.String()); f != "" {
		return "emulator: " + f[:min(len(f), 140)], nil
	}
	for line := range strings.Lines(out.String()) {
		if line = strings.TrimSpace(line); strings.Contains(line, ".go:") {
			return "suite: " + line[:min(len(line), 140)], nil
		}
	}
	return "suite", nil
}
