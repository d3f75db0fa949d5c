#!/bin/sh
# Build the newest Prometheus and an OpenTelemetry Collector from their Go modules.
#
# usage: go_programs.sh FOLDER
#
# For what no package of Debian has: a Prometheus with its OTLP receiver, and a Collector.
# Their versions are those of go/go.mod beside this file; Go verifies what it fetches by
# go.sum. Service discovery other than static and file is left out, which halves the work.
# It takes about ten minutes of two processors the first time, and seconds when Go's cache
# has it. Afterwards FOLDER/bin holds prometheus, promtool and otelcol.
# Exit: 0 they are there, 1 they could not be built (the reason on standard error).
set -eu

folder=${1:?usage: go_programs.sh FOLDER}
mkdir -p "$folder/bin"
folder=$(cd "$folder" && pwd)
cd "$(dirname "$0")/go"

module=github.com/prometheus/prometheus
version=$(awk -v module=$module '$1 == module { print $2 }' go.mod)
built="$folder/built.$(cat go.mod main.go | cksum | cut -d ' ' -f 1)"
if [ -e "$built" ]; then
    exit 0
fi
command -v go >/dev/null || { echo "no go here: install Go, then run this again" >&2; exit 1; }

build() {
    nice -n 5 go build -buildvcs=false -mod=readonly -tags remove_all_sd -o "$folder/bin/" "$@"
}
# v0.316.0 of the module is 3.16.0 of the server.
release=$(echo "$version" | sed -E 's/v0\.([0-9])([0-9]{2})\./\1.\2./; s/\.0([0-9])\./.\1./')
build -ldflags "-s -w -X github.com/prometheus/common/version.Version=$release" \
    $module/cmd/prometheus $module/cmd/promtool ||
    { echo "Prometheus $release could not be built with $(go version)" >&2; exit 1; }
build -ldflags "-s -w" . || { echo "the Collector could not be built with $(go version)" >&2; exit 1; }
rm -f "$folder"/built.*
touch "$built"
"$folder/bin/prometheus" --version 2>&1 | head -n 1
