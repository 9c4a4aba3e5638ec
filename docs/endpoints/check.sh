#!/usr/bin/env bash
# Starts each example endpoint and runs "narada check" on it. The examples must have no
# FAIL, and the endpoints of the cloud's documentation exactly those listed below.
#
#     docs/endpoints/check.sh
#
# It requires Go, jq and, except for the Go endpoint, a network: it installs Express with
# npm and FastAPI with pip into a temporary folder. As root, it installs missing commands
# with apt-get. An endpoint whose libraries cannot be installed is skipped.
#
# Exit status: 0 all as expected; 1 otherwise; 77 only the Go endpoint was checked, or
# nothing without jq.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)

# The tests that must fail, sorted. text-8mib is skipped once text-1mib has failed.
declare -A expected=(
  [go]=""
  [node]=""
  [python]=""
  [documented-node]="missing-header missing-secret text-1mib"
  [documented-python]="missing-header"
)

work=$(mktemp -d)
server=""

say() { printf '%s\n' "$*" >&2; }

stop() {
  [[ -n $server ]] || return 0
  kill "$server" 2>/dev/null || true
  for _ in {1..50}; do
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
  done
  kill -KILL "$server" 2>/dev/null || true
  wait "$server" 2>/dev/null || true
  server=""
}

# shellcheck disable=SC2317 # the trap calls it
cleanup() {
  stop
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# have_command NAME PACKAGE... succeeds if the command exists or can be installed.
have_command() {
  command -v "$1" >/dev/null || install_debian "${@:2}" && command -v "$1" >/dev/null
}

install_debian() {
  [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null || return 1
  say "installing $* with apt-get"
  { DEBIAN_FRONTEND=noninteractive timeout 120 apt-get install -y --no-install-recommends "$@" ||
    { timeout 60 apt-get update && DEBIAN_FRONTEND=noninteractive timeout 120 apt-get install -y --no-install-recommends "$@"; }
  } >"$work/apt.log" 2>&1 </dev/null || { tail -n 3 "$work/apt.log" >&2; return 1; }
}

install_express() {
  if ! have_command node nodejs || ! have_command npm npm; then
    say "Node.js or npm is missing"
    return 1
  fi
  mkdir "$work/node"
  timeout 120 npm install --prefix "$work/node" --no-audit --no-fund --no-save express >"$work/npm.log" 2>&1 </dev/null ||
    { tail -n 3 "$work/npm.log" >&2; return 1; }
}

# install_fastapi sets $python to an interpreter that has FastAPI.
install_fastapi() {
  local candidate
  for candidate in python3 /usr/bin/python3; do
    if "$candidate" -c 'import fastapi, uvicorn' 2>/dev/null; then
      python=$(command -v "$candidate")
      return
    fi
  done
  if python3 -m venv "$work/venv" >"$work/pip.log" 2>&1 &&
    "$work/venv/bin/pip" install --quiet --disable-pip-version-check --retries 0 --timeout 15 fastapi uvicorn \
      >>"$work/pip.log" 2>&1 </dev/null; then
    python=$work/venv/bin/python
    return
  fi
  say "FastAPI could not be installed with pip:"
  tail -n 1 "$work/pip.log" >&2
  install_debian python3-fastapi python3-uvicorn && /usr/bin/python3 -c 'import fastapi, uvicorn' || return 1
  python=/usr/bin/python3
}

free_port() {
  local p
  for _ in {1..50}; do
    p=$((20000 + RANDOM % 12000)) # below the system's ephemeral ports
    if ! (exec 3<>"/dev/tcp/127.0.0.1/$p") 2>/dev/null; then
      echo "$p"
      return
    fi
  done
  say "no free port found"
  return 1
}

# start NAME PORT replaces the calling shell by the endpoint.
start() {
  export PORT=$2
  case $1 in
    go) exec "$work/go-endpoint" ;;
    node | documented-node) NODE_PATH=$work/node/node_modules exec node "$here/$1/server.js" ;;
    python) exec "$python" -B "$here/python/main.py" ;;
    documented-python)
      cd "$here/documented-python"
      exec "$python" -B -m uvicorn main:app --host 127.0.0.1 --port "$2" ;;
  esac
}

# until_it_answers PORT fails if the server has ended, or does not listen within 20 s.
until_it_answers() {
  for _ in {1..200}; do
    kill -0 "$server" 2>/dev/null || return 1
    if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then return 0; fi
    sleep 0.1
  done
  return 1
}

count() { jq -s --arg verdict "$2" 'map(select(.verdict == $verdict)) | length' "$1"; }

# try NAME checks one endpoint, adds a line to the table and prints unexpected results.
try() {
  local name=$1 port lines=$work/$1.jsonl code=0 failed
  port=$(free_port) || return 1
  (start "$name" "$port") >"$work/$name.log" 2>&1 </dev/null &
  server=$!
  if ! until_it_answers "$port"; then
    say "$name did not start:"
    tail -n 5 "$work/$name.log" >&2
    stop
    return 1
  fi
  "$work/narada" check "http://127.0.0.1:$port/api/narada/webhook" --allow-http --yes \
    --callback-secret env:NARADA_CALLBACK_SECRET --callback-header 'Authorization: env:WEBHOOK_AUTHORIZATION' \
    -o json >"$lines" 2>"$work/check.log" </dev/null || code=$?
  stop
  # 0 and 3 are verdicts; otherwise, or without any finding, the check itself failed.
  if [[ $code != 0 && $code != 3 ]] || [[ $(count "$lines" PASS) == 0 ]]; then
    say "$name: narada check ended with $code:"
    tail -n 5 "$work/check.log" >&2
    return 1
  fi
  failed=$(jq -r 'select(.verdict == "FAIL").test' "$lines" | LC_ALL=C sort | paste -s -d ' ' -)
  printf '%-18s %5s %5s %5s  %s\n' "$name" "$(count "$lines" PASS)" "$(count "$lines" WARN)" \
    "$(count "$lines" FAIL)" "${failed:--}" >>"$work/table"
  jq -r --arg name "$name" 'select(.verdict == "WARN") | "\($name): \(.test): \(.detail)"' "$lines" >&2
  if [[ $failed != "${expected[$name]}" ]]; then
    say "$name: failed: ${failed:-nothing}; expected: ${expected[$name]:-nothing}"
    jq -r 'select(.verdict == "FAIL") | "  \(.test): \(.detail)"' "$lines" >&2
    return 1
  fi
  if [[ $code != $([[ -z $failed ]] && echo 0 || echo 3) ]]; then
    say "$name: narada check ended with $code, which contradicts its findings"
    return 1
  fi
}

command -v go >/dev/null || { say "Go is required"; exit 1; }
have_command jq jq || { say "jq is required and could not be installed: nothing was checked"; exit 77; }
(cd "$root" && go build -o "$work/narada" . && go build -o "$work/go-endpoint" ./docs/endpoints/go)

# Do not use the caller's settings and secrets.
export XDG_CONFIG_HOME=$work/config XDG_STATE_HOME=$work/state
WEBHOOK_TOKEN=token-$RANDOM$RANDOM$RANDOM
NARADA_CALLBACK_SECRET=secret-$RANDOM$RANDOM$RANDOM
WEBHOOK_AUTHORIZATION="Bearer $WEBHOOK_TOKEN"
export WEBHOOK_TOKEN NARADA_CALLBACK_SECRET WEBHOOK_AUTHORIZATION

python=""
names=(go)
if install_express; then names+=(node documented-node); else say "skipped: the endpoints with Express"; fi
if install_fastapi; then names+=(python documented-python); else say "skipped: the endpoints with FastAPI"; fi

status=0
printf '%-18s %5s %5s %5s  %s\n' endpoint PASS WARN FAIL 'failed tests' >"$work/table"
for name in "${names[@]}"; do
  try "$name" || status=1
done
cat "$work/table"
if [[ $status == 0 && ${#names[@]} == 1 ]]; then
  say "only the Go endpoint was checked"
  exit 77
fi
exit "$status"
