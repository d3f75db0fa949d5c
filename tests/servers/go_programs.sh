#!/bin/sh
# Build the newest Prometheus and an OpenTelemetry Collector from their Go modules.
#
# usage: go_programs.sh FOLDER
#
# For what no package of Debian has: a Prometheus with its OTLP receiver, and a Collector.
# Prometheus is built with the dependencies of its own release, the Collector with those of
# go/go.sum beside this file. Service discovery other than static and by file is left out,
# which halves the work; it still takes two idle processors about ten minutes the first time.
# Afterwards FOLDER/bin holds prometheus, promtool and otelcol.
# Exit: 0 they are there, 1 they could not be built (the reason on standard error).
set -eu

release=3.16.0
module=github.com/prometheus/prometheus
tag=v0.$(echo $release | awk -F . '{ printf "%d%02d.%d", $1, $2, $3 }')

folder=${1:?usage: go_programs.sh FOLDER}
mkdir -p "$folder/bin"
folder=$(cd "$folder" && pwd)
cd "$(dirname "$0")/go"

built="$folder/built.$(cat ../go_programs.sh go.mod main.go | cksum | cut -d ' ' -f 1)"
if [ -e "$built" ]; then
    exit 0
fi
command -v go >/dev/null || { echo "no go here: install Go, then run this again" >&2; exit 1; }
failed() { echo "$1 could not be built with $(go version)" >&2; exit 1; }

echo "building Prometheus $release and a Collector (about ten minutes the first time) ..."
(
    cd "$folder" # outside of any module
    GOBIN="$folder/bin" nice -n 5 go install -tags remove_all_sd \
        -ldflags "-s -w -X github.com/prometheus/common/version.Version=$release" \
        "$module/cmd/prometheus@$tag" "$module/cmd/promtool@$tag"
) || failed "Prometheus $release"
nice -n 5 go build -buildvcs=false -tags remove_all_sd -ldflags "-s -w" -o "$folder/bin/otelcol" . ||
    failed "the Collector"
rm -f "$folder"/built.*
touch "$built"
"$folder/bin/prometheus" --version 2>&1 | head -n 1
