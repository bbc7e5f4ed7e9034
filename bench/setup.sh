#!/usr/bin/env bash
# What `npm run bench:peers` compares with: the JavaScript peers and Node 24 in bench/peers, and Debian's PyTorch.
set -euo pipefail
cd "$(dirname "$0")"

npm ci --prefix peers

if /usr/bin/python3 -c 'import torch' 2>/dev/null; then
  echo "PyTorch is there"
elif [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
  apt-get update -qq
  apt-get install -y --no-install-recommends python3-torch python3-numpy
else
  echo "PyTorch is left out: install python3-torch and python3-numpy (Debian), as root, to compare with it"
fi
