#!/usr/bin/env bash
# Compares the rate at which the endpoint acknowledges callbacks, each after it is
# on disk, with a bare server that stores nothing. Needs Go and this checkout.
# See README.md.
#
#   ROUNDS=5 SECONDS_EACH=2 LIMIT=0.45 docs/benchmarks/acknowledging.sh
#
# Exits with 1 if narada's rate is less than LIMIT of the bare server's, if its 99th
# percentile is over 100 ms, if a connection starves, or if a single connection waits
# more than a millisecond longer than for a plain sync.
set -euo pipefail

repository="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)"
rounds="${ROUNDS:-5}"
seconds="${SECONDS_EACH:-2}"
limit="${LIMIT:-0.45}"

if ! command -v go >/dev/null; then
	echo "acknowledging.sh: Go is required: https://go.dev/dl/" >&2
	exit 2
fi

tmp="$(mktemp -d)"
trap 'rm -rf -- "$tmp"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

go build -C "$repository" -o "$tmp/acknowledging" ./docs/benchmarks/acknowledging

echo "== 64 connections"
"$tmp/acknowledging" -rounds "$rounds" -seconds "$seconds" -limit "$limit"
echo "== 64 connections, one processor"
GOMAXPROCS=1 "$tmp/acknowledging" -rounds "$rounds" -seconds "$seconds" -limit "$limit"
echo "== one connection"
"$tmp/acknowledging" -rounds "$rounds" -seconds "$seconds" -connections 1
