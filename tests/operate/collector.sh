#!/usr/bin/env bash
# OpenTelemetry's collector, built of the parts that deploy/collector/builder.yaml names: three minutes, once for each list.
set -euo pipefail
cd "$(dirname "$0")/../.."

OCB=go.opentelemetry.io/collector/cmd/builder@v0.161.0
folder=.local/operate
collector=$folder/streamproc-collector

[ -x "$collector" ] && [ "$collector" -nt deploy/collector/builder.yaml ] && exit
command -v go >/dev/null || {
  echo "Installing Go"
  as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends golang-go >/dev/null
}
echo "Building the collector (three minutes)"
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
# An older Go takes the newer one that the collector asks for through its module proxy, if it can at all.
GOBIN=$folder go install "$OCB" || { echo "the collector needs Go 1.21 or newer; there is $(go version)" >&2; exit 1; }
cp deploy/collector/builder.yaml "$folder"
(cd "$folder" && ./builder --config builder.yaml)
mv "$folder/build/streamproc-collector" "$folder/streamproc-collector"
rm -rf "$folder/build" "$folder/builder"
