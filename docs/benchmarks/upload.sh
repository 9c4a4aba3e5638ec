#!/usr/bin/env bash
# Compares narada with curl -F in uploading a file of 1 GiB to the same server.
# Needs Go, curl and this checkout; everything stays on this machine. See README.md.
#
#   ROUNDS=5 docs/benchmarks/upload.sh
#
# Exits with 1 if narada has less than 0.8 of curl's throughput, or uses more than
# 64 MiB of memory.
set -euo pipefail

repository="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)"

for needed in go curl; do
	if ! command -v "$needed" >/dev/null; then
		echo "upload.sh: $needed is required" >&2
		exit 2
	fi
done

tmp="$(mktemp -d)"
trap 'rm -rf -- "$tmp"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

build() { # NAME PACKAGE
	CGO_ENABLED=0 go build -C "$repository" -trimpath -ldflags "-s -w" -o "$tmp/$1" "$2"
}
build narada .
build uploading ./docs/benchmarks/uploading

"$tmp/uploading" -rounds "${ROUNDS:-5}" "$tmp/narada"
