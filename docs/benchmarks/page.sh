#!/usr/bin/env bash
# Measures the page of narada ui: its first page over a million tasks against that over ten,
# the time from a callback to its row in a browser, what ten open pages cost a ledger that is
# written and a command, and the size of script and style.
# Needs Go, this checkout, curl, Chromium and about 2 GB of disk. See README.md.
#
#   TASKS=1000000 ROUNDS=50 CALLBACKS=100 TABS=10 RATE=5000 SECONDS_EACH=5 docs/benchmarks/page.sh
#
# Exits with 1 if the first page takes 100 ms or more, a row 250 ms at the median, if with the
# pages open the rate of callbacks is below 0.8 of that without, or a command takes 1.25 times
# as long, or if script and style have 60 KB or more.
set -euo pipefail

repository="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)"
tasks="${TASKS:-1000000}"
rounds="${ROUNDS:-50}"
callbacks="${CALLBACKS:-100}"
tabs="${TABS:-10}"
rate="${RATE:-5000}"
seconds="${SECONDS_EACH:-5}"

browser="$(command -v chromium || command -v chromium-browser || command -v google-chrome)" || {
	echo "page.sh: Chromium is required" >&2
	exit 2
}

tmp="$(mktemp -d)"
pids=()
finish() {
	kill "${pids[@]}" 2>/dev/null || true
	wait
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
build showing ./docs/benchmarks/showing
build tabs ./docs/benchmarks/tabs
unset NARADA_STORE
code=0

serve() { # LEDGER: prints the URL of the page
	NARADA_STATE_DIR="$tmp/$1" "$tmp/narada" ui --addr 127.0.0.1:0 >"$tmp/$1.url" &
	pids+=($!)
	until grep -q token= "$tmp/$1.url"; do sleep 0.1; done
}
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

echo "filling a ledger with $tasks tasks"
"$tmp/filling" -tasks "$tasks" "$tmp/million"
"$tmp/filling" -tasks 10 "$tmp/ten"
serve million
serve ten
for ((i = 0; i < rounds; i++)); do
	for ledger in million ten; do
		curl -sf -o /dev/null -w '%{time_total}\n' "$(sed 's,/?,/tasks?,' "$tmp/$ledger.url")" >>"$tmp/$ledger.times"
	done
done
million=$(median <"$tmp/million.times")
ten=$(median <"$tmp/ten.times")
awk -v m="$million" -v t="$ten" 'BEGIN { printf "the first page, a million tasks : ten: %.2f, %.0f ms at the median\n", m / t, m * 1000; exit m >= 0.1 }' || code=1

mkdir "$tmp/live"
NARADA_STATE_DIR="$tmp/live" "$tmp/narada" listen --local --ready-file "$tmp/ready.json" >/dev/null 2>&1 &
pids+=($!)
until [ -e "$tmp/ready.json" ]; do sleep 0.1; done
serve live
"$tmp/showing" -callbacks "$callbacks" "$browser" "$(cat "$tmp/live.url")" "$tmp/ready.json" || code=1
NARADA_STATE_DIR="$tmp/live" "$tmp/tabs" -tabs "$tabs" -rate "$rate" -seconds "$seconds" "$(cat "$tmp/live.url")" "$tmp/ready.json" "$tmp/narada" history --limit 1 || code=1

bytes=$(cat "$repository"/pkg/ui/static/* | wc -c)
echo "script and style: $bytes bytes"
[ "$bytes" -lt 60000 ] || code=1
exit "$code"
