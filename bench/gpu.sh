#!/usr/bin/env bash
# Measures a machine's GPU with the program alone, in less than eight minutes, and leaves JSON.
#
#   CGO_ENABLED=0 go build -tags cuda -ldflags='-s -w' -o mtplx ./cmd/mtplx   # anywhere
#   bench/gpu.sh ./mtplx results [cuda:0]                                     # on the machine with the card
#
# results/text.json  the same prompt on the GPU and on the CPU: the texts must be equal
# results/serve.json what /health says of a server on the GPU, and an answer of its
# results/gpu.json   everything else, as `mtplx bench gpu --help` says; written after each step
#
# GPU_STEPS=coding,code keeps the last part to these steps.
set -uo pipefail

mtplx=${1:?the program}
out=${2:?a folder for results}
device=${3:-cuda}
mkdir -p "$out"
failed=0

fail() {
  echo "FAILED: $*" >&2
  failed=1
}

# A GPU's text is the CPU's, greedily and with a seed.
: >"$out/text.json"
for how in "--temperature 0" "--temperature 0.8 --seed 7"; do
  for on in "$device" cpu; do
    # shellcheck disable=SC2086 # flags are words
    "$mtplx" run --json --device "$on" $how --max-tokens 200 \
      "Write a Python function that checks if a number is prime." >>"$out/text.json" || fail "run on $on with $how"
  done
done
texts=$(sed 's/^{"text":"\(.*\)","model":.*/\1/' "$out/text.json")
for pair in 1 3; do
  gpu=$(sed -n "${pair}p" <<<"$texts") cpu=$(sed -n "$((pair + 1))p" <<<"$texts")
  [[ -n $gpu && $gpu == "$cpu" ]] || fail "the GPU's text differs from the CPU's: lines $pair and $((pair + 1)) of $out/text.json"
done

# A server answers from the GPU.
"$mtplx" serve --device "$device" --port 0 >"$out/serve.log" 2>&1 &
server=$!
for _ in $(seq 300); do
  url=$(sed -n 's/.* serves .* at \(http[^ ]*\)$/\1/p' "$out/serve.log")
  [ -n "$url" ] && break
  kill -0 "$server" 2>/dev/null || break
  sleep 0.2
done
if [ -n "$url" ]; then
  {
    curl -sS "$url/health"
    curl -sS "$url/v1/chat/completions" -H 'Content-Type: application/json' \
      -d '{"model":"mtplx","max_tokens":64,"messages":[{"role":"user","content":"Say hello."}]}'
  } >"$out/serve.json" || fail "the server did not answer"
  grep -q '"choices"' "$out/serve.json" || fail "the server's answer is none: see $out/serve.json"
else
  fail "the server did not start: see $out/serve.log"
fi
kill "$server" 2>/dev/null && wait "$server"

timeout 460 "$mtplx" bench gpu ${GPU_STEPS:+--steps "$GPU_STEPS"} --device "$device" --json --out "$out/gpu.json" >/dev/null || fail "bench gpu: see $out/gpu.json"
[ "$failed" = 0 ] && echo "all passed"
exit "$failed"
