#!/usr/bin/env bash
# Compares the start of narada with that of a bare program that links some of the
# same libraries. Needs Go and this checkout. See README.md.
#
#   ROUNDS=200 LIMIT=2.8 docs/benchmarks/startup.sh
#
# Exits with 1 if narada takes more than LIMIT times as long.
set -euo pipefail

repository="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)"
rounds="${ROUNDS:-200}"
limit="${LIMIT:-2.8}"

if ! command -v go >/dev/null; then
	echo "startup.sh: Go is required: https://go.dev/dl/" >&2
	exit 2
fi

tmp="$(mktemp -d)"
trap 'rm -rf -- "$tmp"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

build() { # NAME PACKAGE
	CGO_ENABLED=0 go build -C "$repository" -trimpath -ldflags "-s -w" -o "$tmp/$1" "$2"
}
build narada .
build bare ./docs/benchmarks/bare
build timer ./docs/benchmarks/timer

"$tmp/timer" -warmup 10 -rounds "$rounds" -limit "$limit" \
	"$tmp/narada" --version -- "$tmp/bare" --version
