#!/bin/bash
# The pages' tests: their modules under node, then both pages in a headless Chromium against `mtplx serve` with the
# embedded default model.
#
#   run.sh [path of an mtplx binary]     (default: builds one)
#
# Needs node with npm, and Chromium (CHROMIUM names it; Debian: apt-get install chromium). CACHE keeps what was
# installed from npm, at the versions of package-lock.json (default: a new folder each time).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
cache=${CACHE:-$work}
trap 'rm -rf "$work"' EXIT

CHROMIUM=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)}
[ -n "$CHROMIUM" ] || { echo "no Chromium was found: apt-get install chromium, or set CHROMIUM"; exit 1; }
export CHROMIUM

export MTPLX=${1:-}
if [ -z "$MTPLX" ]; then
  MTPLX=$work/mtplx
  (cd "$here/../../../.." && CGO_ENABLED=0 go build -o "$MTPLX" ./cmd/mtplx)
fi
MTPLX=$(realpath "$MTPLX")

node --test "$here/../unit/"

mkdir -p "$cache/page"
cp "$here"/package.json "$here"/package-lock.json "$here"/*.mjs "$cache/page/"
cd "$cache/page"
npm ci --silent --no-audit --no-fund
timeout -k 5 300 node --test page.test.mjs
