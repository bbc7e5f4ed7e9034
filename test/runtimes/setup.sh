#!/usr/bin/env bash
# What the tests in other runtimes need, on a bare machine: browsers, their drivers and a software Vulkan from Debian,
# the rest from npm. What cannot be had is said here; its tests skip by name, or fail where CI is set.
set -uo pipefail
cd "$(dirname "$0")"

debian=(chromium firefox-esr webkit2gtk-driver xvfb xauth libvulkan1 mesa-vulkan-drivers)
missing=()
for package in "${debian[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done

status=0
if [ ${#missing[@]} -eq 0 ]; then
  echo "Debian's packages are there: ${debian[*]}"
elif [ "$(id -u)" -ne 0 ]; then
  echo "not root, so these are left out: apt-get install --no-install-recommends ${missing[*]}" >&2
elif ! command -v apt-get >/dev/null; then
  echo "not Debian, so these are left out: ${missing[*]}" >&2
else
  export DEBIAN_FRONTEND=noninteractive
  { apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing[@]}"; } || status=1
fi

npm ci --no-audit --no-fund || status=1
exit $status
