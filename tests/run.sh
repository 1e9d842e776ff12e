#!/usr/bin/env bash
# The whole test suite: installs what it needs, runs every stage, and ends with the sums alone on the last line.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
set -uo pipefail

usage() {
  cat <<'TEXT'
Usage: tests/run.sh [--yes] [unit|e2e|python|cuda|kafka|manifests]...

Installs what the tests need (it asks on a terminal), runs them all, and ends with "N passed, N failed".
Exit code 0 when nothing failed, 1 when something did, 2 for a wrong argument.

  unit       formatting, and the tests inside each crate
  e2e        tests of whole programs: real processes, crashes, simulation, structure
  python     the tables and the export, read by deltalake, DuckDB and pyarrow from PyPI
  cuda       the CUDA kernels, compiled by NVRTC from PyPI and executed by an interpreter: no GPU is needed
  kafka      over three real brokers of Apache Kafka: whole programs, a short soak, the log's contract, brokers that die and pause
  manifests  image, compose file, chart, alarms and dashboard, by the tools of those who read them

Examples:
  tests/run.sh               # everything
  tests/run.sh unit          # seconds, once built
  CARGO_TARGET_DIR=/tmp/t tests/run.sh --yes e2e python
TEXT
}

# No stage takes longer than this, however many cores are busy elsewhere.
LIMIT_S=4500
YES=0 STAGES=()
for argument in "$@"; do
  case $argument in
    --yes | -y) YES=1 ;;
    unit | e2e | python | cuda | kafka | manifests) STAGES+=("$argument") ;;
    --help | -h) usage; exit 0 ;;
    *) printf 'error unknown argument: %s\n\n' "$argument" >&2; usage >&2; exit 2 ;;
  esac
done
[ ${#STAGES[@]} -gt 0 ] || STAGES=(unit e2e python cuda kafka manifests)
# A test run without a terminal is a script's: it says what it installs and goes on.
if [ ! -t 0 ] || [ ! -t 1 ]; then YES=1; fi

ROOT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd) || exit 1
cd -- "$ROOT" || exit 1
# shellcheck source=deploy/toolchain.sh
. "$ROOT/deploy/toolchain.sh"
begin
[ -z "$BOLD" ] || export CARGO_TERM_COLOR=always

PASSED=0 FAILED=0 GROUP='' SCRATCH='' BROKERS=''
SUMMARY=()
trap 'finish_group; stop_brokers; [ "$FAILED" -gt 0 ] || [ -z "$SCRATCH" ] || rm -rf "$SCRATCH"' EXIT

wanted() { case " ${STAGES[*]} " in *" $1 "*) return 0 ;; *) return 1 ;; esac; }

# alive GROUP: something of the process group still runs. The dead that nobody has reaped yet do not count.
alive() {
  # Some process always goes while it is looked at; that is no failure of the pipe.
  { cat /proc/[0-9]*/stat 2>/dev/null || true; } | sed 's/^.*) //' |
    awk -v group="$1" '$3 == group && $1 != "Z" { found = 1 } END { exit !found }'
}

# Ends what a stage left behind. A process that is just being reaped gets two seconds to go by itself.
finish_group() {
  local tries=0
  [ -n "$GROUP" ] || return 0
  while alive "$GROUP" && [ $tries -lt 20 ]; do sleep 0.1; tries=$((tries + 1)); done
  alive "$GROUP" || { GROUP=''; return 0; }
  kill -KILL -- "-$GROUP" 2>/dev/null
  GROUP=''
  return 1
}

# stage TITLE LOG COMMAND...: runs a command in a process group of its own, shows and keeps its output, times it, and
# counts a failure for anything it leaves running.
stage() {
  local title=$1 log=$2 started=$SECONDS status=0
  shift 2
  say "${BOLD}$title${PLAIN}"
  set -m
  timeout --kill-after=10 "$LIMIT_S" "$@" </dev/null > >(tee "$log") 2>&1 &
  GROUP=$!
  set +m
  wait "$GROUP" || status=$?
  if ! finish_group; then
    say "    it left processes running; they were ended"
    FAILED=$((FAILED + 1))
  fi
  SUMMARY+=("$(printf '%6s  %s' "$(clock $((SECONDS - started)))" "$title")")
  [ $status != 124 ] || say "    stopped after $LIMIT_S seconds"
  return $status
}

# count STATUS LOG: adds up the sums that a test runner printed. A failure that no sum shows (the build broke, a test
# binary died) counts as one.
count() {
  local passed failed
  passed=$(sum passed "$2")
  failed=$(sum failed "$2")
  [ "$1" = 0 ] || [ "$failed" -gt 0 ] || failed=1
  [ "$1" != 0 ] || [ $((passed + failed)) -gt 0 ] || { say '    it ran no test'; failed=1; }
  PASSED=$((PASSED + passed)) FAILED=$((FAILED + failed))
}

# sum WORD LOG: from lines such as "test result: ok. 12 passed; 0 failed; …" and "12 passed, 0 failed".
sum() {
  sed -n "s/^test result: .* \([0-9][0-9]*\) $1[;,].*/\1/p; s/^\([0-9][0-9]* passed, \)*\([0-9][0-9]*\) $1\(, .*\)*\$/\2/p" "$2" |
    awk '{ n += $1 } END { print n + 0 }'
}

format() {
  if ! find_rustfmt; then note 'formatting: skipped, no rustfmt here'; return; fi
  local status=0
  stage 'Formatting' "$LOGS/fmt.log" cargo fmt --all --check || status=$?
  if [ $status = 0 ]; then PASSED=$((PASSED + 1)); else FAILED=$((FAILED + 1)); fi
}

# One profile and one resolution of features over the workspace, as in the quickstart: dependencies are compiled once.
tests() {
  local title=$1 log=$2 status=0
  shift 2
  stage "$title" "$log" cargo test --release --locked --workspace --no-fail-fast "$@" || status=$?
  count $status "$log"
}

readers() {
  SCRATCH=$TARGET/e2e/run.$$
  mkdir -p "$SCRATCH"
  local status=0 log=$LOGS/python.log
  stage 'Readers from PyPI' "$log" bash tests/e2e/python/run.sh "$SCRATCH" || status=$?
  count $status "$log"
  [ "$FAILED" = 0 ] || note "kept: $SCRATCH"
}

# Without its compiler the stage fails: kernels that nobody compiled are not proved.
cuda() {
  local status=0 log=$LOGS/nvrtc.log
  stage 'NVRTC from PyPI' "$log" bash tests/cuda/wheel.sh requirements.txt libnvrtc.so.12 || status=$?
  CAIRN_NVRTC=$(grep '/libnvrtc.so.12$' "$log" | tail -n 1)
  if [ $status != 0 ] || [ -z "$CAIRN_NVRTC" ]; then
    FAILED=$((FAILED + 1))
    return
  fi
  export CAIRN_NVRTC
  tests 'CUDA kernels' "$LOGS/cuda.log" --lib -- --ignored cuda:: --skip cuda::tests::device --skip cuda::tests::bench
  unset CAIRN_NVRTC
}

# Brokers outlive the stage that starts them, as they would in life; they are stopped whatever happens.
kafka() {
  local status=0 log=$LOGS/kafka-up.log
  BROKERS=$TARGET/e2e/kafka.$$
  stage 'Kafka comes up' "$log" bash deploy/kafka/up.sh "$BROKERS" 3 || status=$?
  CAIRN_KAFKA=$(sed -n 's/^BOOTSTRAP=//p' "$log" | tail -n 1)
  if [ $status != 0 ] || [ -z "$CAIRN_KAFKA" ]; then
    FAILED=$((FAILED + 1))
    return
  fi
  export CAIRN_KAFKA CAIRN_KAFKA_DIR=$BROKERS
  # Whole programs first: the others kill the brokers.
  CAIRN_E2E_LOG=kafka tests 'Programs over Kafka' "$LOGS/kafka-e2e.log" --test e2e -- --include-ignored --skip kafka:: --skip struck:: --test-threads=2
  tests 'Roles over Kafka' "$LOGS/kafka-roles.log" --test e2e -- --ignored kafka:: --nocapture --test-threads=2
  CAIRN_SOAK_SEED=$RANDOM tests 'Programs whose brokers are struck' "$LOGS/kafka-struck.log" --test e2e -- --ignored struck:: --nocapture --test-threads=1
  tests 'Kafka' "$LOGS/kafka.log" --test kafka -- --ignored --nocapture --test-threads=1
  unset CAIRN_KAFKA CAIRN_KAFKA_DIR
  stop_brokers
}

stop_brokers() {
  [ -n "$BROKERS" ] || return 0
  bash deploy/kafka/down.sh "$BROKERS"
  if [ "$FAILED" = 0 ]; then rm -rf "$BROKERS"; else note "kept: $BROKERS"; fi
  BROKERS=''
}

manifests() {
  local status=0 log=$LOGS/manifests.log
  stage 'Manifests' "$log" bash tests/manifests/run.sh || status=$?
  count $status "$log"
}

say "${BOLD}What is here${PLAIN}"
JAVA=''
if wanted kafka; then JAVA=kafka; fi
if wanted python || wanted cuda || wanted manifests; then find_needs for_tests "$JAVA"; else find_needs for_build "$JAVA"; fi
install_needs

if wanted unit; then format; fi
if wanted unit && wanted e2e; then
  tests 'Tests' "$LOGS/tests.log"
elif wanted unit; then
  tests 'Unit tests' "$LOGS/unit.log" --lib --bins
elif wanted e2e; then
  tests 'Whole programs' "$LOGS/e2e.log" --test '*'
fi
if wanted python; then readers; fi
if wanted cuda; then cuda; fi
if wanted kafka; then kafka; fi
if wanted manifests; then manifests; fi

say ''
printf '%s\n' "${SUMMARY[@]}"
say "$PASSED passed, $FAILED failed"
[ "$FAILED" = 0 ]
