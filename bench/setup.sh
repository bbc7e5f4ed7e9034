#!/usr/bin/env bash
# What `npm run bench:peers` compares with: the JavaScript peers and Node 24 in bench/peers, and Debian's PyTorch.
set -euo pipefail
cd "$(dirname "$0")"

npm ci --prefix peers

# Debian's PyTorch multiplies by whatever BLAS there is, and the reference one is thirty times slower than OpenBLAS.
if /usr/bin/python3 -c 'import torch' 2>/dev/null && dpkg -s libopenblas0-pthread >/dev/null 2>&1; then
  echo "PyTorch and OpenBLAS are there"
elif [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
  apt-get update -qq
  apt-get install -y --no-install-recommends python3-torch python3-numpy libopenblas0-pthread
else
  echo "To compare with PyTorch at its best, install python3-torch, python3-numpy and libopenblas0-pthread (Debian), as root"
fi
