#!/usr/bin/env bash
# Measures narada with a ledger in PostgreSQL, against other programs and against a
# ledger in SQLite. Starts PostgreSQL servers in temporary folders. Needs Go, this
# checkout, Linux and PostgreSQL 15 or later (Debian's package postgresql). See README.md.
#
#   QUICK=1 docs/benchmarks/shared.sh [receive|work|wait|latency|memory|history]...
#
# QUICK=1 uses small numbers. Exits with 1 if a limit is missed.
set -euo pipefail

repository="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)"

if ! command -v go >/dev/null; then
	echo "shared.sh: Go is required: https://go.dev/dl/" >&2
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
build storing ./docs/benchmarks/storing
build sharing ./docs/benchmarks/sharing

# In the background, so that it can clean up after a signal to this script.
"$tmp/sharing" ${QUICK:+-quick} "$tmp" "$@" &
child=$!
code=0
wait "$child" || code=$?
child=""
exit "$code"
