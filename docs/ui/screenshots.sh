#!/usr/bin/env bash
# Makes the pictures of the page: each page at 1280 and 375 pixels, light and dark, of a
# ledger that the sandbox has filled. Needs Go and Chromium.
#
#   docs/ui/screenshots.sh [FOLDER]      the folder is /tmp/narada-ui without one
#
# With the folder docs/ui it replaces the two pictures of the guide.
set -euo pipefail

repository="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)"
to="$(mkdir -p -- "${1:-/tmp/narada-ui}" && cd -- "${1:-/tmp/narada-ui}" && pwd)"
browser="$(command -v chromium || command -v chromium-browser || command -v google-chrome)" || {
	echo "screenshots.sh: Chromium is required" >&2
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

CGO_ENABLED=0 go build -C "$repository" -o "$tmp/narada" .
narada="$tmp/narada"
cd "$tmp"
cat >rules.yaml <<'RULES'
delay: 400ms
rules:
  - match: cheapest
    text: "Three flights: 09:15 for 129 EUR, 12:40 for 98 EUR, 18:05 for 143 EUR.\nThe cheapest is at 12:40."
  - {match: report, status: error, text: "The portal asks for a second factor."}
  - {match: slow, delay: 1500ms, text: "done"}
  - {match: forever, delay: 1h}
  - {text: "14 jobs match."}
RULES
env -u NARADA_STORE "$narada" sandbox --addr 127.0.0.1:0 --rules rules.yaml 2>cloud & pids+=($!)
until url=$(grep -o 'http://[^ ]*/fast/v2' cloud | head -n 1) && [ -n "$url" ]; do sleep 0.1; done
export NARADA_API_BASE_URL="$url" NARADA_API_KEY=any NARADA_BROWSER_WINDOW_ID=w NARADA_STATE_DIR="$tmp/state" NARADA_POLL_INTERVAL=100ms NGROK_AUTHTOKEN=
unset NARADA_STORE

for n in 1 2 3 4 5 6 7 8 9 10 11 12; do
	echo "find the opening hours of museum number $n in Cologne"
	[ $((n % 4)) -ne 0 ] || echo "download report $n from the portal"
	[ $((n % 3)) -ne 0 ] || echo "compare the prices of slow shop $n"
done >prompts.txt
"$narada" batch run prompts.txt --name museums --local -q >/dev/null || true
"$narada" run --via poll --agent core -q "search for software engineering jobs and count the results" >/dev/null
"$narada" run --local -q "find the cheapest flight to Berlin tomorrow" -o json --jq .requestId >id
"$narada" run --local -q "watch the queue forever" & pids+=($!)
until address=$("$narada" history show --last -o json --jq 'select(.prompt | startswith("watch")).request.callbackUrl' 2>/dev/null) && [[ $address == http* ]]; do sleep 0.1; done
curl -s -o answer -X POST -H 'Content-Type: application/json' -d '{}' "$address"
"$narada" ui --addr 127.0.0.1:0 >page & pids+=($!)
until grep -q token= page; do sleep 0.1; done
base=$(sed 's,/?token.*,,' page)
token=$(sed 's/.*token=//' page)

shoot() { # NAME PATH WIDTH HEIGHT SCHEME
	local dark=()
	[ "$5" = light ] || dark=(--blink-settings=preferredColorScheme=0)
	timeout 60 "$browser" --headless --no-sandbox --disable-gpu --hide-scrollbars --force-device-scale-factor=1 "${dark[@]}" \
		--user-data-dir="$tmp/browser" --window-size="$3,$4" --screenshot="$1" "$base$2?token=$token" >/dev/null 2>&1
}

for scheme in light dark; do
	for width in 1280 375; do
		for page in tasks:/tasks "task:/tasks/$(cat id)" callbacks:/callbacks batches:/batches batch:/batches/museums usage:/usage; do
			shoot "$to/${page%%:*}-$width-$scheme.png" "${page#*:}" "$width" 900 "$scheme"
		done
	done
done
if [ "$to" = "$repository/docs/ui" ]; then
	mv "$to/tasks-1280-light.png" "$to/tasks.png"
	mv "$to/task-1280-light.png" "$to/task.png"
	rm -- "$to"/*-1280-*.png "$to"/*-375-*.png
fi
echo "the pictures are in $to"
