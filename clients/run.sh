#!/usr/bin/env bash
# Runs the suites of other languages' official clients against a Leat in memory:
#
#   clients/run.sh              all suites
#   clients/run.sh python sam   some of them
#
# LEAT_BIN names the binary (default: bin/leat of this repository). Packages are
# fetched once, with the pinned versions, and kept in clients/.cache and where npm
# and Maven keep theirs; later runs need no network. The last line says how many
# tests passed and failed; the exit code is 1 if any failed.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")" || exit 1

readonly ALL=(python javascript python-jsonnode java java-kcl java-jsonnode serverless sam)
LEAT_BIN=${LEAT_BIN:-$PWD/../bin/leat}
CACHE=$PWD/.cache
WORK=$(mktemp -d)
LEAT_PID=
passed=0
failed=0

# Nothing of the caller's AWS settings may reach a test, nor a test real AWS.
unset AWS_PROFILE AWS_SESSION_TOKEN
export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1
export AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_EC2_METADATA_DISABLED=true
export AWS_PAGER= PYTHONDONTWRITEBYTECODE=1

stop_leat() {
  [ -n "$LEAT_PID" ] || return 0
  kill "$LEAT_PID" 2>/dev/null
  wait "$LEAT_PID" 2>/dev/null
  LEAT_PID=
}
trap 'stop_leat; rm -rf "$WORK"' EXIT
trap 'exit 130' INT TERM

# start_leat FLAGS... starts the platform on free ports and waits until it is ready.
start_leat() {
  (cd "$WORK" && exec "$LEAT_BIN" up --memory --addr 127.0.0.1:0 --registry-addr 127.0.0.1:0 "$@") >"$WORK/leat.log" 2>&1 &
  LEAT_PID=$!
  for _ in $(seq 200); do
    if grep -q '^Ready' "$WORK/leat.log"; then
      AWS_ENDPOINT_URL=$(awk '/AWS APIs/ {print $3}' "$WORK/leat.log")
      LEAT_REGISTRY_URL=$(awk '/Registry/ {print $2}' "$WORK/leat.log")
      export AWS_ENDPOINT_URL LEAT_REGISTRY_URL
      return 0
    fi
    kill -0 "$LEAT_PID" 2>/dev/null || break
    sleep 0.1
  done
  cat "$WORK/leat.log" >&2
  return 1
}

# once NAME FILES... -- COMMAND runs COMMAND unless it has succeeded for these very files.
once() {
  local stamp=$CACHE/$1.stamp files=() sum
  shift
  while [ "$1" != -- ]; do files+=("$1"); shift; done
  shift
  sum=$(cat "${files[@]}" | cksum)
  [ "$(cat "$stamp" 2>/dev/null)" = "$sum" ] && return 0
  "$@" >"$WORK/install.log" 2>&1 || { cat "$WORK/install.log" >&2; return 1; }
  echo "$sum" >"$stamp"
}

venv() { # NAME REQUIREMENTS
  rm -rf "${CACHE:?}/$1" && python3 -m venv "$CACHE/$1" && "$CACHE/$1/bin/pip" install -q -r "$2"
}

install_python() {
  once python python/requirements.txt -- venv python python/requirements.txt && serdetool
}
install_python_jsonnode() { install_python; }
install_javascript() {
  once javascript javascript/package-lock.json -- npm --prefix javascript ci --no-audit --no-fund && serdetool
}
install_java() { serdetool; } # Maven fetches what the tests need as it runs them
install_java_kcl() { :; }
install_java_jsonnode() { serdetool; }
install_serverless() {
  once serverless serverless/package-lock.json -- npm --prefix serverless ci --no-audit --no-fund && install_python
}
install_sam() { once sam sam/requirements.txt -- venv sam sam/requirements.txt && install_python; }

serdetool() { (cd .. && go build -o "$CACHE/serdetool" ./clients/internal/serdetool); }

# Each run_SUITE leaves its counts in PASS and FAIL.
pytests() { # FOLDER
  local xml=$WORK/pytest.xml
  "$CACHE/python/bin/python" -m pytest -q --no-header -p no:cacheprovider --junitxml="$xml" "$1"
  local attributes
  attributes=$(grep -o '<testsuite [^>]*>' "$xml" 2>/dev/null | head -1)
  count() { echo "$attributes" | sed -nE "s/.* $1=\"([0-9]+)\".*/\1/p"; }
  FAIL=$(($(count failures) + $(count errors)))
  PASS=$(($(count tests) - FAIL - $(count skipped)))
}
run_python() { SERDETOOL=$CACHE/serdetool PATH=$CACHE/python/bin:$PATH pytests python; }
run_python_jsonnode() { SERDETOOL=$CACHE/serdetool pytests python-jsonnode; }
run_serverless() { pytests serverless; }
run_sam() { SAM=$CACHE/sam/bin/sam pytests sam; }

run_javascript() {
  SERDETOOL=$CACHE/serdetool node --test --test-reporter=tap javascript/*.test.js >"$WORK/tap" 2>&1
  PASS=$(sed -nE 's/^# pass ([0-9]+)/\1/p' "$WORK/tap")
  FAIL=$(($(sed -nE 's/^# fail ([0-9]+)/\1/p' "$WORK/tap") + $(sed -nE 's/^# cancelled ([0-9]+)/\1/p' "$WORK/tap")))
  [ "${FAIL:-1}" -eq 0 ] || cat "$WORK/tap"
}

# Maven needs the network only for what it has not fetched yet.
maven() { # FOLDER
  local log=$WORK/mvn.log stamp=$CACHE/$1.stamp mvn=(mvn -B -f "$1/pom.xml" test)
  [ "$(cat "$stamp" 2>/dev/null)" = "$(cksum <"$1/pom.xml")" ] && mvn+=(-o)
  SERDETOOL=$CACHE/serdetool "${mvn[@]}" >"$log" 2>&1
  local status=$? run failures errors skipped
  read -r run failures errors skipped < <(sed -nE 's/.*Tests run: ([0-9]+), Failures: ([0-9]+), Errors: ([0-9]+), Skipped: ([0-9]+)$/\1 \2 \3 \4/p' "$log" | tail -1)
  FAIL=$((${failures:-0} + ${errors:-0}))
  PASS=$((${run:-0} - FAIL - ${skipped:-0}))
  if [ $status -eq 0 ]; then
    cksum <"$1/pom.xml" >"$stamp"
  else
    [ $FAIL -gt 0 ] || FAIL=1
    grep -E 'ERROR|FAIL' "$log" | head -80
  fi
  return $status
}
run_java() { maven java && grep '^Avro compatibility' "$WORK/mvn.log"; }
run_java_kcl() { maven java-kcl && grep -E '^  shardId-|processed, ' "$WORK/mvn.log"; }
run_java_jsonnode() { maven java-jsonnode; }

suites=("${@:-${ALL[@]}}")
for suite in "${suites[@]}"; do
  if [[ " ${ALL[*]} " != *" $suite "* ]]; then
    echo "no suite $suite; there are: ${ALL[*]}" >&2
    exit 2
  fi
done
[ -x "$LEAT_BIN" ] || { echo "no binary at $LEAT_BIN: run make build, or set LEAT_BIN" >&2; exit 2; }
LEAT_BIN=$(realpath "$LEAT_BIN")
export LEAT_BIN # the fixtures start platforms of their own
mkdir -p "$CACHE"

# What a suite needs the platform to be told.
declare -A FLAGS=([java-kcl]='--table-shard-period 5s')

for suite in "${suites[@]}"; do
  PASS=0 FAIL=1 began=$SECONDS
  # shellcheck disable=SC2086 # flags are words
  if "install_${suite//-/_}" && start_leat ${FLAGS[$suite]:-}; then
    "run_${suite//-/_}"
  fi
  stop_leat
  PASS=${PASS:-0} FAIL=${FAIL:-1}
  [ $((PASS + FAIL)) -gt 0 ] || FAIL=1 # a suite without tests has not passed
  printf '%-16s %4d passed, %d failed  (%d s)\n' "$suite" "$PASS" "$FAIL" $((SECONDS - began))
  passed=$((passed + PASS)) failed=$((failed + FAIL))
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
