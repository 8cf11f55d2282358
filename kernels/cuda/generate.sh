#!/bin/sh
# Makes kernels_80.ptx.gz and kernels_90.ptx.gz from the sources in ../gpu/src with NVRTC 12.2, whose text drivers from
# 535 on take. NVRTC comes from PyPI (package nvidia-cuda-nvrtc-cu12), needs no GPU, and is kept in the cache folder.
# With -check it compares instead and fails when the committed files are not what the sources make.
set -eu
cd "$(dirname "$0")"
version=12.2.140
cache="${XDG_CACHE_HOME:-$HOME/.cache}/mtplx-nvrtc-$version"
lib="$cache/nvidia/cuda_nvrtc/lib/libnvrtc.so.12"
if [ ! -e "$lib" ]; then
  mkdir -p "$cache"
  python3 -m pip -q download --no-deps --only-binary=:all: --platform manylinux1_x86_64 -d "$cache" "nvidia-cuda-nvrtc-cu12==$version"
  (cd "$cache" && python3 -m zipfile -e ./*.whl .)
fi
exec go run -tags cuda ./ptx "$@" "$lib" ../gpu/src .
