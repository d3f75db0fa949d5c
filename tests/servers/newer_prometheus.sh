#!/bin/sh
# Fetch newer Prometheus and Alertmanager than Debian stable's into a folder of their own.
#
# usage: newer_prometheus.sh FOLDER
#
# Debian sid carries both; their binaries are static and run on stable. Everything
# happens below FOLDER: a private copy of this machine's own Debian source with the
# suite changed, private package lists, nothing installed, nothing of the system touched.
# Afterwards FOLDER/bin holds prometheus, promtool, alertmanager and amtool, and
# FOLDER/console the files the server's package expects beside it.
# Exit: 0 they are there, 1 they could not be fetched (the reason on standard error).
set -eu

folder=${1:?usage: newer_prometheus.sh FOLDER}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)

if [ -x "$folder/bin/prometheus" ] && [ -x "$folder/bin/promtool" ] && [ -x "$folder/bin/alertmanager" ]; then
    exit 0
fi
for program in apt-get dpkg; do
    command -v "$program" >/dev/null || { echo "no $program here: Debian only" >&2; exit 1; }
done

# The archive this machine already uses, whichever format names it.
archive=$(cat /etc/apt/sources.list.d/*.sources 2>/dev/null | awk '$1 == "URIs:" { print $2 }' |
    grep -E '/debian/?$' | head -n 1 || true)
[ -n "$archive" ] || archive=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
    awk '$1 == "deb" { for (i = 2; i <= NF; i++) if ($i ~ /\/debian\/?$/) print $i }' | head -n 1)
[ -n "$archive" ] || { echo "this machine names no Debian archive" >&2; exit 1; }
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
[ -r "$keyring" ] || { echo "no $keyring (package debian-archive-keyring)" >&2; exit 1; }

apt="$folder/apt"
mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/parts" "$folder/root"
printf 'Types: deb\nURIs: %s\nSuites: sid\nComponents: main\nSigned-By: %s\n' \
    "$archive" "$keyring" >"$apt/sid.sources"
: >"$apt/status"
options="-o Dir::Etc::SourceList=$apt/sid.sources -o Dir::Etc::SourceParts=$apt/parts
    -o Dir::State::Lists=$apt/lists -o Dir::State::Status=$apt/status -o Dir::Cache=$apt/cache
    -o APT::Sandbox::User=root -o Acquire::Languages=none -o Acquire::Retries=2 -o Acquire::http::Timeout=30"

# shellcheck disable=SC2086 # options are words
apt-get $options -qq update || { echo "the sid package list cannot be fetched" >&2; exit 1; }
cd "$apt"
# shellcheck disable=SC2086
apt-get $options -qq download prometheus promtool prometheus-alertmanager ||
    { echo "the sid packages cannot be fetched" >&2; exit 1; }
for package in "$apt"/*.deb; do
    dpkg -x "$package" "$folder/root"
done
mkdir -p "$folder/bin"
for program in prometheus promtool amtool; do
    ln -sf "../root/usr/bin/$program" "$folder/bin/$program"
done
ln -sf ../root/usr/bin/prometheus-alertmanager "$folder/bin/alertmanager"
rm -rf "$apt"
"$folder/bin/prometheus" --version 2>&1 | head -n 1
"$folder/bin/alertmanager" --version 2>&1 | head -n 1
