#!/bin/sh
# Build the newest Prometheus, an OpenTelemetry Collector and Jaeger from their Go modules.
#
# usage: go_programs.sh FOLDER
#
# For what no package of Debian has: a Prometheus with its OTLP receiver, a Collector, a store of
# traces. Prometheus is built with the dependencies of its own release, the others with those of
# go/go.sum and go_jaeger/go.sum beside this file. Service discovery other than static and by file
# is left out, which halves the work; it still takes two idle processors a quarter of an hour the
# first time. Afterwards FOLDER/bin holds prometheus, promtool, otelcol and jaeger.
# Exit: 0 they are there, 1 they could not be built (the reason on standard error).
set -eu

release=3.16.0
module=github.com/prometheus/prometheus
tag=v0.$(echo $release | awk -F . '{ printf "%d%02d.%d", $1, $2, $3 }')

folder=${1:?usage: go_programs.sh FOLDER}
mkdir -p "$folder/bin"
folder=$(cd "$folder" && pwd)
cd "$(dirname "$0")/go"

built="$folder/built.$(cat ../go_programs.sh go.mod main.go ../go_jaeger/go.mod | cksum | cut -d ' ' -f 1)"
if [ -e "$built" ]; then
    exit 0
fi
command -v go >/dev/null || { echo "no go here: install Go, then run this again" >&2; exit 1; }
failed() { echo "$1 could not be built with $(go version)" >&2; exit 1; }

echo "building Prometheus $release, a Collector and Jaeger (a quarter of an hour the first time) ..."
(
    cd "$folder" # outside of any module
    GOBIN="$folder/bin" nice -n 5 go install -tags remove_all_sd \
        -ldflags "-s -w -X github.com/prometheus/common/version.Version=$release" \
        "$module/cmd/prometheus@$tag" "$module/cmd/promtool@$tag"
) || failed "Prometheus $release"
nice -n 5 go build -buildvcs=false -tags remove_all_sd -ldflags "-s -w" -o "$folder/bin/otelcol" . ||
    failed "the Collector"
(
    cd ../go_jaeger
    nice -n 5 go build -buildvcs=false -ldflags "-s -w" -o "$folder/bin/jaeger" \
        github.com/jaegertracing/jaeger/cmd/jaeger
) || failed "Jaeger"
rm -f "$folder"/built.*
touch "$built"
"$folder/bin/prometheus" --version 2>&1 | head -n 1
