#!/usr/bin/env bash
# Compares history and status --last on a ledger of a million tasks with the same on
# a ledger of ten. Needs Go, this checkout and about 2 GB of disk. See README.md.
#
#   TASKS=1000000 ROUNDS=50 docs/benchmarks/million.sh
set -euo pipefail

repository="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)"
tasks="${TASKS:-1000000}"
rounds="${ROUNDS:-50}"

if ! command -v go >/dev/null; then
	echo "million.sh: Go is required: https://go.dev/dl/" >&2
	exit 2
fi

tmp="$(mktemp -d)"
sandbox=
finish() {
	[ -z "$sandbox" ] || kill "$sandbox" 2>/dev/null || true
	rm -rf -- "$tmp"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

build() { # NAME PACKAGE
	CGO_ENABLED=0 go build -C "$repository" -trimpath -ldflags "-s -w" -o "$tmp/$1" "$2"
}
build narada .
build filling ./docs/benchmarks/filling
build timer ./docs/benchmarks/timer
mkdir "$tmp/home"
export HOME="$tmp/home" XDG_CONFIG_HOME= XDG_STATE_HOME= NARADA_API_KEY=any NARADA_BROWSER_WINDOW_ID=any

"$tmp/narada" sandbox --addr 127.0.0.1:0 >"$tmp/sandbox" 2>&1 &
sandbox=$!
until grep -q http "$tmp/sandbox"; do
	kill -0 "$sandbox" || { cat "$tmp/sandbox" >&2; exit 1; }
	sleep 0.1
done
NARADA_API_BASE_URL="$(grep -o 'http://[^ ]*' "$tmp/sandbox" | head -n 1)"
export NARADA_API_BASE_URL

echo "filling a ledger with $tasks tasks"
"$tmp/filling" -tasks "$tasks" "$tmp/million"
"$tmp/filling" -tasks 10 "$tmp/ten"
for ledger in million ten; do
	NARADA_STATE_DIR="$tmp/$ledger" "$tmp/narada" run -q --via poll "the last" >/dev/null
done

for ledger in million ten; do
	printf '#!/bin/sh\nNARADA_STATE_DIR=%s exec %s "$@"\n' "$tmp/$ledger" "$tmp/narada" >"$tmp/of-$ledger"
	chmod +x "$tmp/of-$ledger"
done
compare() { # WHAT COMMAND...
	echo "== $1"
	shift
	"$tmp/timer" -warmup 3 -rounds "$rounds" "$tmp/of-million" "$@" -- "$tmp/of-ten" "$@"
}
compare "the first page of history, $tasks tasks to ten" history -q
compare "status --last, $tasks tasks to ten" status -q --last
