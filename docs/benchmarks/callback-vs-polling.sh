#!/usr/bin/env bash
# Compares how soon narada run ends after its task has completed, by callback and
# by polling. Needs Go and this checkout; everything stays on this machine. See
# README.md.
#
#   ROUNDS=3 docs/benchmarks/callback-vs-polling.sh
#
# A round takes about 10 seconds.
set -euo pipefail

repository="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)"
rounds="${ROUNDS:-3}"

if ! command -v go >/dev/null; then
	echo "callback-vs-polling.sh: Go is required: https://go.dev/dl/" >&2
	exit 2
fi

tmp="$(mktemp -d)"
child=""
cleanup() {
	if [[ -n "$child" ]]; then
		kill "$child" 2>/dev/null || true
		wait "$child" 2>/dev/null || true
	fi
	rm -rf -- "$tmp"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

build() { # NAME PACKAGE
	CGO_ENABLED=0 go build -C "$repository" -trimpath -ldflags "-s -w" -o "$tmp/$1" "$2"
}
build narada .
build catching ./docs/benchmarks/catching

# In the background, so that a signal to this script ends it at once.
"$tmp/catching" -rounds "$rounds" "$tmp/narada" &
child=$!
code=0
wait "$child" || code=$?
child=""
exit "$code"
