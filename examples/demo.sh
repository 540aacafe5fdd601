#!/bin/sh
# Plays the four example systems and checks their outcomes; see examples/internal/demo.
#   examples/demo.sh [-only payments] [-v]
# Needs Go, Python 3 and Node.js.
set -eu
cd "$(dirname "$0")/.."
go build -o bin/leat ./cmd/leat
go build -o bin/demo ./examples/internal/demo
exec bin/demo -leat bin/leat -examples examples "$@"
