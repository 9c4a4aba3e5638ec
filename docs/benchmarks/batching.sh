#!/usr/bin/env bash
# Compares narada batch run with programs that only send tasks, and measures its
# memory and the latency of its results. Needs Go, this checkout and Linux. PYTHON
# adds a comparison with a Python that has aiohttp. See README.md.
#
#   PYTHON=/usr/bin/python3 docs/benchmarks/batching.sh
set -euo pipefail

repository="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)"
tmp="$(mktemp -d)"
trap 'rm -rf -- "$tmp"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

go build -C "$repository" -trimpath -o "$tmp/narada" .
go build -C "$repository" -o "$tmp/batching" ./docs/benchmarks/batching
"$tmp/batching" compare -rounds 3 "$tmp/narada" ${PYTHON:+"$repository/docs/benchmarks/batching/client.py"}
"$tmp/batching" latency "$tmp/narada"
"$tmp/batching" memory "$tmp/narada"
