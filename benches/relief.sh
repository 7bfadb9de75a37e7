#!/bin/bash
# benches/relief.sh [--quick] [--calls N] [--graph FILE]
#
# What amiplex takes off a real Asterisk 22: starts one (tests/asterisk, installed if it is missing; needs root), makes
# calls on it, and prints the CPU of Asterisk and of amiplex with clients that read everything, and with clients that poll, directly
# and through amiplex. About five minutes; --quick one and a half.
#
#   --calls N      calls per second, of ten seconds each (default 5)
#   --graph FILE   draws the readers' part into an SVG file
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export AMIPLEX_TEST_CACHE=${AMIPLEX_TEST_CACHE:-$PWD/tests/.cache}
export AMIPLEX_TEST_PORT_BASE=${AMIPLEX_TEST_PORT_BASE:-32000}
tests/asterisk/install
trap 'tests/asterisk/down pbx1 >/dev/null' EXIT
# name version ami_port tls_port pid
read -r _ version port _ process < <(tests/asterisk/up pbx1 | grep '^pbx1 ')
echo "Asterisk $version"
cargo bench --bench relief -- --asterisk "127.0.0.1:$port" --process "$process" "$@"
