#!/usr/bin/env bash
# What the tests of operation need and `make test` does not: each tool is installed where it is missing, or this fails.
set -euo pipefail

root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }

debian() {  # program package
  command -v "$1" >/dev/null && return
  echo "Installing $2"
  root apt-get update -qq
  root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$2" >/dev/null
  command -v "$1" >/dev/null || { echo "$1 is needed, and $2 does not bring it" >&2; exit 1; }
}

debian prometheus prometheus
debian promtool prometheus
debian chromium chromium
debian node nodejs
debian npm npm
"$(dirname "$0")/collector.sh"

# AsyncAPI's parser and its component, as package-lock.json has them.
cd "$(dirname "$0")/asyncapi"
if [ ! node_modules/.package-lock.json -nt package-lock.json ]; then
  echo "Installing AsyncAPI's parser"
  npm ci --no-audit --no-fund --ignore-scripts --loglevel=error
fi
