#!/usr/bin/env bash
# What the tests of operation need and `make test` does not: each tool is installed where it is missing, or this fails.
# install.sh [prometheus] [asyncapi]: these alone.
set -euo pipefail

root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }

debian() {  # program package
  command -v "$1" >/dev/null && return
  echo "Installing $2"
  root apt-get update -qq
  root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$2" >/dev/null
  command -v "$1" >/dev/null || { echo "$1 is needed, and $2 does not bring it" >&2; exit 1; }
}

install_prometheus() {
  debian prometheus prometheus
  debian promtool prometheus
}

install_asyncapi() {  # AsyncAPI's parser and its component, as package-lock.json has them
  debian node nodejs
  debian npm npm
  cd "$here/asyncapi"
  [ node_modules/.package-lock.json -nt package-lock.json ] && return
  echo "Installing AsyncAPI's parser"
  npm ci --no-audit --no-fund --ignore-scripts --loglevel=error
}

here=$(cd "$(dirname "$0")" && pwd)
if [ $# = 0 ]; then
  install_prometheus
  debian chromium chromium
  "$here/collector.sh"
  install_asyncapi
fi
for one in "$@"; do "install_$one"; done
