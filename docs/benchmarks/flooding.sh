#!/usr/bin/env bash
# Sends callbacks to narada listen and measures its memory. Needs Go, this checkout
# and Linux. See README.md.
#
#   CALLBACKS=200000 docs/benchmarks/flooding.sh
set -euo pipefail

repository="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)"

if ! command -v go >/dev/null; then
	echo "flooding.sh: Go is required: https://go.dev/dl/" >&2
	exit 2
fi

tmp="$(mktemp -d)"
trap 'rm -rf -- "$tmp"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

go build -C "$repository" -trimpath -o "$tmp/narada" .
go build -C "$repository" -o "$tmp/flooding" ./docs/benchmarks/flooding
"$tmp/flooding" -callbacks "${CALLBACKS:-200000}" "$tmp/narada"
